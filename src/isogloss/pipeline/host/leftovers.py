"""Removing the temporary files and folders that a killed stage leaves beside its outputs."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path


def remove_leftovers(root: Path, outs: Iterable[str]) -> None:
    """Remove the temporaries of `isogloss.tables.atomic_path` and `atomic_folder` beside the outputs `outs`.

    No stage may be writing these outputs. Temporaries of other outputs stay, since their stages may be running.
    """
    for out in outs:
        path = root / out
        temporary = re.compile(rf"\.{re.escape(path.name)}\.\w+\.(part(\.[^.]+)?|old)")
        for found in [*path.parent.glob(".*.part*"), *path.parent.glob(".*.old")]:
            if not temporary.fullmatch(found.name):
                continue
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found, ignore_errors=True)
            else:
                found.unlink(missing_ok=True)
