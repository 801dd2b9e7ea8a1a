"""Entries of single stages in dvc.lock, by which a worker learns the hashes of upstream outputs."""

import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML

from isogloss.errors import PipelineError
from isogloss.pipeline.repo.durable import replace_text
from isogloss.pipeline.repo.git import git


def read_entries(root: Path, names: Iterable[str]) -> dict[str, Any]:
    """Stage -> its entry in dvc.lock, as plain data; stages without one are left out."""
    yaml = YAML(typ="safe", pure=False)
    contents: dict[Path, dict[str, Any]] = {}
    found = {}
    for name in names:
        path, short = _place(root, name)
        if path not in contents:
            contents[path] = (yaml.load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}
        entry = contents[path].get("stages", {}).get(short)
        if entry is not None:
            found[name] = entry
    return found


def write_entries(root: Path, entries: Mapping[str, Any]) -> None:
    """Write dvc.lock files that hold only these entries, and replace those of the commit.

    Raises
    ------
    PipelineError
        A stage would lie outside `root`.
    """
    for known in git(root, "ls-files", "-z", "--", "dvc.lock", "*/dvc.lock").split("\0"):
        if known:
            (root / known).unlink(missing_ok=True)
    files: dict[Path, dict[str, Any]] = defaultdict(dict)
    for name, entry in entries.items():
        path, short = _place(root, name)
        files[path][short] = entry
    for path, stages in files.items():
        if path.parent.is_dir():
            text = io.StringIO()
            YAML().dump({"schema": "2.0", "stages": stages}, text)
            replace_text(path, text.getvalue())


def _place(root: Path, name: str) -> tuple[Path, str]:
    """The dvc.lock of a stage, and its name there."""
    folder, _, short = name.rpartition("/dvc.yaml:")
    if PurePosixPath(folder).is_absolute() or ".." in PurePosixPath(folder).parts:
        raise PipelineError(f"stage {name!r} does not lie in the repository")
    return root / folder / "dvc.lock", short
