"""Text rules for a corpus, derived from its transcripts.

Words are made of the letters and marks that are seen, of the scripts to which at least one letter in a hundred belongs.
What else there is (digits, letters of other scripts) is refused with its row unless the user says what becomes of it:
nothing that was spoken vanishes by surprise. Our choice.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from isogloss.corpus.description import TextRules
from isogloss.io.normalise import APOSTROPHES

LEAST_SHARE = 0.01
"""A script with a smaller share of all letters counts as foreign."""
ENGLISH = TextRules().keep
RARE_TEXTS = 3
"""Letters in at most this number of texts are named, since they may be misspellings."""


@dataclass(frozen=True)
class Letters:
    """The letters of the transcripts; counts are numbers of texts."""

    texts: int
    scripts: dict[str, float]
    """Script -> its share of all letters, the largest first."""
    kept: dict[str, int]
    """Letters and marks of the corpus' scripts -> number of texts."""
    foreign: dict[str, int]
    """Letters of other scripts -> number of texts."""
    digits: dict[str, int]

    def rules(self, *, keep: str | None, others: str | None, punctuation: str | None) -> TextRules:
        """The text rules: the user's choice, and by default the letters that are kept."""
        content = {"keep": keep or self._alphabet(), "others": others, "punctuation": punctuation}
        return TextRules.model_validate({key: value for key, value in content.items() if value is not None})

    def _alphabet(self) -> str:
        """English letters and further letters that occur; for a corpus without Latin script, only those that occur."""
        seen = {letter for letter in self.kept if letter not in ENGLISH}
        latin = self.scripts.get("LATIN", 0.0) >= LEAST_SHARE
        return (ENGLISH if latin or not seen else "") + "".join(sorted(seen))

    def __str__(self) -> str:
        scripts = ", ".join(f"{name.capitalize()} {share:.1%}" for name, share in self.scripts.items())
        said = scripts or "no letters"
        beyond = "".join(letter for letter in self.kept if letter not in ENGLISH and letter.isalpha())
        said += f"; letters beyond English: {beyond}" if beyond else ""
        rare = [f"{letter!r} ({n})" for letter, n in self.kept.items() if n <= RARE_TEXTS and letter not in ENGLISH]
        said += f"; in {RARE_TEXTS} texts or fewer: {', '.join(rare[:20])}" if rare else ""
        return said


def letters_of(texts: Iterable[str]) -> Letters:
    """Count the letters of transcripts, in lower case and composed (NFC).

    Examples
    --------
    >>> letters_of(["Über die Brücke", "kein Weg"]).rules(keep=None, others=None, punctuation=None).keep
    "abcdefghijklmnopqrstuvwxyz'ü"
    """
    of_texts: Counter[str] = Counter()
    of_letters: Counter[str] = Counter()
    total = 0
    for text in texts:
        total += 1
        lowered = unicodedata.normalize("NFC", text.lower())
        of_letters.update(lowered)
        of_texts.update(set(lowered))
    scripts: Counter[str] = Counter()
    for character, count in of_letters.items():
        if unicodedata.category(character)[0] == "L":
            scripts[_script(character)] += count
    letters = scripts.total()
    own = {name for name, count in scripts.items() if count >= LEAST_SHARE * letters} | {"COMBINING"}
    kept: dict[str, int] = {}
    foreign: dict[str, int] = {}
    digits: dict[str, int] = {}
    for character in sorted(of_texts):
        category = unicodedata.category(character)[0]
        if category == "N":
            digits[character] = of_texts[character]
        elif category in "LM":
            (kept if _script(character) in own else foreign)[character] = of_texts[character]
        elif character == "'" or character in APOSTROPHES:
            kept.setdefault("'", of_texts[character])
    shares = {name: count / letters for name, count in scripts.most_common()}
    return Letters(total, shares, kept, foreign, digits)


def _script(character: str) -> str:
    """The script of a letter or mark, by the first word of its Unicode name: LATIN, DEVANAGARI, COMBINING."""
    return unicodedata.name(character, "UNNAMED").split()[0]
