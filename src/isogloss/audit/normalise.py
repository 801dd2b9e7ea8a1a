"""What counts as the same word: steps that the user chooses, applied to references and hypotheses alike.

The normaliser of corpora (`isogloss.corpus.ingest.normalise`) makes references that a model can be trained on, with a
closed list of characters; here texts are somebody else's, in any language, and nothing is applied unasked.

- `nfkc`: Unicode compatibility forms (full-width letters, ligatures) become plain ones
- `lower`: case folding by `str.lower`
- `brackets`: what stands in [], <> or () is no word: [noise], <unk>, (laughs)
- `punctuation`: punctuation and symbols separate words, but for apostrophes inside them (typographic ones become ');
  invisible characters vanish
- `apostrophes`: apostrophes vanish: don't and dont are one word
- `fillers`: the hesitations uh, um, hm, mm, mhm, er, erm, ah, eh are no words
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from isogloss.errors import ParamsError

FILLERS = frozenset({"uh", "um", "hm", "hmm", "mm", "mhm", "er", "erm", "ah", "eh", "uhm"})
_BRACKETS = re.compile(r"\[[^\[\]]*\]|<[^<>]*>|\([^()]*\)")
_LONE_APOSTROPHES = re.compile(r"(?<!\w)'|'(?!\w)")


class _Punctuation(dict[int, str | None]):
    """A table for `str.translate` that decides on each character when it is first met."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        replacement: str | None = character
        if character in "'‘’ʼ＇":
            replacement = "'"
        elif category[0] in "PSZ" or character.isspace():
            replacement = " "
        elif category[0] == "C":
            replacement = None
        self[code] = replacement
        return replacement


_TABLE = _Punctuation()


def _without_punctuation(text: str) -> str:
    """Words of letters, marks and digits, with apostrophes inside."""
    translated = text.translate(_TABLE)
    return _LONE_APOSTROPHES.sub(" ", translated) if "'" in translated else translated


def _without_fillers(text: str) -> str:
    """The words that are no hesitation."""
    return " ".join(word for word in text.split() if word.lower() not in FILLERS)


STEPS: dict[str, Callable[[str], str]] = {
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "lower": lambda text: unicodedata.normalize("NFC", text.lower()),
    "brackets": lambda text: _BRACKETS.sub(" ", text),
    "punctuation": _without_punctuation,
    "apostrophes": lambda text: text.replace("'", "").replace("’", ""),
    "fillers": _without_fillers,
}
"""The steps in the order in which they are applied, whatever the order in which they are named."""


def parse_steps(option: str) -> tuple[str, ...]:
    """The steps of `none` or `lower,punctuation`, in the order of `STEPS`.

    Raises
    ------
    ParamsError
        A step is unknown, or `none` stands among others.
    """
    named = [step.strip() for step in option.split(",") if step.strip()]
    unknown = [step for step in named if step not in STEPS and step != "none"]
    if unknown or not named:
        raise ParamsError(f"--normalise {option!r}: known are none, {', '.join(STEPS)}, separated by commas")
    if "none" in named and len(set(named)) > 1:
        raise ParamsError(f"--normalise {option!r}: none leaves texts as they are; leave it or the others out")
    return tuple(step for step in STEPS if step in named)


def normalise(texts: Iterable[str], steps: Sequence[str]) -> list[str]:
    """Apply steps to texts.

    >>> normalise(["“Don’t”, she  said [laughs]."], ("lower", "brackets", "punctuation"))
    ["don't she said"]
    """
    chosen = [STEPS[step] for step in STEPS if step in steps]
    result = []
    for text in texts:
        for step in chosen:
            text = step(text)
        result.append(" ".join(text.split()) if chosen else text)
    return result
