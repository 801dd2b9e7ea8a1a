"""Where a corpus keeps its audio: a folder in the repository, or one under `$ISOGLOSS_DATA`.

Manifests hold paths relative to a root that is written as the description writes it, so the same corpus gives
the same bytes on two machines that keep it in different places.
"""

import os
import re
from pathlib import Path

from isogloss.errors import CorpusError

DATA_VARIABLE = "ISOGLOSS_DATA"
DEFAULT_DATA = "../shared/data"
"""Used where `$ISOGLOSS_DATA` is unset or empty; relative to the repository."""


def data_folder(repository: Path | str = ".") -> Path:
    """The folder of shared corpora: `$ISOGLOSS_DATA` of the environment, else `../shared/data`."""
    return Path(repository) / (os.environ.get(DATA_VARIABLE) or DEFAULT_DATA)


def resolve_root(root: str, repository: Path | str = ".") -> Path:
    """The folder that `root` names on this machine.

    Parameters
    ----------
    root
        A path, absolute or relative to the repository; may begin with `$ISOGLOSS_DATA` (or
        `${ISOGLOSS_DATA}`) or `~`.
    repository
        The repository's root, itself absolute or relative to the working directory.

    Raises
    ------
    CorpusError
        The path names another variable, or there is no such folder.
    """
    expanded = re.sub(rf"^\$(?:{DATA_VARIABLE}\b|{{{DATA_VARIABLE}}})", "", root)
    if "$" in expanded:
        raise CorpusError(f"root {root!r} names an unknown variable; it may only begin with ${DATA_VARIABLE}")
    if expanded == root:
        folder = Path(repository) / Path(root).expanduser()
    else:
        folder = data_folder(repository) / expanded.lstrip("/")
    if not folder.is_dir():
        remedy = "correct root" if expanded == root else f"set ${DATA_VARIABLE} to the folder of your corpora"
        raise CorpusError(f"the corpus' root {root!r} is {folder}, which is no folder; {remedy}")
    return folder


def portable_root(folder: Path | str, repository: Path | str = ".") -> str:
    """How a description writes a folder: relative to the repository or to `$ISOGLOSS_DATA`, else absolute."""
    folder, here, data = (Path(p).resolve() for p in (folder, repository, data_folder(repository)))
    if folder.is_relative_to(here):
        return folder.relative_to(here).as_posix()
    if folder.is_relative_to(data):
        return f"${DATA_VARIABLE}/{folder.relative_to(data).as_posix()}".removesuffix("/.")
    return folder.as_posix()
