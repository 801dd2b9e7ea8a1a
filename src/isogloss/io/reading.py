"""Tables of a recogniser's results from CSV, TSV, JSONL or parquet, fast enough for millions of rows.

Unlike the reading of corpora (`isogloss.corpus.ingest`), which checks cell by cell, files are read column by column;
only what does not fit is looked at closely, to say where it stands. CSV cells are text and nothing is guessed, so
that identifiers keep their leading zeros.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from isogloss.errors import TableError


@dataclass(frozen=True)
class Source:
    """A table as its file has it."""

    path: Path
    unit: str
    """What rows are counted in: `row` (from 1, without the header) or `line` of a text file."""
    names: list[str]
    rows: int
    column: Callable[[str], pd.Series]
    """The raw column of that name."""
    numbers: np.ndarray | None = None
    """Where each row stands, if not one after the other."""

    def place(self, row: int) -> str:
        """Where row `row` (from 0) stands, as in "results.csv, row 7"."""
        number = row + 1 if self.numbers is None else int(self.numbers[row])
        return f"{self.path}, {self.unit} {number}"


def read_table(path: Path) -> Source:
    """Open a table by its suffix: .csv, .tsv, .jsonl (.json: a manifest of one object a line), .parquet.

    Raises
    ------
    TableError
        The file is missing, empty, unreadable, of an unknown kind, not UTF-8 (with line and byte), or a row of it is
        malformed (with its place).
    """
    opener = _OPENERS.get(path.suffix.lower())
    if opener is None:
        raise TableError(f"{path}: unknown kind of table {path.suffix!r}; give one of {', '.join(_OPENERS)}")
    try:
        source = opener(path)
    except FileNotFoundError:
        raise TableError(f"{path} does not exist; correct the path of the table") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    twice = sorted({name for name in source.names if source.names.count(name) > 1})
    if twice:
        raise TableError(f"{path}: column {twice[0]!r} appears twice; give each column its own name")
    if source.rows == 0:
        raise TableError(f"{path} holds no rows; give one row an utterance")
    return source


def read_text(path: Path) -> str:
    """The content of a UTF-8 file, without a byte order mark.

    Raises
    ------
    TableError
        A byte is not UTF-8; the message names the line and the byte.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TableError(
            f"{path}, line {line} is not UTF-8: byte {error.start} of the file is 0x{content[error.start]:02x}; "
            "save it as UTF-8"
        ) from None


def _open_csv(path: Path) -> Source:
    """Comma-separated values."""
    return _separated(path, delimiter=",", quote='"')


def _open_tsv(path: Path) -> Source:
    """Tab-separated values, in which quotes are ordinary characters."""
    return _separated(path, delimiter="\t", quote=False)


def _separated(path: Path, *, delimiter: str, quote: str | bool) -> Source:
    """A CSV or TSV file; every cell is text."""
    content = read_text(path)
    if not content.strip():
        raise TableError(f"{path} is empty; give a table with one row an utterance")
    parsing = pa.csv.ParseOptions(delimiter=delimiter, quote_char=quote, newlines_in_values=bool(quote))
    data = content.encode()
    try:
        names = pa.csv.open_csv(io.BytesIO(data), parse_options=parsing).schema.names
        if len(set(names)) < len(names):
            return Source(path, "row", list(names), 1, lambda _: pd.Series(dtype="str"))  # refused by the caller
        converting = pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        )
        table = pa.csv.read_csv(io.BytesIO(data), parse_options=parsing, convert_options=converting)
    except pa.ArrowInvalid as error:
        reason = _with_row(data, parsing, error).splitlines()[0].removeprefix("CSV parse error: ")
        raise TableError(
            f"{path} is not a well-formed table: {reason} (lines counted with the header); quote text that holds the "
            "separator"
        ) from None
    return Source(path, "row", [name.strip() for name in names], table.num_rows, _arrow_column(table))


def _with_row(data: bytes, parsing: Any, error: Exception) -> str:
    """A parser's message; of several threads' only that of one thread surely names the row."""

    try:
        pa.csv.read_csv(io.BytesIO(data), pa.csv.ReadOptions(use_threads=False), parse_options=parsing)
    except pa.ArrowInvalid as named:
        return str(named)
    return str(error)


def _open_jsonl(path: Path) -> Source:
    """One JSON object a line; the columns are the keys of all of them."""
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    names: dict[str, None] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise TableError(f"{path}, line {number} is not valid JSON: {error}; give one object a line") from None
        if not isinstance(record, dict):
            raise TableError(f"{path}, line {number} is a {type(record).__name__}; give one JSON object a line")
        records.append(record)
        numbers.append(number)
        names.update(dict.fromkeys(record))
    if not records:
        raise TableError(f"{path} is empty; give a table with one row an utterance")
    return Source(
        path=path,
        unit="line",
        names=list(names),
        rows=len(records),
        column=lambda name: pd.Series([record.get(name) for record in records], dtype=object),
        numbers=np.array(numbers),
    )


def _open_parquet(path: Path) -> Source:
    """A parquet file; only the columns that are wanted are read."""

    def column(name: str) -> pd.Series:
        try:
            return _arrow_column(pa.parquet.read_table(path, columns=[name]))(name)
        except (pa.ArrowException, ValueError) as error:
            raise TableError(f"{path}: column {name!r} cannot be read: {' '.join(str(error).split())}") from None

    try:
        with pa.parquet.ParquetFile(path) as file:
            return Source(path, "row", list(file.schema_arrow.names), file.metadata.num_rows, column)
    except (pa.ArrowException, ValueError) as error:
        raise TableError(f"{path} is not a readable parquet file: {' '.join(str(error).split())}") from None


def _arrow_column(table: pa.Table) -> Callable[[str], pd.Series]:
    """Text and numbers as pandas has them; whatever may hold values of several types as objects."""
    names = {name.strip(): name for name in table.column_names}
    return lambda name: table.column(names[name]).to_pandas()


_OPENERS: dict[str, Callable[[Path], Source]] = {
    ".csv": _open_csv,
    ".tsv": _open_tsv,
    ".jsonl": _open_jsonl,
    ".json": _open_jsonl,
    ".parquet": _open_parquet,
}
