"""Entries of single stages in dvc.lock: a worker gets those of upstream stages, a run of a sweep loses others'."""

import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML

from isogloss.errors import PipelineError
from isogloss.pipeline.repo.durable import replace_text
from isogloss.pipeline.repo.git import git
from isogloss.pipeline.repo.mending import Entries, lock_entries


def read_entries(root: Path, names: Iterable[str]) -> dict[str, Any]:
    """Stage -> its entry in dvc.lock, as plain data; stages without one are left out."""

    @cache
    def entries(path: Path) -> Entries:
        return lock_entries(path.read_bytes()) or {} if path.exists() else {}

    places = {name: _place(root, name) for name in names}
    return {name: entries(path)[short] for name, (path, short) in places.items() if short in entries(path)}


def remove_entries(root: Path, names: Iterable[str]) -> None:
    """Remove the entries of stages from dvc.lock."""
    yaml = YAML()  # Several threads do this in workspaces of their own, and must not share a parser.
    for name in names:
        path, short = _place(root, name)
        content = yaml.load(path.read_text(encoding="utf-8")) if path.exists() else {}
        if content.get("stages", {}).pop(short, None) is not None:
            _write(yaml, path, content)


def write_entries(root: Path, entries: Mapping[str, Any]) -> None:
    """Write dvc.lock files that hold only these entries, and replace those of the commit.

    Raises `PipelineError`: a stage would lie outside `root`.
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
            _write(YAML(), path, {"schema": "2.0", "stages": stages})


def _write(yaml: YAML, path: Path, content: dict[str, Any]) -> None:
    text = io.StringIO()
    yaml.dump(content, text)
    replace_text(path, text.getvalue())


def _place(root: Path, name: str) -> tuple[Path, str]:
    """The dvc.lock of a stage, and its name there."""
    folder, _, short = name.rpartition("/dvc.yaml:")
    if PurePosixPath(folder).is_absolute() or ".." in PurePosixPath(folder).parts:
        raise PipelineError(f"stage {name!r} does not lie in the repository")
    return root / folder / "dvc.lock", short
