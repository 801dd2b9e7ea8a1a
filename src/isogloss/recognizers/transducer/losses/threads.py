"""Independent pieces of work on a CPU, each done by one thread.

Torch divides every single operation among all threads, which wait for each other at its end. Operations on tiles are
short, so if other processes use the cores too, most time is spent waiting for an interrupted thread. Here each thread
takes the next piece when it has finished one, and threads wait only at the end.
"""

import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Sequence[Item], *, alone: bool = False) -> Iterator[Result]:
    """`work` of each item in inference mode, as many at once as torch has threads here; results in the items' order.

    Within `work` torch runs on one thread, so results do not depend on the number of threads.

    Parameters
    ----------
    alone
        One item after the other in this thread: for work so short that threads would mostly wait for Python's lock.
    """

    def in_inference_mode(item: Item) -> Result:
        with torch.inference_mode():
            return work(item)

    threads = torch.get_num_threads()
    if threads == 1:
        return map(in_inference_mode, items)
    if not alone:
        return _pool(os.getpid(), threads).map(in_inference_mode, items)
    torch.set_num_threads(1)
    try:
        return iter([in_inference_mode(item) for item in items])
    finally:
        torch.set_num_threads(threads)


@functools.cache
def _pool(_process: int, threads: int) -> ThreadPoolExecutor:
    """Threads of this process in which torch has one thread; a forked process does not inherit them."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="isogloss-loss")
    started = threading.Barrier(threads)

    def start(_: int) -> None:
        # A thread's first call replaces its setting by the process's latest one, so this call comes before the setting.
        torch.get_num_threads()
        torch.set_num_threads(1)
        started.wait()

    list(pool.map(start, range(threads)))
    torch.set_num_threads(threads)  # The setting is the thread's own, but new threads start with the latest one.
    return pool
