"""The raw columns of a table file, and the place of each row in the file."""

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from isogloss.errors import TableError


@dataclass(frozen=True)
class Source:
    """An open table; its cells are interpreted by `isogloss.io.cells`."""

    path: Path
    names: list[str]
    """The columns, in the order of the file."""
    rows: int
    column: Callable[[str], pd.Series]
    """The raw column of a name; this is fast, but nulls may have become NaN."""
    values: Callable[[str], list[Any]]
    """The values of a column as Python objects: None is a missing value, NaN is a NaN in the file."""
    unit: str = "row"
    """Word for a row in messages: `row` (from 1, without the header), `line` of a text file, `item` of an array."""
    numbers: Callable[[], NDArray[np.int64]] | None = None
    """Gives the number of each row in that unit; None if the rows are numbered 1, 2, 3 and so on."""

    def position(self, row: int) -> str:
        """The place of row `row` (from 0) in the file, as in "row 7"."""
        return f"{self.unit} {row + 1 if self.numbers is None else int(self.numbers()[row])}"

    def place(self, row: int) -> str:
        """The file and the place of a row in it, as in "results.csv, row 7"."""
        return f"{self.path}, {self.position(row)}"


def arrow_source(
    path: Path, table: pa.Table, *, unit: str = "row", numbers: Callable[[], NDArray[np.int64]] | None = None
) -> Source:
    """A table that is in memory as Arrow columns."""
    names = [name.strip() for name in table.column_names]

    def chunks(name: str) -> pa.ChunkedArray:
        return table.column(names.index(name))

    return Source(
        path=path,
        names=names,
        rows=table.num_rows,
        column=lambda name: arrow_series(chunks(name)),
        values=lambda name: chunks(name).to_pylist(),
        unit=unit,
        numbers=None if numbers is None else cache(numbers),
    )


def arrow_series(chunks: pa.ChunkedArray) -> pd.Series:
    """An Arrow column for pandas; integers with nulls stay integers, and dictionaries become plain values."""
    if pa.types.is_dictionary(chunks.type):
        chunks = chunks.cast(chunks.type.value_type)
    return chunks.to_pandas(integer_object_nulls=True)


def record_source(path: Path, records: list[dict[str, Any]], *, unit: str, numbers: Iterable[int]) -> Source:
    """A table of records; its columns are the keys of all of them, in the order in which they appear."""
    numbers_N = np.fromiter(numbers, dtype=np.int64, count=len(records))
    return Source(
        path=path,
        names=list(dict.fromkeys(key for record in records for key in record)),
        rows=len(records),
        column=lambda name: pd.Series([record.get(name) for record in records], dtype=object),
        values=lambda name: [record.get(name) for record in records],
        unit=unit,
        numbers=lambda: numbers_N,
    )


def checksum(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_content(path: Path) -> bytes:
    """The content of a file, decompressed if its name ends in .gz.

    Raises
    ------
    TableError
        The file is missing, cannot be read, or has a suffix `.gz` but is not a gzip file.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise TableError(f"{path} does not exist; correct the path of the table") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read: {error.strerror or error}") from None
    if path.suffix.lower() != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(f"{path} is not a whole gzip file: {error}; compress it again") from None


def read_utf8(path: Path) -> bytes:
    """The content of a UTF-8 file, checked, without a byte order mark.

    Raises
    ------
    TableError
        As `read_content`; or a byte is not UTF-8, which the message names with its line.
    """
    content = read_content(path)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TableError(
            f"{path}, line {line} is not UTF-8: byte {error.start} of the file is 0x{content[error.start]:02x}; "
            "save it as UTF-8"
        ) from None
    return content.removeprefix(codecs.BOM_UTF8)
