"""The edge between the library and the shell: errors become one sentence and an exit code.

The modules that a stage imports after this one are imported with few garbage collections (`isogloss.garbage`).

Codes: 0 done, 2 the user's input is wrong or the machine cannot take the output (`IsoglossError`, a full disk, a folder
that cannot be written) or an extra is not installed, 130 interrupted, 141 whoever read the output has gone. Anything
else is our defect and keeps its traceback.
"""

import errno
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec

from isogloss import closed_pipe
from isogloss.closed_pipe import ending_with_its_reader, outliving_its_reader
from isogloss.errors import IsoglossError
from isogloss.extras import missing_extra
from isogloss.garbage import collect_as_usual, collect_rarely

collect_rarely()

P = ParamSpec("P")

_FULL = {errno.ENOSPC, errno.EDQUOT}
_SURROUNDINGS = {
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "choose another folder, or change its permissions",
    errno.EPERM: "choose another folder, or change its permissions",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "choose another folder",
    errno.EFBIG: "raise the limit of file sizes (`ulimit -f`)",
    errno.EIO: "the disk may be failing",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "the machine has too many open files",
}
"""What to do about errors that come from the machine, by errno."""
_FULL_BYTES = 1 << 16
"""Bytes of free space below which a disk counts as full, whatever an encoder or a database calls its error."""


def entry(function: Callable[P, object], *, interrupted: str = "") -> Callable[P, None]:
    """Wrap a stage's `main` (or a command) so that a user's mistake prints one sentence to stderr and exits 2.

    After Ctrl-C it prints `isogloss: interrupted`, followed by `interrupted` where a command keeps what was finished.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        collect_as_usual()
        _print_what_the_terminal_can()
        with ending_with_its_reader():
            try:
                function(*args, **kwargs)
            except IsoglossError as error:
                _end(str(error))
            except KeyboardInterrupt:
                print("isogloss: interrupted" + (f"; {interrupted}" if interrupted else ""), file=sys.stderr)
                sys.exit(closed_pipe.EXIT_CODE if closed_pipe.output_is_closed() else 130)
            except Exception as error:
                if isinstance(error, BrokenPipeError) and closed_pipe.output_is_closed():
                    raise
                sentence = _about_the_installation(error) or _about_the_machine(error)
                if sentence is None:
                    raise
                _end(sentence)

    return guarded


def _end(sentence: str) -> None:
    """Print one sentence and exit with code 2."""
    with outliving_its_reader():
        print(f"isogloss: {sentence}", file=sys.stderr)
    sys.exit(2)


def _about_the_installation(error: BaseException | None) -> str | None:
    """One sentence if the error is that a package of an extra is not installed; else None."""
    while error is not None and not isinstance(error, ModuleNotFoundError):
        error = error.__cause__
    return missing_extra(error.name) if error is not None and error.name else None


def _about_the_machine(error: BaseException) -> str | None:
    """One sentence if the machine caused the error (a full disk, a read-only folder); None for defects of Isogloss."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.errno in _SURROUNDINGS:
            where = f"{os.fsdecode(cause.filename)}: " if cause.filename is not None else ""
            return f"{where}{os.strerror(cause.errno)}; {_SURROUNDINGS[cause.errno]}"
        if isinstance(cause, OSError) and cause.errno in _FULL:
            where = f"{os.fsdecode(cause.filename)} cannot be written: " if cause.filename is not None else ""
            return f"{where}the disk is full; free some space and run it again"
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        with suppress(OSError):
            if shutil.disk_usage(folder).free < _FULL_BYTES:
                said = " ".join(str(error).split())
                return f"the disk of {folder} is full ({said}); free some space and run it again"
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """An error with its causes and contexts."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return found


def _print_what_the_terminal_can() -> None:
    """Print `?` for characters that the terminal's encoding lacks, instead of ending the run."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
