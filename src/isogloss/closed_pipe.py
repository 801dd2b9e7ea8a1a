"""What a command does when whoever reads its output has gone, as `head` does.

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
"""128 + SIGPIPE, as shells report a filter that ended because nobody read on."""


def output_is_closed() -> bool:
    """Whether stdout or stderr is a pipe that nobody reads any more."""
    return any(_reader_has_gone(stream) for stream in (sys.stdout, sys.stderr))


@contextmanager
def ending_with_its_reader() -> Iterator[None]:
    """End the process with `EXIT_CODE` where the block prints and nobody reads; the block's own exit codes stay."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:  # or that of a socket, which is an error like others
        if not output_is_closed():
            raise
        _discard_what_nobody_reads()
        sys.exit(EXIT_CODE)
    except BaseException:
        _discard_what_nobody_reads()
        raise


@contextmanager
def outliving_its_reader() -> Iterator[None]:
    """Go on after the block where it prints and nobody reads: what was decided before is still to be said."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not output_is_closed():
            raise
        _discard_what_nobody_reads()


def _reader_has_gone(stream: TextIO | None) -> bool:
    """Whether a stream leads into a pipe whose other end is closed."""
    with suppress(AttributeError, OSError, ValueError):  # a stream of a test has no file, a closed one no number
        watched = select.poll()
        watched.register(stream.fileno(), 0)  # type: ignore[union-attr]
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0))
    return False


def _discard_what_nobody_reads() -> None:
    """Lead closed streams to nowhere: what is left in them would be written, and fail, when Python ends."""
    for stream in (sys.stdout, sys.stderr):
        if _reader_has_gone(stream):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
