"""Normalisation of texts before words are compared.

The module has two parts, which share the definitions of letters, marks, apostrophes and punctuation:

- `normalise`: steps that a user chooses, applied to references and hypotheses in any language; by default no step is
  applied
- `ReferenceNormaliser`: makes references for training from transcripts, with a closed list of characters

The steps:

- `basic`: Whisper's multilingual normaliser (2212.04356, appendix C): lower case, no brackets, marks or punctuation; it
  takes combining marks away, so it damages Indic scripts
- `english`: Whisper's English normaliser (the same): also spelling, contractions, numbers and titles
- `nfkc`: Unicode compatibility forms (full-width letters, ligatures) become plain ones
- `lower`: case folding by `str.lower`
- `brackets`: text in [], <> or () is removed: [noise], <unk>, (laughs); nested ones too: (( )), [a (b) c]
- `punctuation`: punctuation and symbols separate words, except apostrophes inside them (typographic ones become ');
  invisible characters vanish
- `apostrophes`: apostrophes are removed, so that don't and dont are the same word
- `fillers`: the hesitations uh, um, hm, mm, mhm, er, erm, ah, eh are removed
- `characters`: each character is a word of its own, so that word error rates are character error rates (CER)
"""

import functools
import importlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Literal

from isogloss.errors import ParamsError, TableError

APOSTROPHES = "‘’ʼ＇"
"""Typographic forms of the apostrophe."""
FILLERS = ("uh", "um", "uhm", "hm", "hmm", "mm", "mhm", "er", "erm", "ah", "eh")
_FILLERS = re.compile(rf"(?<!\S)(?:{'|'.join(FILLERS)})(?!\S)", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\[\]\n]*\]|<[^<>\n]*>|\([^()\n]*\)")
_OPENING = {"]": "[", ">": "<", ")": "("}
_LONE_APOSTROPHES = re.compile(r"'(?:(?<!\w')|(?!\w))")
"""Apostrophes that do not stand between two letters or digits. The pattern begins with the apostrophe, because a search
for one character is much faster than one for a boundary."""


class _Punctuation(dict[int, str | None]):
    """A table for `str.translate` that computes the entry of each character at its first use."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        replacement: str | None = character
        if character == "'" or character in APOSTROPHES:
            replacement = "'"
        elif character == "\n":  # A line end separates two texts.
            replacement = "\n"
        elif category[0] in "PSZ" or character.isspace():
            replacement = " "
        elif category[0] == "C":
            replacement = None
        self[code] = replacement
        return replacement


_TABLE = _Punctuation()


def _in_word(character: str) -> bool:
    """Whether a character is a letter, a digit, or a combining mark (such as a vowel sign), which `\\w` leaves out."""
    return character.isalnum() or unicodedata.category(character or " ")[0] == "M"


def _without_lone_apostrophe(match: re.Match[str]) -> str:
    """A space for an apostrophe at the edge of a word; the apostrophe itself inside a word."""
    text, position = match.string, match.start()
    inside = position > 0 and _in_word(text[position - 1]) and _in_word(text[position + 1 : position + 2])
    return "'" if inside else " "


def _without_brackets(text: str) -> str:
    """Texts, one per line, without brackets and their content; innermost brackets are removed first."""
    text = _BRACKETS.sub(" ", text)
    if _BRACKETS.search(text) is None:
        return text
    return "\n".join(_without_nested(line) if _BRACKETS.search(line) else line for line in text.split("\n"))


def _without_nested(line: str) -> str:
    """One line without brackets and their content, in one pass for any depth."""
    kept: list[str] = []
    opened: dict[str, list[int]] = {bracket: [] for bracket in _OPENING.values()}
    for character in line:
        if opened.get(_OPENING.get(character, "")):
            start = opened[_OPENING[character]].pop()
            kept[start:] = [" "]
            for starts in opened.values():
                while starts and starts[-1] >= start:
                    starts.pop()
            continue
        if character in opened:
            opened[character].append(len(kept))
        kept.append(character)
    return "".join(kept)


def _as_characters(text: str) -> str:
    """Spaces between characters; a combining mark stays with its letter."""
    spaced = (character if unicodedata.category(character)[0] == "M" else " " + character for character in text)
    return "".join(spaced)


@functools.cache
def _whisper(name: str) -> Callable[[str], str]:
    """A normaliser of the package `whisper-normalizer`.

    Raises
    ------
    ParamsError
        It is not installed.
    """
    try:
        module = importlib.import_module(f"whisper_normalizer.{name}")
    except ModuleNotFoundError:
        raise ParamsError(
            f"the normaliser {name!r} needs the package whisper-normalizer; install isogloss[normalizers]"
        ) from None
    return getattr(module, f"{name.capitalize()}TextNormalizer")()


def _by_line(name: str) -> Callable[[str], str]:
    """A step that applies one of Whisper's normalisers to each line, only once to equal lines."""

    def step(text: str) -> str:
        normaliser = _whisper(name)
        lines = text.split("\n")
        known = {line: " ".join(normaliser(line).split()) for line in dict.fromkeys(lines)}
        return "\n".join(known[line] for line in lines)

    return step


