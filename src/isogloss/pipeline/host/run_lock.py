"""One run at a time in a clone.

The lock is an open file that every stage's process group inherits. It is released when the run and all its stages have
ended, even if they were killed.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isogloss.errors import PipelineError

_held: dict[Path, int] = {}


@contextmanager
def run_lock(root: Path, *, patience_seconds: float = 20.0) -> Iterator[int]:
    """Hold the run lock of a clone; yields its file descriptor, for `Executor(inherited=...)`. May be nested.

    If the run that held it has died and its stages are still ending, this function waits for them.

    Raises
    ------
    PipelineError
        Another run is active.
    """
    path = root.resolve() / ".dvc" / "tmp" / "isogloss" / "run.lock"
    if path in _held:
        yield _held[path]
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, root, patience_seconds)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        _held[path] = descriptor
        try:
            yield descriptor
        finally:
            del _held[path]
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, root: Path, patience_seconds: float) -> None:
    """Take the lock; wait only if the run that holds it is already dead."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode()
        if _alive(owner) or time.monotonic() > deadline:
            raise PipelineError(
                f"another run is at work in {root} (process {owner or 'unknown'}); wait for it or stop it"
            )
        time.sleep(0.2)


def _alive(owner: str) -> bool:
    """Whether the process that wrote its number into the lock still exists."""
    try:
        os.kill(int(owner), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
