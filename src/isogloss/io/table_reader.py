"""Opening a user's table by its suffix: CSV and similar formats, JSON, parquet, Excel workbooks.

Tables are read column by column, which is fast enough for millions of rows; single cells are examined only to report
the place of an error. Cells of text files stay text, so that identifiers keep their leading zeros.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from isogloss.errors import TableError
from isogloss.io.columnar import open_parquet, open_workbook
from isogloss.io.json_tables import open_json, open_jsonl
from isogloss.io.separated import open_separated
from isogloss.io.source import Source, checksum
from isogloss.tables import require_columns

Count = Literal["rows", "lines"]


@dataclass(frozen=True)
class Reading:
    """Options for reading a table."""

    separator: str | None = None
    """The separator of a CSV file; None: detected from its header."""
    count: Count = "rows"
    """How messages name a row of a CSV file: by its number without the header, or by its line in the file."""


def read_table(
    path: Path,
    *,
    separator: str | None = None,
    count: Count = "rows",
    sha256: str | None = None,
    columns: Iterable[str] = (),
) -> Source:
    """Open a table by its suffix, which `.gz` may follow.

    - `.csv`: separated by commas, or by `;`, tabs or `|` if the header is; strictly quoted (`isogloss.io.separated`)
    - `.tsv`: separated by tabs; quotes are ordinary characters
    - `.jsonl`: one JSON object a line (NeMo's manifests); `.json`: the same, or one array of objects
    - `.parquet`; `.xlsx`: the first sheet of a workbook

    Parameters
    ----------
    separator
        One character that separates the cells of a CSV or TSV file. With tabs, quotes are ordinary characters.
    count
        Whether messages name a row of a CSV or TSV file by its number without the header, or by its line in the file.
    sha256
        Required checksum of the file.
    columns
        Columns that the table must have.

    Raises
    ------
    TableError
        The file is missing, empty, unreadable, of an unknown kind or not UTF-8, has another checksum, lacks a column,
        or has a malformed row.
    """
    opener = _opener(path)
    if sha256 is not None and path.is_file() and checksum(path) != sha256:
        raise TableError(
            f"{path} is not the table that was described: its sha256 is {checksum(path)}; restore it, "
            "or check it and write the new sha256 into the corpus description"
        )
    source = opener(path, Reading(separator=separator, count=count))
    if not any(source.names):
        raise TableError(f"{path} is empty; give a table with one row an utterance or speaker")
    twice = sorted({name for name in source.names if source.names.count(name) > 1})
    if twice:
        raise TableError(f"{path}: column {twice[0]!r} appears twice; give each column its own name")
    require_columns(pd.DataFrame(columns=source.names), columns, where=str(path))
    if source.rows == 0:
        raise TableError(f"{path} holds no rows; give one row an utterance or speaker")
    return source


def _opener(path: Path) -> Callable[[Path, Reading], Source]:
    """The function that opens files of this suffix."""
    suffix = (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower()
    if suffix not in _OPENERS:
        raise TableError(f"{path}: unknown kind of table {suffix!r}; give one of {', '.join(_OPENERS)}")
    return _OPENERS[suffix]


_OPENERS: dict[str, Callable[[Path, Reading], Source]] = {
    ".csv": lambda path, how: open_separated(path, separator=how.separator, lines=how.count == "lines"),
    ".tsv": lambda path, how: open_separated(path, separator=how.separator or "\t", lines=how.count == "lines"),
    ".jsonl": lambda path, _: open_jsonl(path),
    ".json": lambda path, _: open_json(path),
    ".parquet": lambda path, _: open_parquet(path),
    ".xlsx": lambda path, _: open_workbook(path),
}
SUFFIXES = tuple(_OPENERS)
"""The suffixes of tables; `.gz` may follow."""
