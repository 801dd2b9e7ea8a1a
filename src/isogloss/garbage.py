"""Less work for Python's collector of cyclic garbage where it finds none: while modules are imported, and at the end.

Importing PyTorch and Lightning makes hundreds of thousands of objects and no garbage, but the collector goes through
them again and again; at the end of the process it goes through all of them once more, to free what the system frees
anyway.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_USUAL = gc.get_threshold()
_WHILE_IMPORTING = (100_000, 50, 50)


def collect_rarely() -> None:
    """Collect rarely until `collect_as_usual`, and not at the end of the process."""
    gc.set_threshold(*_WHILE_IMPORTING)
    atexit.register(gc.freeze)


def collect_as_usual() -> None:
    """Collect as often as Python does by itself; cycles may hold large tensors."""
    gc.set_threshold(*_USUAL)


@contextmanager
def while_importing() -> Iterator[None]:
    """Collect rarely within the block."""
    collect_rarely()
    try:
        yield
    finally:
        collect_as_usual()
