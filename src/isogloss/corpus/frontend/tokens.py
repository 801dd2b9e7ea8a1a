"""Tokens: the vocabulary of a recogniser, with blank 0. Characters, words, or pieces of words by SentencePiece.

Words and pieces begin with `SPACE_MARK` where a word begins, as SentencePiece writes them; the second token is then
`<unk>`, which stands for what the training text lacks. Characters have none: text that cannot be spelt is refused.
"""

import base64
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from isogloss.errors import CorpusError
from isogloss.tables import atomic_path

BLANK = "<blank>"
SPACE = "<space>"
UNKNOWN = "<unk>"
SPACE_MARK = "\u2581"
"""The character that stands for the space before a word."""
Unit = Literal["characters", "words", "pieces"]
_MODEL = "<sentencepiece> "
"""Beginning of the line of `tokens.txt` that holds the SentencePiece model, in base64."""
_WORDS = "<words>"


@dataclass(frozen=True)
class Tokens:
    """A vocabulary: `symbols[0]` is blank, the others are characters, words or pieces of words."""

    symbols: tuple[str, ...]
    unit: Unit = "characters"
    model: bytes = b""
    """The serialised SentencePiece model, if tokens are pieces."""

    @classmethod
    def of(cls, texts: Iterable[str], *, unit: Unit = "characters", pieces: int = 500) -> "Tokens":
        """The vocabulary of texts.

        Parameters
        ----------
        texts
            The references to learn from.
        unit
            All characters of the texts, sorted; all words that occur twice or more, sorted; or pieces of words by byte
            pair encoding (SentencePiece, Kudo and Richardson 2018, 1808.06226).
        pieces
            How many pieces there are at most.

        Raises
        ------
        CorpusError
            SentencePiece is not installed, or the texts are too few for pieces.
        """
        listed = list(texts)
        if unit == "characters" or not any(listed):  # a corpus without transcripts has no pieces to learn
            return cls((BLANK, *sorted(set().union(*map(set, listed)))))
        if unit == "words":
            counts = Counter(word for text in listed for word in text.split())
            words = sorted(word for word, count in counts.items() if count > 1)
            return cls((BLANK, UNKNOWN, *(SPACE_MARK + word for word in words)), unit)
        model = _trained(listed, pieces)
        processor = _processor(model)
        return cls(tuple(processor.id_to_piece(i) for i in range(processor.get_piece_size())), unit, model)

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def alphabet(self) -> set[str]:
        """The characters that references may have, the space included."""
        if self.unit == "characters":
            return set(self.symbols[1:])
        return {" "}.union(*(set(symbol) for symbol in self.symbols[2:])) - {SPACE_MARK}

    def encode(self, text: str) -> list[int]:
        """Token ids of a text.

        Raises
        ------
        CorpusError
            A character is not in the vocabulary.
        """
        if self.unit == "pieces":
            ids: list[int] = self._processor.encode(text)
            return ids
        if self.unit == "words":
            return [self._ids.get(SPACE_MARK + word, 1) for word in text.split()]
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            raise CorpusError(
                f"character {error.args[0]!r} of {text!r} is not among the tokens of the training text; normalise "
                f"the text in the corpus description or train on text that has it"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """The text of token ids, with single spaces between words."""
        return " ".join(self.spell(ids).split())

    def spell(self, ids: Iterable[int]) -> str:
        """The text of token ids with every space as it is, except one before the first word."""
        joined = "".join(self.symbols[index] for index in ids)
        return joined if self.unit == "characters" else joined.replace(SPACE_MARK, " ").removeprefix(" ")

    def write(self, path: Path | str) -> None:
        """One symbol a line, in the order of their ids; before them, the unit where tokens are no characters."""
        lines = [SPACE if symbol == " " else symbol for symbol in self.symbols]
        first = {"characters": [], "words": [_WORDS], "pieces": [_MODEL + base64.b64encode(self.model).decode()]}
        with atomic_path(path) as temporary:
            temporary.write_text("\n".join(first[self.unit] + lines) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path | str) -> "Tokens":
        """The vocabulary that `write` wrote.

        Raises
        ------
        CorpusError
            The file is no vocabulary.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8").removesuffix("\n").split("\n")
            if lines[0] == _WORDS:
                return cls(tuple(lines[1:]), "words")
            if lines[0].startswith(_MODEL):
                return cls(tuple(lines[1:]), "pieces", base64.b64decode(lines[0].removeprefix(_MODEL), validate=True))
        except ValueError as error:
            raise CorpusError(f"{path} is no vocabulary of tokens: {error}; run the prepare stage again") from None
        return cls(tuple(" " if line == SPACE else line for line in lines))

    @cached_property
    def _ids(self) -> dict[str, int]:
        """The id of each symbol."""
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    @cached_property
    def _processor(self) -> Any:
        """SentencePiece with the model."""
        return _processor(self.model)


def _trained(texts: list[str], pieces: int) -> bytes:
    """A model of SentencePiece, the same bytes for the same texts."""
    fewest = len(set("".join(texts)) - {" "}) + 3  # each letter, the mark of a space, blank and unknown
    if pieces < fewest:
        raise CorpusError(f"prepare.pieces is {pieces}, but the letters of the texts take {fewest}; raise it")
    model = io.BytesIO()
    try:
        _sentencepiece().SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=model,
            model_type="bpe",
            vocab_size=pieces,
            hard_vocab_limit=False,
            character_coverage=1.0,
            normalization_rule_name="identity",
            num_threads=1,
            pad_id=0,
            pad_piece=BLANK,
            unk_id=1,
            unk_piece=UNKNOWN,
            bos_id=-1,
            eos_id=-1,
            minloglevel=2,
        )
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise CorpusError(f"no {pieces} pieces can be learnt from {len(texts)} texts: {said}") from None
    return model.getvalue()


def _processor(model: bytes) -> Any:
    """SentencePiece with a model."""
    try:
        return _sentencepiece().SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        raise CorpusError(f"the tokens hold no model of SentencePiece: {error}; run the prepare stage again") from None


def _sentencepiece() -> Any:
    """The library, which only pieces need."""
    try:
        import sentencepiece
    except ImportError:
        raise CorpusError(
            "prepare.tokens is 'pieces', which needs SentencePiece; pip install 'isogloss[pieces]'"
        ) from None
    return sentencepiece
