"""Cores and GPUs of a host that several processes share: the stage runs of workers, of whatever clone.

Each core and each GPU is a file; who holds its lock has it. The locks are inherited by the stage's process group, so
that a share is free when the last process that works with it is gone, however it ended. Nothing has to be cleaned up
after a crash.
"""

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.slots import Share, usable_cores, visible_devices

_POLL_SECONDS = 0.2


@contextmanager
def host_share(
    stage: Stage,
    *,
    folder: Path | None = None,
    cores: int | None = None,
    devices: tuple[str, ...] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Share, tuple[int, ...]]]:
    """Wait for what `stage` asks for and hold it; who wants more than exists gets all there is.

    Yields the share, and the open files that keep it (for `Executor(inherited=...)`). `cores` and `devices` are those
    of the host where nothing is said, `folder` is one for all processes of the user.

    Raises
    ------
    PipelineError
        `stopped` became true while it waited.
    """
    folder = folder or _folder()
    cores = cores or usable_cores()
    devices = (visible_devices() if stage.gpus else ()) if devices is None else devices
    wanted = (min(stage.cores, cores), min(stage.gpus, len(devices)))
    kinds = ([f"core-{number}" for number in range(cores)], [f"gpu-{device}" for device in devices])
    while True:
        held = _take(folder, kinds, wanted)
        if held is not None:
            break
        if stopped():
            raise PipelineError(f"stage {stage.name} was not started")
        time.sleep(_POLL_SECONDS)
    try:
        mine = tuple(device for device in devices if f"gpu-{device}" in held)
        yield Share(wanted[0], mine), tuple(held.values())
    finally:
        for descriptor in held.values():
            os.close(descriptor)


def _take(folder: Path, kinds: tuple[list[str], list[str]], wanted: tuple[int, int]) -> dict[str, int] | None:
    """The locks of as many names of each kind as wanted, or none at all; one process at a time looks."""
    held: dict[str, int] = {}
    with exclusive(folder / "allocator"):
        for names, count in zip(kinds, wanted, strict=True):
            missing = count
            for name in names:
                if missing and (descriptor := try_lock(folder / re.sub(r"[^\w.-]", "_", name))) is not None:
                    held[name] = descriptor
                    missing -= 1
            if missing:
                for descriptor in held.values():
                    os.close(descriptor)
                return None
    return held


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock of a file, waiting for it; among processes and among threads."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """The open file whose lock we have, or None where another process has it; closing it frees the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _folder() -> Path:
    """A folder of ours alone in the host's temporary folder; raises where somebody else has made it."""
    folder = Path(tempfile.gettempdir()) / f"isogloss-slots-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PipelineError(f"{folder} belongs to somebody else; set TMPDIR to a folder of your own")
    return folder
