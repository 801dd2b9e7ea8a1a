"""The progress of a stage, read from lines of its output such as `epoch 3/20: loss 1.23`."""

import re
from dataclasses import dataclass

_COUNT = re.compile(
    r"^(?P<before>.{0,60}?)\b(?P<unit>epoch|step|round|fold)\s+(?P<done>\d+)\s*(?:/|of)\s*(?P<all>\d+)\b"
)


@dataclass(frozen=True)
class Progress:
    """The number of steps done, the number of all steps, and the line that said so."""

    percent: float
    line: str


def progress_of(line: str) -> Progress | None:
    """The progress that a line reports, or None if it reports none.

    >>> progress_of("epoch 3/20: loss 1.2345, dev 1.3").percent
    15.0
    """
    found = _COUNT.match(line)
    if found is None:
        return None
    done, total = int(found["done"]), int(found["all"])
    return Progress(100.0 * done / total, line) if total > 0 and done <= total else None
