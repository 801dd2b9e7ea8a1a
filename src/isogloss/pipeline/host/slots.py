"""What the stages of one host share, whatever run, clone or worker they belong to: cores, and particular GPUs.

A limit that says *how many* GPU stages may run does not say *which* GPU each one gets; two would meet on the first.
Here every stage gets devices by name, for itself, and stages run side by side only while the cores suffice. Each core
and each GPU is a file; who holds its lock has it. The locks are inherited by the stage's process group, so that a share
is free when the last process that works with it is gone, however it ended. Nothing has to be cleaned up after a crash.
"""

import math
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from isogloss.errors import PipelineError
from isogloss.pipeline.host.file_locks import exclusive, try_lock
from isogloss.pipeline.host.hardware import usable_cores, visible_devices
from isogloss.pipeline.plan import Stage

LOCKS_VARIABLE = "ISOGLOSS_LOCKS"
"""Names the folder of the locks, where the host's temporary folder is not the same for all (containers, say)."""
_POLL_SECONDS = 0.2


Resource = Literal["GPUs", "cores"]


@dataclass(frozen=True)
class Share:
    """What a running stage holds: a number of cores, the names of its GPUs (as CUDA_VISIBLE_DEVICES takes them), and
    the open files that keep them."""

    cores: int
    devices: tuple[str, ...] = ()
    files: tuple[int, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What the stage's process has to be told; nothing where it holds no GPU, as under `dvc repro`."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(self.devices)} if self.devices else {}


@dataclass(frozen=True)
class NoRoom:
    """Why there is no share for a stage now: what is lacking, and who has it."""

    of: Resource | Literal["places"]
    holders: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"waits for {self.of} of this host; they are held by {', '.join(self.holders) or 'other stages'}"


class Slots(Protocol):
    """Where a scheduler gets shares from."""

    def take(self, stage: Stage, /) -> Share | NoRoom:
        """A share for `stage`, or why there is none now."""

    def give_back(self, share: Share, /) -> None:
        """Free what a stage held."""


class UnboundedSlots:
    """For a coordinator of workers: how much a host can take is for them to know."""

    def take(self, _stage: Stage) -> Share:
        """Always a share, and nothing in it."""
        return Share(cores=0)

    def give_back(self, _share: Share) -> None:
        """Nothing was held."""


class HostSlots:
    """The cores and GPUs of this host, as far as no other process of the user has taken them.

    Parameters
    ----------
    cores, devices
        How many cores, and which GPUs; those that this process may use where nothing is said.
    most_at_once
        How many shares may be out at the same time, at most.
    folder
        Where the locks are; where nothing is said, `ISOGLOSS_LOCKS`, or one for all processes of the user.
    """

    def __init__(
        self,
        *,
        cores: int | None = None,
        devices: tuple[str, ...] | None = None,
        most_at_once: int | None = None,
        folder: Path | None = None,
    ):
        self._folder = folder or _host_folder()
        self._cores = [f"core-{number}" for number in (usable_cores() if cores is None else range(cores))]
        self._devices = devices
        self._places: float = math.inf if most_at_once is None else most_at_once

    def take(self, stage: Stage) -> Share | NoRoom:
        """As many cores and GPUs as the stage asks for, or none at all; who wants more than exists gets all there is.

        GPUs are looked at first, so that who waits for one is seen to wait for it.
        """
        if self._places == 0:
            return NoRoom("places")
        if stage.gpus and self._devices is None:
            self._devices = visible_devices()
        devices = {f"gpu-{device}": device for device in self._devices or ()}
        held: dict[str, int] = {}
        with exclusive(self._folder / "allocator"):
            for what, names, asked in self._wishes(stage, list(devices)):
                wanted = min(asked, len(names))
                found = self._lock(names, wanted, f"{stage.name} of process {os.getpid()} in {Path.cwd()}")
                held |= found
                if len(found) < wanted:
                    _close(held.values())
                    return NoRoom(what, self._holders(names, held))
        self._places -= 1
        mine = tuple(device for name, device in devices.items() if name in held)
        return Share(len(held) - len(mine), mine, tuple(held.values()))

    def give_back(self, share: Share) -> None:
        """Free what a stage held, once the last of its processes is gone."""
        self._places += bool(share.files)  # the share of a stage that was skipped is empty
        _close(share.files)

    @contextmanager
    def waited_for(self, stage: Stage, *, stopped: Callable[[], bool], tell: Callable[[str], None]) -> Iterator[Share]:
        """Hold a share, waiting for it; `tell` hears once why.

        Raises
        ------
        PipelineError
            `stopped` became true while it waited.
        """
        told = False
        while isinstance(share := self.take(stage), NoRoom):
            if stopped():
                raise PipelineError(f"stage {stage.name} was not started")
            if not told:
                tell(str(share))
                told = True
            time.sleep(_POLL_SECONDS)
        try:
            yield share
        finally:
            self.give_back(share)

    def _wishes(self, stage: Stage, devices: list[str]) -> tuple[tuple[Resource, list[str], int], ...]:
        """Of each resource its name, the names of its files, and how many the stage asks for."""
        return ("GPUs", devices, stage.gpus), ("cores", self._cores, stage.cores)

    def _lock(self, names: list[str], wanted: int, holder: str) -> dict[str, int]:
        """The open files of the first free names, `wanted` at most, each with its holder written into it."""
        held: dict[str, int] = {}
        for name in names:
            if len(held) == wanted:
                break
            descriptor = try_lock(self._path(name))
            if descriptor is not None:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, holder.encode(), 0)
                held[name] = descriptor
        return held

    def _holders(self, names: list[str], free: dict[str, int]) -> tuple[str, ...]:
        """Who has those of the names that were not free, each once."""
        taken = [self._path(name) for name in names if name not in free]
        return tuple(dict.fromkeys(path.read_text(encoding="utf-8", errors="replace") for path in taken))

    def _path(self, name: str) -> Path:
        """The file of a core or GPU."""
        return self._folder / re.sub(r"[^\w.-]", "_", name)


def _close(descriptors: Iterable[int]) -> None:
    """Close open files, which frees their locks."""
    for descriptor in descriptors:
        os.close(descriptor)


def _host_folder() -> Path:
    """The folder of the locks; raises where somebody else has made it."""
    named = os.environ.get(LOCKS_VARIABLE)
    folder = Path(named) if named else Path(tempfile.gettempdir()) / f"isogloss-locks-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PipelineError(f"{folder} belongs to somebody else; set {LOCKS_VARIABLE} to a folder of your own")
    return folder
