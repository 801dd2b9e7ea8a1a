"""The queue for the cores and GPUs of a host: first come, first served, with limited overtaking.

Each waiting request is a file that its process holds open, so that the requests of dead processes do not count. Where
a request that came earlier has room, it goes first, whatever run it belongs to. A request that lacks something that
comes free piece by piece would be overtaken for ever by small ones; so it may be overtaken a few times, and
then what it lacks is left free until it has it. It is not left idle without end: what it waits for may be held for
hours, and after some minutes others may overtake again.

Everything here happens under one lock of the folder's (`isogloss.pipeline.host.slots`).
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
"""How many later requests may overtake one that waits for the resources they take."""
PATIENT_SECONDS = 600.0
"""Seconds for which the resources it waits for are then kept free; after that, as many again may overtake it."""
ASLEEP_SECONDS = 30.0
"""Seconds after which a request that has not been renewed (by a stopped process, say) is ignored."""

ResourceRequest = Counter[str]
"""How many of each resource."""


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
        """The tickets of living processes that are older than this process's ticket for the same request (all, if it
        has none), oldest first."""
        ours = self._ours.get(_key(request))
        older: list[Ticket] = []
        for path in sorted(self._folder.glob("ticket-*")):
            if ours is not None and path == ours[0]:
                break
            descriptor = try_lock(path)
            if descriptor is None:
                with suppress(ValueError, OSError):  # written while the disk was full; or it has just gone
                    if time.time() - path.stat().st_mtime < ASLEEP_SECONDS:
                        older.append(Ticket.read(path))
            else:  # its process is dead
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
    """The resources that a request cannot have now, and the earlier request that they are kept free for."""

    of: str
    claims: tuple[str, ...] = ()


def admit(request: ResourceRequest, free: ResourceRequest, older: list[Ticket]) -> list[Ticket] | MissingResources:
    """The earlier request that this one overtakes by taking free resources, or the resources that are missing."""
    left, overtaken, claims = Counter(free), [], []
    for ticket in older:
        lacking = [name for name, count in ticket.request.items() if count > left[name]]
        mine = next((name for name in lacking if request[name]), None)
        if not lacking:  # there is room for it, so that it will be served next
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
    """A request as a key."""
    return frozenset(request.items())
