"""The tables that pass between stages, their columns and dtypes, and atomic writing of files and folders.

Every stage speaks in three tables. The *utterance table* has one row an utterance (`METADATA_COLUMNS`; with
hypotheses also `RESULT_COLUMNS`); further supervision columns follow. *Assignments* give each utterance a cohort under
one rule. Parquet and JSON files written here are the same bytes for the same content.
"""

import ctypes
import difflib
import glob
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from isogloss.checks import parse_json, require_types
from isogloss.errors import TableError

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""Constants of Linux's renameat2(2)."""

SPLITS = ("train", "adapt", "discovery", "dev", "test")
"""The splits of a corpus: train and adapt follow the population of customers; discovery, dev and test are
stratified."""

METADATA_COLUMNS: dict[str, str] = {
    "utterance_id": "str",
    "speaker_id": "str",
    "split": "str",
    "weight": "float64",  # the speaker's share of the population over their share of the split; 1 where unknown
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
    """Read a table that a stage wrote, and check that it has `columns`, of the kinds that a mapping gives them.

    Raises
    ------
    TableError
        The file does not exist, is no parquet file or not a whole one, lacks a column, or has a cell of another kind.
    """
    path = Path(path)
    if not path.exists():
        raise TableError(f"{path} does not exist; `isogloss status` says which stage makes it")
    try:
        table = pd.read_parquet(path)
    except Exception as error:  # Damaged files make pyarrow and pandas raise exceptions of any kind.
        first = str(error).partition("\n")[0].rstrip(".")
        raise TableError(f"{path} is no parquet file, or not a whole one ({first}); write it anew") from None
    require_columns(table, columns, where=str(path))
    if isinstance(columns, Mapping):
        require_types(table, columns, where=str(path))
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
        The file does not exist, cannot be read, or is no JSON that we would write.
    """
    path = Path(path)
    if not path.exists():
        raise TableError(f"{path} does not exist; `isogloss status` says which stage makes it")
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is not valid JSON: byte {error.start} is not UTF-8; make it anew") from None
    except ValueError as error:
        raise TableError(f"{path} {error}; make it anew") from None
    except OSError as error:
        raise TableError(f"{path} cannot be read ({error.strerror}); make it anew") from None


def write_json(content: Any, path: Path | str) -> None:
    """Write JSON atomically, indented; NaN is refused, since JSON has none (use None)."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary file beside `path` that is renamed to it when the block succeeds, and removed when it fails.

    It is flushed to the disk before it is renamed, so that a power failure leaves the old file or the new one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{_short(path.name)}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """A temporary folder beside `path` that replaces it when the block succeeds, and is removed when it fails.

    Old and new folder change places in one step, so that a kill at any moment leaves one of them whole. (Where the
    file system cannot do that, the old one is renamed first, and put back by the next call.) Temporary folders of
    processes that no longer live are removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    recover_folder(path)
    stem = _short(path.name)
    temporary = Path(tempfile.mkdtemp(prefix=f".{stem}.{os.getpid()}_", suffix=".part", dir=path.parent))
    temporary.chmod(0o755)
    old = path.with_name(f".{stem}.{os.getpid()}.old")
    try:
        yield temporary
        if path.exists() and not _exchange(temporary, path):
            path.replace(old)
        if not path.exists():
            temporary.replace(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        if old.exists() and not path.exists():
            old.replace(path)
        shutil.rmtree(temporary, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Undo what a killed `atomic_folder` left beside `path`: put the old folder back, remove unfinished ones."""
    stem = re.escape(_short(path.name))
    for found in sorted(path.parent.glob(f".{glob.escape(_short(path.name))}.*")):
        match = re.fullmatch(rf"\.{stem}\.(?P<pid>\d+)(_\w+\.part|\.old)", found.name)
        if match is None or not found.is_dir() or _is_alive(int(match["pid"])):
            continue
        if found.suffix == ".old" and not path.exists():
            found.replace(path)
        else:
            shutil.rmtree(found, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; False if the system has no such call."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    return rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0


def _short(name: str) -> str:
    """A file's name, cut so that a temporary with a longer name still fits into 255 bytes."""
    return os.fsdecode(os.fsencode(name)[:200])


def _flush(path: Path) -> None:
    """Flush a written file to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_alive(pid: int) -> bool:
    """Whether a process of this host is alive; this process counts, since another thread may be writing."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
