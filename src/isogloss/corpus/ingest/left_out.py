"""Utterances that cannot be used: the corpus is refused, or they are left out and listed."""

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
        """Record that an utterance is left out, or raise its error."""
        if not self._skip:
            raise error
        self.sentences.append(str(error))
