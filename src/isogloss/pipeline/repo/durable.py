"""Making DVC's writes of its small files atomic.

DVC 3.67 opens `dvc.lock` and `.dvc/tmp/rwlock` for writing and fills them afterwards: a process that dies in between
leaves an empty or truncated file, and every later command fails on it. In this process `write_whole` replaces these
writes by a temporary file that is flushed to the disk and renamed. It also makes DVC read an rwlock that is not JSON as
an empty one. This is safe because a reader holds DVC's guard of that file, so no other process is writing it at that
moment.
"""

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any


@cache
def write_whole() -> None:
    """Make all writes of DVC's YAML, TOML and JSON files, and of its rwlock, atomic in this process."""
    from dvc import rwlock
    from dvc.utils.serialize import _common, _json, _py, _toml, _yaml

    for module in (_common, _json, _py, _toml, _yaml):
        module._dump_data = _dump
    edit = rwlock._edit_rwlock

    def edit_whole(lock_dir: str, fs: Any, hardlink: bool) -> Any:
        return edit(lock_dir, _WholeFiles(fs), hardlink)

    rwlock._edit_rwlock = edit_whole


def replace_text(path: Path, text: str) -> None:
    """Write a text file so that it has the old content or the new one, even after a power failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # `isogloss.tables.atomic_path` does this too, but importing it costs as much as the whole plan of a run.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _dump(path: Any, data: Any, dumper: Any, fs: Any = None, **options: Any) -> None:  # noqa: ARG001
    """Stands in for `dvc.utils.serialize._common._dump_data`; all files that we let DVC write are local."""
    text = io.StringIO()
    dumper(data, text, **options)
    # A linked dvc.lock stays a link: the file that it points to is replaced.
    replace_text(Path(os.path.realpath(path)), text.getvalue())


class _WholeFiles:
    """A local file system as `dvc.rwlock` uses it, whose written files are atomic."""

    def __init__(self, fs: Any):
        self._fs = fs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fs, name)

    @contextmanager
    def open(self, path: str, mode: str = "r", **options: Any) -> Iterator[IO[str]]:
        """Open a file; an rwlock that is no JSON object is opened as if it were not there."""
        if "w" in mode:
            text = io.StringIO()
            yield text
            replace_text(Path(path), text.getvalue())
            return
        content = Path(path).read_text(encoding="utf-8", errors="replace")
        if not _is_rwlock(content):
            raise FileNotFoundError(path)
        yield io.StringIO(content)


def _is_rwlock(text: str) -> bool:
    """Whether a text has the form of DVC's rwlock."""
    from dvc.rwlock import SCHEMA
    from voluptuous import Invalid

    try:
        SCHEMA(json.loads(text))
    except (ValueError, Invalid):
        return False
    return True
