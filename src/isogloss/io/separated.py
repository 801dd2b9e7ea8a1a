"""CSV, TSV and similar formats, with strict quoting.

Files with unambiguous quotes are read by pyarrow's parser, which is fast, but accepts text after a closing quote and
then merges rows. So all quotes are checked first, in one pass over their positions. A file with ambiguous quotes, or
with line ends inside quotes, is read by Python's strict parser instead.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from isogloss.errors import ParamsError, TableError
from isogloss.io.source import Source, arrow_source, read_utf8

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
"""The separators that are detected in a header, by their names on the command line."""
BLOCK_BYTES = 16 << 20
"""Size of pyarrow's blocks, in bytes; a file with a longer row is read by the strict parser."""


def parse_separator(option: str) -> str:
    """The character that `--separator` names: itself, or a name of `SEPARATORS`.

    Raises
    ------
    ParamsError
        It is not one ASCII character, or a quote or line end.
    """
    separator = {**SEPARATORS, "\\t": "\t"}.get(option, option)
    if len(separator) != 1 or not separator.isascii() or separator in '"\r\n\0' or separator.isalnum():
        raise ParamsError(f"--separator {option!r}: give one character such as ';', or one of {', '.join(SEPARATORS)}")
    return separator


def open_separated(path: Path, *, separator: str | None, lines: bool) -> Source:
    """Open a table of separated cells; every cell is text.

    Parameters
    ----------
    separator
        One character; None: the most frequent of `SEPARATORS` in the header. With tabs, quotes are ordinary characters.
    lines
        Count rows as lines of the file (the header is line 1), not as rows without the header.

    Raises
    ------
    TableError
        The file cannot be read; or a row is badly quoted or has more or fewer cells than the header, with its line.
    """
    content = read_utf8(path)
    return separated_content(path, content, separator=sniff(content) if separator is None else separator, lines=lines)


def separated_content(path: Path, content: bytes, *, separator: str, lines: bool = False) -> Source:
    """A table of separated cells from UTF-8 content with a header; errors name `path`."""
    table = _Separated(path, content, separator)
    return arrow_source(
        path,
        table.read(),
        unit="line" if lines else "row",
        numbers=table.line_numbers if lines else None,
    )


def sniff(content: bytes) -> str:
    """The most frequent separator in the first line with text, outside quotes; a comma if there is none."""
    first = next((line for line in io.BytesIO(content) if line.strip()), b"").decode()
    header = re.sub(r'"[^"]*"', "", first)
    return max(SEPARATORS.values(), key=header.count)


