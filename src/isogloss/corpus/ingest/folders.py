"""The folder of a corpus's audio, from the paths in its tables."""

import os
from collections.abc import Iterable
from pathlib import Path


def common_folder(paths: Iterable[str], root: Path) -> Path | None:
    """The folder that holds all audio, if every path is absolute and not all are below `root`; else None.

    Examples
    --------
    >>> common_folder(["/data/a/1.wav", "/data/b/2.wav"], Path("/tables"))
    PosixPath('/data')
    """
    given = list(paths)
    if not given or not all(path.startswith("/") for path in given):
        return None
    common = Path(os.path.commonpath([os.path.normpath(path.rpartition("/")[0] or "/") for path in given]))
    return None if common.is_relative_to(os.path.normpath(root.absolute())) else common
