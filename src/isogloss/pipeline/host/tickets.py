"""Who waits for cores and GPUs of a host, in the order of their coming: first come, first served, few may overtake.

Each wish that could not be met is a file that its process holds open, so that the wish of a dead process is none. Where
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
"""So many may overtake one who waits for what they take."""
PATIENT_SECONDS = 600.0
"""Seconds for which what it waits for is then left free; after that, as many again may overtake it."""
ASLEEP_SECONDS = 30.0
"""Who has not asked for so long (a process that is stopped, say) is not waited for."""

Wish = Counter[str]
"""How many of each resource."""


@dataclass
class Ticket:
    """A waiting request: what it wants, how often it was overtaken, and when last (seconds since 1970)."""

    path: Path
    wish: Wish
    who: str
    overtaken: int = 0
    last: float = 0.0

    def is_due(self) -> bool:
        """Whether no other request may overtake it now."""
        if self.overtaken >= OVERTAKEN and time.time() - self.last > PATIENT_SECONDS:
            self.overtaken = 0
        return self.overtaken >= OVERTAKEN

    def overtake(self) -> None:
        """Count one who goes first."""
        self.overtaken, self.last = self.overtaken + 1, time.time()
        self.write()

    def write(self) -> None:
        """Put it into its file."""
        content = {"wish": self.wish, "who": self.who, "overtaken": self.overtaken, "last": self.last}
        self.path.write_text(json.dumps(content), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Ticket":
        """Out of its file."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(path, Counter(content["wish"]), content["who"], content["overtaken"], content["last"])


class Tickets:
    """The tickets of a folder, and which of them are ours, by wish."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._ours: dict[frozenset[tuple[str, int]], tuple[Path, int]] = {}

    def before(self, wish: Wish) -> list[Ticket]:
        """Those of living processes that are older than ours for this wish (all, where we have none), oldest first."""
        ours = self._ours.get(_key(wish))
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

    def wait(self, wish: Wish, who: str) -> None:
        """Have a ticket for this wish; where we have one, show that we still want it."""
        ours = self._ours.get(_key(wish))
        if ours is not None:
            os.utime(ours[1])
            return
        path = self._folder / f"ticket-{time.time_ns():020d}-{os.getpid()}"
        descriptor = try_lock(path)
        if descriptor is not None:
            self._ours[_key(wish)] = (path, descriptor)
            Ticket(path, wish, who).write()

    def done(self, wish: Wish) -> None:
        """Have no ticket for this wish any more."""
        ours = self._ours.pop(_key(wish), None)
        if ours is not None:
            ours[0].unlink(missing_ok=True)
            os.close(ours[1])

    def leave(self) -> None:
        """Wait for nothing any more."""
        for key in list(self._ours):
            self.done(Counter(dict(key)))


@dataclass(frozen=True)
class Lack:
    """What a request cannot have now, and which earlier request has a claim on it."""

    of: str
    claims: tuple[str, ...] = ()


def turn(wish: Wish, free: Wish, older: list[Ticket]) -> list[Ticket] | Lack:
    """Which request another overtakes by taking what it asks for out of what is free; or what it lacks."""
    left, overtaken, claims = Counter(free), [], []
    for ticket in older:
        lacking = [name for name, count in ticket.wish.items() if count > left[name]]
        mine = next((name for name in lacking if wish[name]), None)
        if not lacking:  # there is room for it: it has it, as good as
            left -= ticket.wish
            claims.append(ticket.who)
        elif mine is not None:
            if ticket.is_due():
                return Lack(mine, (ticket.who,))
            overtaken.append(ticket)
    for name, count in wish.items():
        if count > left[name]:
            return Lack(name, tuple(claims))
    return overtaken


def _key(wish: Wish) -> frozenset[tuple[str, int]]:
    """A wish as a key."""
    return frozenset(wish.items())