@dataclass(frozen=True)
class _Separated:
    """The text of a table and its separator."""

    path: Path
    content: bytes
    separator: str

    @property
    def _quoted(self) -> bool:
        """Whether quotes have a special meaning."""
        return self.separator != "\t"

    def read(self) -> pa.Table:
        """The table, with text columns and null for an empty cell."""
        names, header_bytes = self._header()
        if not any(names) or len(set(names)) < len(names) or not self.content[header_bytes:].strip():
            return pa.table([pa.array([], pa.string())] * len(names), names=names)  # The caller reports the error.
        if not self._quoted or plainly_quoted(self.content, self.separator):
            try:
                return self._fast(names, header_bytes)
            except pa.ArrowInvalid:
                pass  # The strict parser reports the error, or reads a row that is too long for a block.
        return self._strict(names)

    def _header(self) -> tuple[list[str], int]:
        """The names of the columns, and how many bytes they take with the blank lines before them."""
        taken = 0

        def counted(lines: Iterable[str]) -> Iterator[str]:
            nonlocal taken
            for line in lines:
                taken += len(line.encode())
                yield line

        _, cells = next(self._records(counted), (1, []))
        return [name.strip() for name in cells], taken

    def _fast(self, names: list[str], header_bytes: int) -> pa.Table:
        """The table by pyarrow's parser, which counts the cells of every row."""
        return pa.csv.read_csv(
            pa.BufferReader(pa.py_buffer(self.content).slice(header_bytes)),
            read_options=pa.csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES),
            parse_options=pa.csv.ParseOptions(delimiter=self.separator, quote_char='"' if self._quoted else False),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )

    def _strict(self, names: list[str]) -> pa.Table:
        """The table by Python's parser, row by row."""
        rows = []
        records = self._records()
        next(records)
        for number, (line, cells) in enumerate(records, start=1):
            if len(cells) != len(names):
                raise TableError(
                    f"{self.path}, line {line}: {len(cells)} cells under {len(names)} column names; quote text that "
                    "holds the separator, or name another one (--separator)"
                )
            self._refuse_swallowed_rows(line, number, cells)
            rows.append([cell or None for cell in cells])
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return pa.table([pa.array(column, pa.string()) for column in columns], names=names)

    def _refuse_swallowed_rows(self, line: int, row: int, cells: list[str]) -> None:
        """Refuse a cell that looks like whole rows between two lone quotes, which is well-formed by chance."""
        if len(cells) < 4:  # In a narrow table, a text of several lines may look the same.
            return
        for cell in cells:
            ends = cell.count("\n")
            if ends and '"' not in cell and cell.count(self.separator) == ends * (len(cells) - 1):
                raise TableError(
                    f"{self.path}, line {line} (row {row}): a quoted cell goes on to line {line + ends} and holds as "
                    "many separators as whole rows; remove the lone quotes, or the line ends inside the cell"
                )

    def _records(
        self, lines: Callable[[Iterable[str]], Iterable[str]] = lambda lines: lines
    ) -> Iterator[tuple[int, list[str]]]:
        """The records that are not blank, each with its first line; `lines` wraps the lines of the text."""
        text = io.TextIOWrapper(io.BytesIO(self.content), encoding="utf-8", newline="")
        reader = csv.reader(
            lines(text),
            delimiter=self.separator,
            strict=True,
            quoting=csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE,
        )
        row = 0  # The first record is the header.
        while True:
            line = reader.line_num + 1
            try:
                with _cells_of_any_length(len(self.content)):
                    cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                where = f"row {row}" if row else "the header"
                raise TableError(
                    f"{self.path}, line {line}: {error}, in {where}, which goes on to line {reader.line_num}; close "
                    "the quotes of a quoted cell, and double the quotes inside it"
                ) from None
            if cells:
                row += 1
                yield line, cells

    def line_numbers(self) -> NDArray[np.int64]:
        """The line on which each row begins; the header is on line 1 or later."""
        return np.array([line for line, _ in self._records()][1:], dtype=np.int64)


@contextmanager
def _cells_of_any_length(size: int) -> Iterator[None]:
    """Lift the csv module's limit of the length of cells, and restore it afterwards, since it is global."""
    limit = csv.field_size_limit(max(size, 1 << 17))
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def plainly_quoted(content: bytes, separator: str) -> bool:
    """Whether every quote opens or closes a cell or is doubled inside one, and no line ends inside quotes.

    Quotes are counted from 0. If every even one is at the beginning of a cell or right after another quote, and every
    odd one at the end of a cell or right before another, the file can be read in only one way.
    """
    byte_N = np.frombuffer(content, dtype=np.uint8)
    quote_Q = np.flatnonzero(byte_N == ord('"'))
    if not quote_Q.size:
        return True
    if quote_Q.size % 2:
        return False
    borders = np.frombuffer(f'{separator}\r\n"'.encode(), dtype=np.uint8)
    opening, closing = quote_Q[0::2], quote_Q[1::2]
    opens = np.isin(byte_N[opening - 1], borders) | (opening == 0)
    closes = np.isin(byte_N[np.minimum(closing + 1, len(content) - 1)], borders)  # The last byte may be a quote.
    if not (opens.all() and closes.all()):
        return False
    ends_E = np.flatnonzero((byte_N == ord("\n")) | (byte_N == ord("\r")))
    return not (np.searchsorted(quote_Q, ends_E) % 2).any()
