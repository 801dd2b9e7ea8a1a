"""Character tokens: the vocabulary of a recogniser, with blank 0."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from isogloss.errors import CorpusError
from isogloss.tables import atomic_path

BLANK = "<blank>"
SPACE = "<space>"


@dataclass(frozen=True)
class Tokens:
    """A vocabulary: `symbols[0]` is blank, the others are characters."""

    symbols: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Tokens":
        """All characters of the texts, sorted."""
        return cls((BLANK, *sorted(set().union(*map(set, texts)))))

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def _ids(self) -> dict[str, int]:
        """The id of each symbol."""
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    def encode(self, text: str) -> list[int]:
        """Token ids of a text.

        Raises
        ------
        CorpusError
            A character is not in the vocabulary.
        """
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
        """The text of token ids with every space as it is: `encode` gives the ids back."""
        return "".join(self.symbols[index] for index in ids)

    def write(self, path: Path | str) -> None:
        """One symbol a line, in the order of their ids."""
        lines = [SPACE if symbol == " " else symbol for symbol in self.symbols]
        with atomic_path(path) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path | str) -> "Tokens":
        """The vocabulary that `write` wrote."""
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return cls(tuple(" " if line == SPACE else line for line in lines))
