"""One run at a time in a clone.

The lock is an open file that every stage's process group inherits. It is released when the run and all its stages have
ended, even if they were killed.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.host.file_locks import try_lock

_held: dict[Path, int] = {}


@contextmanager
def run_lock(root: Path, *, patience_seconds: float = 20.0) -> Iterator[int]:
    """Hold the run lock of a clone; yields its file descriptor, for `Executor(inherited=...)`. May be nested.

    If the run that held it has died and its stages are still ending, this function waits for them.

    Raises `PipelineError`: another run is active.
    """
    path = root.resolve() / ".dvc" / "tmp" / "isogloss" / "run.lock"
    if path in _held:
        yield _held[path]
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_seconds
    while (descriptor := try_lock(path)) is None:
        owner = path.read_text(encoding="utf-8")
        if _alive(owner) or time.monotonic() > deadline:
            raise PipelineError(
                f"another run is at work in {root} (process {owner or 'unknown'}); wait for it or stop it"
            )
        time.sleep(0.2)
    _held[path] = descriptor
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        del _held[path]
        os.close(descriptor)


def _alive(owner: str) -> bool:
    """Whether the process that wrote its number into the lock still exists."""
    try:
        os.kill(int(owner), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # It is another user's.
        pass
    return True
