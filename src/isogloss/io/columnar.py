"""Binary tables: parquet files, and the first sheet of Excel workbooks."""

import io
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from isogloss.errors import TableError
from isogloss.io.source import Source, arrow_series, read_content, record_source


def open_parquet(path: Path) -> Source:
    """Open a parquet file; a column is read only when it is requested, since others may hold audio."""
    where: Any = io.BytesIO(read_content(path)) if path.suffix.lower() == ".gz" else path

    def read(name: str, converted: Callable[[pa.ChunkedArray], Any]) -> Any:
        try:
            chunks = pa.parquet.read_table(where, columns=[name]).column(name)
            chunks.validate(full=True)  # Otherwise text that is not UTF-8 would raise only when it is used.
            return converted(chunks)
        except (pa.ArrowException, ValueError, OSError) as error:
            raise TableError(f"{path}: column {name!r} cannot be read: {' '.join(str(error).split())}") from None

    def refuse(error: Exception) -> TableError:
        return TableError(f"{path} is not a readable parquet file: {' '.join(str(error).split())}")

    try:
        if path.stat().st_size == 0:
            return record_source(path, [], unit="row", numbers=[])
        with pa.parquet.ParquetFile(where) as file:
            names, rows = list(file.schema_arrow.names), file.metadata.num_rows
    except FileNotFoundError:
        raise TableError(f"{path} does not exist; correct the path of the table") from None
    except (pa.ArrowException, ValueError) as error:
        raise refuse(error) from None
    except OSError as error:
        if path.is_dir() or error.strerror:
            raise TableError(f"{path} cannot be read: {error.strerror or 'Is a directory'}") from None
        raise refuse(error) from None
    return Source(
        path=path,
        names=names,
        rows=rows,
        column=lambda name: read(name, arrow_series),
        values=lambda name: read(name, pa.ChunkedArray.to_pylist),
    )


def open_workbook(path: Path) -> Source:
    """Open the first sheet of an Excel workbook, whose first row holds the names; rows are numbered as in Excel."""
    content = read_content(path)
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise TableError(
            f"{path}: reading Excel workbooks needs openpyxl; pip install 'isogloss[excel]', or save the sheet as CSV"
        ) from None
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = list(book.worksheets[0].iter_rows(values_only=True)) if book.worksheets else []
    except Exception as error:  # The parsers of ZIP, XML and workbooks may raise exceptions of any kind.
        raise TableError(f"{path} is not a readable Excel workbook: {' '.join(str(error).split())}") from None
    header = [str(cell).strip() if cell is not None else "" for cell in sheet[0]] if sheet else []
    width = max((column for column, name in enumerate(header, start=1) if name), default=0)
    numbers: list[int] = []
    columns: list[list[Any]] = [[] for _ in range(width)]
    for number, cells in zip(count(2), sheet[1:], strict=False):
        if all(cell is None for cell in cells):
            continue
        if any(cell is not None for cell in cells[width:]):
            raise TableError(f"{path}, sheet row {number}: there are cells to the right of the {width} named columns")
        numbers.append(number)
        for column, cell in zip(columns, [*cells[:width], *[None] * (width - len(cells))], strict=True):
            column.append(cell)
    names = header[:width]
    return Source(
        path=path,
        names=names,
        rows=len(numbers),
        column=lambda name: pd.Series(columns[names.index(name)], dtype=object),
        values=lambda name: list(columns[names.index(name)]),
        unit="sheet row",
        numbers=lambda: np.array(numbers, dtype=np.int64),
    )