STEPS: dict[str, Callable[[str], str]] = {
    "basic": _by_line("basic"),
    "english": _by_line("english"),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "lower": lambda text: unicodedata.normalize("NFC", text.lower()),
    "brackets": _without_brackets,
    "punctuation": lambda text: _LONE_APOSTROPHES.sub(_without_lone_apostrophe, text.translate(_TABLE)),
    "apostrophes": lambda text: text.replace("'", "").replace("’", ""),
    "fillers": lambda text: _FILLERS.sub(" ", text),
    "characters": _as_characters,
}
"""The steps in the order in which they are applied, which does not depend on the order in which they are named. Each
takes many texts at once, one per line, since one call per text would take most of the time of an audit."""


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
    if lines.count("\n") >= len(texts):  # Some text contains line ends.
        lines = "\n".join(text.replace("\n", " ") for text in texts)
    for step, apply in STEPS.items():
        if step in steps:
            lines = apply(lines)
    return [" ".join(line.split()) for line in lines.split("\n")]


def lacks_spaces(texts: Sequence[str]) -> bool:
    """Whether texts seem to be in a script without spaces between words, such as Chinese, Japanese or Thai.

    At least nine in ten of the first thousand texts that are not empty have several characters and no space, and most
    characters are letters that know no case. Our choice.
    """
    sample = [text.strip() for text in texts[:1000] if text.strip()]
    unspaced = [text for text in sample if len(text) > 3 and len(text.split()) == 1]
    caseless = sum(unicodedata.category(character) == "Lo" for text in unspaced for character in text)
    return 10 * len(unspaced) >= 9 * max(1, len(sample)) and 2 * caseless > sum(map(len, unspaced))


class ReferenceNormaliser:
    """Lower case, words of the kept characters, single spaces between them.

    Our choice, after what word error tools agree on: punctuation does not count as words, and nothing that was spoken
    (a digit, a letter of another alphabet) vanishes unless the rules say so.

    Parameters
    ----------
    keep
        The characters that words are made of, in lower case; typographic apostrophes become `'` where that is kept.
    punctuation
        What to do with punctuation and symbols that are not kept: replace them by a space, or remove them.
    others
        What to do with letters, digits and marks that are not kept: raise an error, replace them by a space, or remove
        them.

    Examples
    --------
    >>> ReferenceNormaliser("abcdefghijklmnopqrstuvwxyz'")("WE CALL  IT, “BEAR”.", where="corpus.csv, line 2")
    'we call it bear'
    """

    def __init__(
        self,
        keep: str,
        *,
        punctuation: Literal["space", "remove"] = "space",
        others: Literal["error", "space", "remove"] = "error",
    ) -> None:
        self._keep, self._punctuation, self._others = keep, punctuation, others
        self._replacements: dict[str, str | None] = {}

    def __call__(self, text: str, *, where: str) -> str:
        """The reference of a transcript.

        Raises
        ------
        TableError
            A letter or digit is not kept (and `others` is `error`), or no word is left. The message begins with
            `where`.
        """
        # Lower-casing can decompose (Turkish İ), so composition comes last.
        lowered = unicodedata.normalize("NFC", text.lower())
        characters = []
        for character in lowered:
            replacement = self._replacement(character)
            if replacement is None:
                raise TableError(
                    f"{where}: text {text!r} holds {character!r}, which text.keep does not list; spell it "
                    "out, add it by --keep, or say what becomes of it by --others (or set text.keep and text.others in "
                    "the corpus description)"
                )
            characters.append(replacement)
        words = [word for word in "".join(characters).split() if any(map(str.isalnum, word))]
        if not words:
            raise TableError(f"{where}: nothing of text {text!r} is left after normalisation; leave the row out")
        return " ".join(words)

    def _replacement(self, character: str) -> str | None:
        """The replacement of a lower-case character; None if the character is an error."""
        if character not in self._replacements:
            self._replacements[character] = self._decide(character)
        return self._replacements[character]

    def _decide(self, character: str) -> str | None:
        """Compute the replacement of a character that has not occurred before."""
        if character in self._keep:
            return character
        if character in APOSTROPHES and "'" in self._keep:
            return "'"
        if character.isspace():
            return " "
        category = unicodedata.category(character)[0]
        if category == "C":  # Zero-width and control characters are invisible and may occur inside words.
            return ""
        if category in "PSZ":
            return " " if self._punctuation == "space" else ""
        return {"error": None, "space": " ", "remove": ""}[self._others]
