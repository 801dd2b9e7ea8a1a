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
from collections.abc import Callable, Sequence

from isogloss.errors import ParamsError

FILLERS = ("uh", "um", "uhm", "hm", "hmm", "mm", "mhm", "er", "erm", "ah", "eh")
_FILLERS = re.compile(rf"(?<!\S)(?:{'|'.join(FILLERS)})(?!\S)", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\[\]\n]*\]|<[^<>\n]*>|\([^()\n]*\)")
_LONE_APOSTROPHES = re.compile(r"(?<!\w)'|'(?!\w)")


class _Punctuation(dict[int, str | None]):
    """A table for `str.translate` that decides on each character when it is first met."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        replacement: str | None = character
        if character in "'‘’ʼ＇":
            replacement = "'"
        elif character == "\n":  # between two texts
            replacement = "\n"
        elif category[0] in "PSZ" or character.isspace():
            replacement = " "
        elif category[0] == "C":
            replacement = None
        self[code] = replacement
        return replacement


_TABLE = _Punctuation()


STEPS: dict[str, Callable[[str], str]] = {
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "lower": lambda text: unicodedata.normalize("NFC", text.lower()),
    "brackets": lambda text: _BRACKETS.sub(" ", text),
    "punctuation": lambda text: _LONE_APOSTROPHES.sub(" ", text.translate(_TABLE)),
    "apostrophes": lambda text: text.replace("'", "").replace("’", ""),
    "fillers": lambda text: _FILLERS.sub(" ", text),
}
"""The steps in the order in which they are applied, whatever the order in which they are named. Each works on many
texts at once, a line each, since a call a text would take most of the time of an audit."""


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


def normalise(texts: Sequence[str], steps: Sequence[str]) -> list[str]:
    """Apply steps to texts; white space becomes single spaces if there is any step.

    >>> normalise(["“Don’t”, she  said [laughs]."], ("lower", "brackets", "punctuation"))
    ["don't she said"]
    """
    if not steps or not len(texts):
        return list(texts)
    lines = "\n".join(texts)
    if lines.count("\n") >= len(texts):  # a text that has line ends of its own
        lines = "\n".join(text.replace("\n", " ") for text in texts)
    for step, apply in STEPS.items():
        if step in steps:
            lines = apply(lines)
    return [" ".join(line.split()) for line in lines.split("\n")]
