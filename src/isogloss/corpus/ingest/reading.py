"""Tables of speech from CSV, TSV, JSONL or parquet, column by column, with the place of every row.

A cell is text, a number, a truth value, or None where nothing is known (an empty cell, null, an absent key).
CSV cells are always text; nothing is guessed, so that identifiers keep their leading zeros. Text is stripped
of white space at both ends.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.errors import TableError
from isogloss.tables import require_columns

Cell = str | int | float | bool | None
Record = dict[str, Any]


@dataclass(frozen=True)
class SourceTable:
    """A table as its file has it: `columns[name][i]` is the cell of row i, which stands at `place(i)`."""

    path: Path
    unit: str
    """What its rows are counted in: `line` of a text file (the header is 1), `record` of a parquet file."""
    numbers: list[int]
    columns: dict[str, list[Cell]]

    def __len__(self) -> int:
        return len(self.numbers)

    def place(self, row: int) -> str:
        """Where row `row` stands, as in "corpus.csv, line 7"."""
        return f"{self.path}, {self.unit} {self.numbers[row]}"


def read_table(path: Path, wanted: list[str], *, sha256: str | None = None) -> SourceTable:
    """Read the columns `wanted` of a table.

    Raises
    ------
    TableError
        The file is missing, empty, unreadable, not UTF-8, of an unknown kind or not the one that was
        described; a column is missing or of an unusable type; a row is malformed.
    """
    with _readable(path):
        if sha256 is not None and checksum(path) != sha256:
            raise TableError(
                f"{path} is not the table that was described: its sha256 is {checksum(path)}; restore it, "
                "or check it and write the new sha256 into the corpus description"
            )
        opened = _open(path)
        require_columns(pd.DataFrame(columns=opened.names), wanted, where=str(path))
        table = SourceTable(path=path, unit=opened.unit, numbers=[], columns={name: [] for name in wanted})
        for number, record in opened.rows(wanted):
            table.numbers.append(number)
            for name, cells in table.columns.items():
                cells.append(_cell(record.get(name), f"{path}, {table.unit} {number}: column {name!r}"))
    if not table.numbers:
        raise TableError(f"{path} holds no rows; give one row an utterance or speaker")
    for name in table.columns:
        _require_one_type(table, name)
    return table


def column_names(path: Path) -> list[str]:
    """The columns of a table, in its order; raises `TableError` where it cannot be read."""
    with _readable(path):
        return _open(path).names


def checksum(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class _Opened:
    """A table whose columns are known and whose numbered rows can be read."""

    names: list[str]
    unit: str
    rows: Callable[[list[str]], Iterator[tuple[int, Record]]]


def _open(path: Path) -> _Opened:
    """Find a table's columns."""
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        raise TableError(f"{path}: unknown kind of table {path.suffix!r}; give one of {', '.join(_OPENERS)}")
    opened = opener(path)
    if not any(opened.names):
        raise TableError(f"{path} is empty; give a table with one row an utterance or speaker")
    twice = sorted({name for name in opened.names if opened.names.count(name) > 1})
    if twice:
        raise TableError(f"{path}: column {twice[0]!r} appears twice; give each column its own name")
    return opened


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the system says of an unreadable file into a `TableError`."""
    try:
        yield
    except FileNotFoundError:
        raise TableError(f"{path} does not exist; correct the path of the table") from None
    except UnicodeDecodeError:
        raise TableError(f"{path}, line {_undecodable_line(path)} is not UTF-8; save the table as UTF-8") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None


def _undecodable_line(path: Path) -> int:
    """The line of the first byte that is not UTF-8."""
    content = path.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return 1


def _cell(value: Any, where: str) -> Cell:
    """A cell with white space stripped and empty text as None; lists, dates and the like are refused."""
    if isinstance(value, str):
        return value.strip() or None
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TableError(f"{where} holds a {type(value).__name__}; give text or numbers, one value a cell")


def _require_one_type(table: SourceTable, name: str) -> None:
    """Refuse a column of which one row holds text and another a number."""
    first: tuple[int, str] | None = None
    for row, cell in enumerate(table.columns[name]):
        if cell is None:
            continue
        kind = "text" if isinstance(cell, str) else "a truth value" if isinstance(cell, bool) else "a number"
        if first is None:
            first = (row, kind)
        elif first[1] != kind:
            raise TableError(
                f"{table.place(row)}: column {name!r} holds {kind} ({cell!r}), but {first[1]} in "
                f"{table.unit} {table.numbers[first[0]]}; give a column one type"
            )


def _open_separated(path: Path, *, tabs: bool) -> _Opened:
    """A CSV file, or a TSV file in which quotes are ordinary characters."""
    options: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tabs else {"strict": True}
    # newline="": the csv module itself tells line ends from those inside quotes.
    reader = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), **options)
    lines = _csv_records(path, reader)
    names = [name.strip() for name in next(lines, (1, [""]))[1]]

    def rows(_: list[str]) -> Iterator[tuple[int, Record]]:
        for line, cells in lines:
            if len(cells) != len(names):
                raise TableError(
                    f"{path}, line {line}: {len(cells)} cells under {len(names)} column names; quote text "
                    "that holds the separator"
                )
            yield line, dict(zip(names, cells, strict=True))

    return _Opened(names=names, unit="line", rows=rows)


def _csv_records(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV reader that are not blank, each with the line on which it begins."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise TableError(f"{path}, line {line}: {error}; correct the quoting of this line") from None
        if cells:
            yield line, cells


def _open_csv(path: Path) -> _Opened:
    """Comma-separated values."""
    return _open_separated(path, tabs=False)


def _open_tsv(path: Path) -> _Opened:
    """Tab-separated values."""
    return _open_separated(path, tabs=True)


def _open_jsonl(path: Path) -> _Opened:
    """One JSON object a line; the columns are the keys of all of them, in the order in which they appear."""
    records: list[tuple[int, Record]] = []
    names: dict[str, None] = {}
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise TableError(f"{path}, line {number} is not valid JSON: {error}") from None
            if not isinstance(record, dict):
                raise TableError(f"{path}, line {number} is a {type(record).__name__}; give one JSON object a line")
            records.append((number, record))
            names.update(dict.fromkeys(record))
    return _Opened(names=list(names), unit="line", rows=lambda _: iter(records))


def _open_parquet(path: Path) -> _Opened:
    """A parquet file; records are counted from 1, and only wanted columns read (others may hold audio)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def refusal(error: Exception) -> TableError:
        return TableError(f"{path} is not a readable parquet file: {' '.join(str(error).split())}")

    def rows(wanted: list[str]) -> Iterator[tuple[int, Record]]:
        number = 0
        try:
            for batch in file.iter_batches(columns=wanted):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
        except (pa.ArrowException, ValueError) as error:
            raise refusal(error) from None

    if path.stat().st_size == 0:
        return _Opened(names=[], unit="record", rows=rows)
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, ValueError) as error:
        raise refusal(error) from None
    return _Opened(names=list(file.schema_arrow.names), unit="record", rows=rows)


_OPENERS: dict[str, Callable[[Path], _Opened]] = {
    ".csv": _open_csv,
    ".tsv": _open_tsv,
    ".jsonl": _open_jsonl,
    ".parquet": _open_parquet,
}
