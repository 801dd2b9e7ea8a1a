"""Handling of signals while stages run."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """In the block, a signal calls `stop` and raises no exception in the main thread.

    A second signal calls `stop` again, which ends the stages at once, and also raises, in case the main thread hangs.
    Outside the main thread this does nothing, since only the main thread may handle signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = 0

    def handler(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        came += 1
        stop()
        if came > 1:
            raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, old in zip(numbers, before, strict=True):
            signal.signal(number, old)
