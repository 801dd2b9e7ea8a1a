"""What a signal does while stages run."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """While stages run, a signal calls `stop`, and nothing is raised into the middle of what the main thread does.

    A second signal calls it again, which ends the stages at once, and does raise, should the main thread hang. Outside
    the main thread signals belong to somebody else.
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
