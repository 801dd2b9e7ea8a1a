"""What a killed stage leaves beside its outputs: temporary files and folders that never got their name."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path


def remove_leftovers(root: Path, outs: Iterable[str]) -> None:
    """Remove the temporaries of `isogloss.tables.atomic_path` and `atomic_folder` beside outputs nobody works on.

    Only those of the named outputs, since other stages may be at work in the same folder.
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
