"""What becomes of an utterance that cannot be used: the corpus is refused, or the utterance is left out and listed."""

from isogloss.errors import IsoglossError


class LeftOut:
    """The utterances that are left out, each with one sentence that begins with its place.

    Parameters
    ----------
    skip
        Whether to leave out; otherwise the first bad utterance refuses the corpus.
    """

    def __init__(self, *, skip: bool) -> None:
        self._skip = skip
        self.sentences: list[str] = []

    def refuse(self, error: IsoglossError) -> None:
        """Note that an utterance is left out, or raise the error that says what is wrong with it."""
        if not self._skip:
            raise error
        self.sentences.append(str(error))
