"""The queue for the cores and GPUs of a host: first come, first served, with limited overtaking.

Each waiting request is a file that its process holds open, so that the requests of dead processes do not count. If
several requests could be served, the earliest goes first, whatever run it belongs to.

Small requests could overtake a large one for ever, because its resources are released one at a time. So a request may
be overtaken only a few times; then the resources that it waits for are kept free. Since other resources that it needs
may be held for hours, this ends after some minutes, and it may be overtaken again.

All functions are called while the lock of the folder is held (`isogloss.pipeline.host.slots`).
"""

import json
import os
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from isogloss.pipeline.host.file_locks import try_lock

OVERTAKEN = 8
"""Number of later requests that may take resources that an earlier request waits for."""
PATIENT_SECONDS = 600.0
"""Seconds for which resources are kept free for a request that was overtaken `OVERTAKEN` times; after that, as many
requests may overtake it again."""
ASLEEP_SECONDS = 30.0
"""Seconds after which a request that has not been renewed (by a stopped process, say) is ignored."""

ResourceRequest = Counter[str]
"""The number of units of each resource."""


@dataclass
class Ticket:
    """A waiting request: the resources it asks for, how often it was overtaken, and when last (seconds since 1970)."""

    path: Path
    request: ResourceRequest
    who: str
    overtaken: int = 0
    last: float = 0.0

    def is_due(self) -> bool:
        """Whether no other request may overtake it now."""
        if self.overtaken >= OVERTAKEN and time.time() - self.last > PATIENT_SECONDS:
            self.overtaken = 0
        return self.overtaken >= OVERTAKEN

    def overtake(self) -> None:
        """Count one more request that has overtaken this one."""
        self.overtaken, self.last = self.overtaken + 1, time.time()
        self.write()

    def write(self) -> None:
        """Write the ticket into its file."""
        content = {"request": self.request, "who": self.who, "overtaken": self.overtaken, "last": self.last}
        self.path.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Ticket":
        """The ticket that a file holds."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(path, Counter(content["request"]), content["who"], content["overtaken"], content["last"])


class Tickets:
    """The tickets of a folder, and those of this process by their request."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._ours: dict[frozenset[tuple[str, int]], tuple[Path, int]] = {}

    def before(self, request: ResourceRequest) -> list[Ticket]:
        """The tickets of living processes that are older than this process's ticket for a request, oldest first.

        If this process has no ticket for the request, all tickets are returned.
        """
        ours = self._ours.get(_key(request))
        older: list[Ticket] = []
        for path in sorted(self._folder.glob("ticket-*")):
            if ours is not None and path == ours[0]:
                break
            descriptor = try_lock(path)
            if descriptor is None:
                # The ticket was written while the disk was full, or has just been removed.
                with suppress(ValueError, OSError):
                    if time.time() - path.stat().st_mtime < ASLEEP_SECONDS:
                        older.append(Ticket.read(path))
            else:  # The ticket's process is dead.
                path.unlink(missing_ok=True)
                os.close(descriptor)
        return older

    def wait(self, request: ResourceRequest, who: str) -> None:
        """Take a ticket for this request, or renew the one that this process has."""
        ours = self._ours.get(_key(request))
        if ours is not None:
            os.utime(ours[1])
            return
        path = self._folder / f"ticket-{time.time_ns():020d}-{os.getpid()}"
        descriptor = try_lock(path)
        if descriptor is not None:
            self._ours[_key(request)] = (path, descriptor)
            Ticket(path, request, who).write()

    def done(self, request: ResourceRequest) -> None:
        """Remove the ticket for this request."""
        ours = self._ours.pop(_key(request), None)
        if ours is not None:
            ours[0].unlink(missing_ok=True)
            os.close(ours[1])

    def leave(self) -> None:
        """Remove all tickets of this process."""
        for key in list(self._ours):
            self.done(Counter(dict(key)))


@dataclass(frozen=True)
class MissingResources:
    """The resources that a request lacks now, and the earlier request for which they are kept free."""

    of: str
    claims: tuple[str, ...] = ()


def admit(request: ResourceRequest, free: ResourceRequest, older: list[Ticket]) -> list[Ticket] | MissingResources:
    """The earlier request that this one overtakes by taking free resources, or the resources that are missing."""
    left, overtaken, claims = Counter(free), [], []
    for ticket in older:
        lacking = [name for name, count in ticket.request.items() if count > left[name]]
        mine = next((name for name in lacking if request[name]), None)
        if not lacking:  # All its resources are free, so it will be served next.
            left -= ticket.request
            claims.append(ticket.who)
        elif mine is not None:
            if ticket.is_due():
                return MissingResources(mine, (ticket.who,))
            overtaken.append(ticket)
    for name, count in request.items():
        if count > left[name]:
            return MissingResources(name, tuple(claims))
    return overtaken


def _key(request: ResourceRequest) -> frozenset[tuple[str, int]]:
    return frozenset(request.items())
