"""Handling of closed pipes: the reader of a command's output may end first, as `head` does.

It ends in silence, with a code that is no verdict.

Python's own end would be a traceback, or exit code 1, with which a gate says that a cohort is harmed.
"""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

EXIT_CODE = 141
"""128 + SIGPIPE, as shells report a filter whose reader has ended."""


def output_is_closed() -> bool:
    """Whether stdout or stderr is a pipe whose reader has closed it."""
    return any(_reader_has_gone(stream) for stream in (sys.stdout, sys.stderr))


@contextmanager
def ending_with_its_reader() -> Iterator[None]:
    """End the process with `EXIT_CODE` if the block prints into a closed pipe; the block's own exit codes stay."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # It may also be that of a socket, which is an ordinary error.
        if not output_is_closed():
            raise
        _discard_what_nobody_reads()
        sys.exit(EXIT_CODE)
    except BaseException:
        _discard_what_nobody_reads()
        raise


@contextmanager
def outliving_its_reader() -> Iterator[None]:
    """Continue after the block if it prints into a closed pipe, so that the exit code can still tell the result."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not output_is_closed():
            raise
        _discard_what_nobody_reads()


def _reader_has_gone(stream: TextIO | None) -> bool:
    """Whether a stream leads into a pipe whose other end is closed."""
    # A stream of a test has no file, and a closed one has no descriptor.
    with suppress(AttributeError, OSError, ValueError):
        watched = select.poll()
        watched.register(stream.fileno(), 0)  # type: ignore[union-attr]
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0))
    return False


def _discard_what_nobody_reads() -> None:
    """Redirect closed streams to /dev/null, since Python would fail to flush them at exit."""
    for stream in (sys.stdout, sys.stderr):
        if _reader_has_gone(stream):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
