"""The progress of a stage, read from lines of its output such as `epoch 3/20: loss 1.23`."""

import re

_COUNT = re.compile(r"^.{0,60}?\b(?:epoch|step|round|fold)\s+(?P<done>\d+)\s*(?:/|of)\s*(?P<all>\d+)\b")


def percent_done(line: str) -> float | None:
    """The percentage of the steps that a line reports as done, or None if it reports none.

    >>> percent_done("epoch 3/20: loss 1.2345, dev 1.3")
    15.0
    """
    found = _COUNT.match(line)
    if found is None:
        return None
    done, total = int(found["done"]), int(found["all"])
    return 100.0 * done / total if total > 0 and done <= total else None
