"""How a transcript becomes a reference: lower case, words of the kept characters, single spaces between them.

Our choice, after what word error tools agree on: punctuation does not count as words, and nothing that was
spoken (a digit, a letter of another alphabet) vanishes unless the description says so.
"""

import unicodedata

from isogloss.corpus.description import TextRules
from isogloss.errors import TableError

APOSTROPHES = "‘’ʼ＇"
"""Typographic forms of the apostrophe, which become `'` where that is kept."""


class Normaliser:
    """Apply the text rules of a corpus.

    >>> Normaliser(TextRules())("WE CALL  IT, “BEAR”.", where="corpus.csv, line 2")
    'we call it bear'
    """

    def __init__(self, rules: TextRules) -> None:
        self._rules = rules
        self._replacements: dict[str, str | None] = {}

    def __call__(self, text: str, *, where: str) -> str:
        """The reference of a transcript.

        Raises
        ------
        TableError
            A letter or digit is not in `text.keep` (and `text.others` is `error`), or no word is left. The
            message begins with `where`.
        """
        # Lower-casing can decompose (Turkish İ), so composition comes last.
        lowered = unicodedata.normalize("NFC", text.lower())
        characters = []
        for character in lowered:
            replacement = self._replacement(character)
            if replacement is None:
                raise TableError(
                    f"{where}: text {text!r} holds {character!r}, which text.keep does not list; spell it "
                    "out, add it to text.keep, or set text.others in the corpus description"
                )
            characters.append(replacement)
        words = [word for word in "".join(characters).split() if any(map(str.isalnum, word))]
        if not words:
            raise TableError(f"{where}: nothing of text {text!r} is left after normalisation; leave the row out")
        return " ".join(words)

    def _replacement(self, character: str) -> str | None:
        """What a lower-case character becomes; None where that is an error."""
        if character not in self._replacements:
            self._replacements[character] = self._decide(character)
        return self._replacements[character]

    def _decide(self, character: str) -> str | None:
        """The rule for a character that has not been met before."""
        rules = self._rules
        if character in rules.keep:
            return character
        if character in APOSTROPHES and "'" in rules.keep:
            return "'"
        if character.isspace():
            return " "
        category = unicodedata.category(character)[0]
        if category == "C":  # zero-width and control characters: invisible, and inside words
            return ""
        if category in "PSZ":
            return " " if rules.punctuation == "space" else ""
        return {"error": None, "space": " ", "remove": ""}[rules.others]
