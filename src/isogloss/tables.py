"""The tables that pass between stages, their columns and dtypes, and how they reach the disk: whole or not at all.

Every stage speaks in three tables. The *utterance table* has one row an utterance (`METADATA_COLUMNS`; with
hypotheses also `RESULT_COLUMNS`); further supervision columns follow. *Assignments* give each utterance a cohort under
one rule. Parquet and JSON files written here are the same bytes for the same content.
"""

import difflib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.errors import TableError

SPLITS = ("train", "adapt", "discovery", "dev", "test")
"""train and adapt follow the population of customers; discovery, dev and test are stratified."""

METADATA_COLUMNS: dict[str, str] = {
    "utterance_id": "str",
    "speaker_id": "str",
    "split": "str",
    "weight": "float64",  # the speaker's share of the population over his share of the split; 1 where unknown
    "ref": "str",
    "words": "int64",
    "duration_s": "float64",
    "latitude": "float64",  # degrees; NaN where unknown, as in all columns below
    "longitude": "float64",
    "zip": "str",
    "gender": "str",
    "age": "float64",
    "accent": "str",
}

RESULT_COLUMNS: dict[str, str] = {
    "hyp": "str",
    "substitutions": "int64",
    "deletions": "int64",
    "insertions": "int64",
}

ASSIGNMENT_COLUMNS: dict[str, str] = {
    "utterance_id": "str",
    "speaker_id": "str",
    "cohort": "str",
    "wer_rank": "int64",  # 1 = worst on discovery
}


def require_columns(table: pd.DataFrame, columns: Iterable[str], *, where: str) -> None:
    """Raise a `TableError` for the first missing column, with the nearest present one as a suggestion."""
    for column in columns:
        if column not in table.columns:
            near = difflib.get_close_matches(column, [str(c) for c in table.columns], n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(str, table.columns))}"
            raise TableError(f"{where}: column {column!r} is missing; {hint}")


def conform(table: pd.DataFrame, columns: dict[str, str], *, where: str) -> pd.DataFrame:
    """The table with `columns` first, in order and with their dtypes; other columns follow, sorted by name.

    Raises
    ------
    TableError
        A column is missing, or a value of it cannot become its dtype.
    """
    require_columns(table, columns, where=where)
    extra = sorted(str(c) for c in table.columns if c not in columns)
    result = table[[*columns, *extra]].reset_index(drop=True)
    for column, dtype in columns.items():
        try:
            result[column] = _as_dtype(result[column], dtype)
        except (TypeError, ValueError) as error:
            raise TableError(f"{where}: column {column!r} must be {dtype}: {error}") from None
    return result


def _as_dtype(values: pd.Series, dtype: str) -> pd.Series:
    """The values as a dtype; a fraction is not cut to a whole number."""
    converted = values.astype(pd.api.types.pandas_dtype(dtype))
    if dtype == "int64" and not (converted == values).all():
        raise ValueError(f"{values[converted != values].iloc[0]!r} is not a whole number")
    return converted


def read_parquet(path: Path | str, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table that a stage wrote, and check that it has `columns`.

    Raises
    ------
    TableError
        The file does not exist, is no parquet file or not a whole one, or lacks a column.
    """
    path = Path(path)
    if not path.exists():
        raise TableError(f"{path} does not exist; `isogloss status` says which stage makes it")
    try:
        table = pd.read_parquet(path)
    except (ValueError, OSError) as error:  # what pyarrow raises are such
        first = str(error).partition("\n")[0].rstrip(".")
        raise TableError(f"{path} is no parquet file, or not a whole one ({first}); write it anew") from None
    require_columns(table, columns, where=str(path))
    return table


def write_parquet(table: pd.DataFrame, path: Path | str) -> None:
    """Write a table atomically, without an index."""
    with atomic_path(path) as temporary:
        table.to_parquet(temporary, index=False)


def read_json(path: Path | str) -> Any:
    """Read a JSON file that a stage wrote.

    Raises
    ------
    TableError
        The file does not exist or is not JSON.
    """
    path = Path(path)
    if not path.exists():
        raise TableError(f"{path} does not exist; `isogloss status` says which stage makes it")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TableError(f"{path} is not valid JSON: {error}") from None


def write_json(content: Any, path: Path | str) -> None:
    """Write JSON atomically, indented; NaN is refused, since JSON has none (use None)."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary file beside `path` that takes its name when the block ends well, and vanishes when it does not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """A temporary folder beside `path` that replaces it when the block ends well, and vanishes when it does not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    temporary.chmod(0o755)
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
