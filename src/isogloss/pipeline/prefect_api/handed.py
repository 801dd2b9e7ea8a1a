"""The plan that a command has made, handed to the flow that it starts.

It is no parameter of the flow, since Prefect stores those with the flow run and refuses more than 512 KiB of them: the
plan of a sweep of 18 runs with 14 methods had 532.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_PLAN: ContextVar[Any] = ContextVar("plan", default=None)


@contextmanager
def handed(plan: Any) -> Iterator[None]:
    """Hand a plan to the flow that is started in this block, in this thread."""
    token = _PLAN.set(plan)
    try:
        yield
    finally:
        _PLAN.reset(token)


def handed_plan() -> Any:
    """The plan that was handed over; None for a flow that no command of this process has started."""
    return _PLAN.get()
