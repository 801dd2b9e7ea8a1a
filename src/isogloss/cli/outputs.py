"""The check that a command does not write over a file that it reads, nor write two outputs into one file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from isogloss.errors import ParamsError


def refuse_overwriting(outputs: Mapping[str, Path | None], inputs: Iterable[Path]) -> None:
    """Raise a `ParamsError` if an output is an input, or the same file as another output.

    Parameters
    ----------
    outputs
        Files to write by the name of their option; None if the option was not used.
    inputs
        Files that the command reads, or that it writes without being asked (a ledger).
    """
    read = {path.resolve() for path in inputs}
    written: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        place = path.resolve()
        if place in read:
            raise ParamsError(f"{option} {path} would replace a file that the command needs; name another file")
        if place in written:
            raise ParamsError(f"{written[place]} and {option} name the same file, {path}; give each a file of its own")
        written[place] = option
