"""Locks for the cores and the single GPUs of one host, shared by all runs, clones and workers on it.

A limit that says *how many* GPU stages may run does not say *which* GPU each one gets; two would meet on the first.
Here every stage gets devices by name, for itself, and stages run side by side only while the cores suffice. Each core
and each GPU is a file; a stage owns it while it holds the file's lock. The stage's process group inherits the locks, so
that they are released when its last process ends, even if it was killed. Nothing has to be cleaned up after a crash.
"""

import math
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.host.file_locks import exclusive, try_lock
from isogloss.pipeline.host.hardware import usable_cores, visible_devices
from isogloss.pipeline.host.tickets import MissingResources, ResourceRequest, Tickets, admit
from isogloss.pipeline.plan import Stage

LOCKS_VARIABLE = "ISOGLOSS_LOCKS"
"""Variable with the folder of the locks, needed if processes do not share a temporary folder (in containers, say)."""
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Share:
    """The resources of a running stage: a number of cores, and the names of its GPUs for CUDA_VISIBLE_DEVICES.

    The stage holds them as long as the lock files are open.
    """

    cores: int
    devices: tuple[str, ...] = ()
    files: tuple[int, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of the stage's process; none if it holds no GPU, as under plain `dvc repro`."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(self.devices)} if self.devices else {}


@dataclass(frozen=True)
class NoSlotAvailable:
    """Why a stage gets no share now: what is missing, and which stage holds it or is before it in the queue."""

    of: str
    after: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"waits for {self.of} of this host, after {', '.join(self.after) or 'other stages'}"


class HostSlots:
    """The cores and GPUs of this host that no other process of the user holds.

    Their number `cores` and `devices` (name for CUDA_VISIBLE_DEVICES -> identifier on this host) are by default those
    that this process may use. At most `most_at_once` shares are held at the same time. `folder` has the lock files, by
    default `ISOGLOSS_LOCKS`, or one for all processes of the user; raises `PipelineError` if it cannot be used.
    """

    def __init__(
        self,
        *,
        cores: int | None = None,
        devices: Mapping[str, str] | None = None,
        most_at_once: int | None = None,
        folder: Path | None = None,
    ):
        self._folder = folder or _host_folder()
        self._cores = [f"core-{number}" for number in (usable_cores() if cores is None else range(cores))]
        self._devices = devices
        self._places: float = math.inf if most_at_once is None else most_at_once
        self._tickets = Tickets(self._folder)

    def take(self, stage: Stage) -> Share | NoSlotAvailable:
        """Take all the cores and GPUs that the stage requests, or none.

        A request for more than the host has gets all of them, and an empty request never waits.

        A refused request keeps its place in the queue of the host (`isogloss.pipeline.host.tickets`) until a stage with
        the same request gets a share, or until `leave`.

        Raises `PipelineError`: the folder of the locks cannot be written.
        """
        if not (stage.cores or stage.gpus):
            return Share(cores=0)
        if self._places == 0:
            self._tickets.leave()  # Otherwise other stages would wait for this request.
            return NoSlotAvailable("places")
        if stage.gpus and self._devices is None:
            self._devices = visible_devices()
        devices = {f"gpu-{identity}": device for device, identity in (self._devices or {}).items()}
        request = Counter(GPUs=min(stage.gpus, len(devices)), cores=min(stage.cores, len(self._cores)))
        try:
            with exclusive(self._folder / "allocator"):
                held = self._choose(request, {"GPUs": list(devices), "cores": self._cores}, _who(stage))
        except OSError as error:
            raise PipelineError(f"{self._folder}, where cores and GPUs are locked: {error.strerror}") from None
        if isinstance(held, NoSlotAvailable):
            return held
        self._places -= 1
        mine = tuple(device for name, device in devices.items() if name in held)
        return Share(request["cores"], mine, tuple(held.values()))

    def give_back(self, share: Share) -> None:
        """Free what a stage held, once the last of its processes is gone."""
        self._places += bool(share.files)  # An empty share does not count against the limit.
        _close(share.files)

    def leave(self) -> None:
        """Give up all places in the queue."""
        self._tickets.leave()

    @contextmanager
    def waited_for(self, stage: Stage, *, stopped: Callable[[], bool], tell: Callable[[str], None]) -> Iterator[Share]:
        """Wait for a share and hold it; `tell` is called once with the reason for waiting.

        Raises `PipelineError`: `stopped` became true while it waited, or the folder of the locks cannot be written.
        """
        told = False
        try:
            while isinstance(share := self.take(stage), NoSlotAvailable):
                if stopped():
                    raise PipelineError(f"stage {stage.name} was not started")
                if not told:
                    tell(str(share))
                    told = True
                time.sleep(_POLL_SECONDS)
        finally:
            self.leave()
        try:
            yield share
        finally:
            self.give_back(share)

    def _choose(
        self, request: ResourceRequest, names: Mapping[str, list[str]], who: str
    ) -> dict[str, int] | NoSlotAvailable:
        """The locked files of the requested cores and GPUs by name, or the reason why they are not available now."""
        free = {what: self._lock(those) for what, those in names.items()}
        chosen: dict[str, int] = {}
        try:
            found = admit(
                request, Counter({what: len(those) for what, those in free.items()}), self._tickets.before(request)
            )
            if isinstance(found, MissingResources):
                self._tickets.wait(request, who)
                return NoSlotAvailable(found.of, (*self._holders(names[found.of], free[found.of]), *found.claims))
            self._tickets.done(request)
            for ticket in found:
                ticket.overtake()
            chosen = {name: file for what, those in free.items() for name, file in list(those.items())[: request[what]]}
        finally:
            _close(file for those in free.values() for name, file in those.items() if name not in chosen)
        for file in chosen.values():
            with suppress(OSError):  # The holder's name is used in messages only.
                os.ftruncate(file, 0)
                os.pwrite(file, who.encode(), 0)
        return chosen

    def _lock(self, names: list[str]) -> dict[str, int]:
        """The open files of all names that are free."""
        tried = {name: try_lock(self._path(name)) for name in names}
        return {name: file for name, file in tried.items() if file is not None}

    def _holders(self, names: list[str], free: Mapping[str, int]) -> tuple[str, ...]:
        """The holders of the names that are not free, each once."""
        taken = [self._path(name) for name in names if name not in free]
        return tuple(dict.fromkeys(path.read_text(encoding="utf-8", errors="replace") for path in taken))

    def _path(self, name: str) -> Path:
        return self._folder / re.sub(r"[^\w.-]", "_", name)


class UnboundedSlots(HostSlots):
    """Grants every request with an empty share: for a coordinator, whose workers limit themselves."""

    def take(self, stage: Stage) -> Share:
        """Return an empty share."""
        return Share(cores=0)


def _who(stage: Stage) -> str:
    """The message shown to processes that wait for this lock."""
    return f"{stage.name} of process {os.getpid()} in {Path.cwd()}"


def _close(descriptors: Iterable[int]) -> None:
    """Close open files, which frees their locks."""
    for descriptor in descriptors:
        os.close(descriptor)


def _host_folder() -> Path:
    """The folder of the locks, created if it is missing."""
    named = os.environ.get(LOCKS_VARIABLE)
    folder = Path(named) if named else Path(tempfile.gettempdir()) / f"isogloss-locks-{os.getuid()}"
    advice = f"set {LOCKS_VARIABLE} to a folder of your own"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PipelineError(f"{folder} cannot hold the locks of cores and GPUs ({error.strerror}); {advice}") from None
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PipelineError(f"{folder} belongs to somebody else; {advice}")
    return folder
