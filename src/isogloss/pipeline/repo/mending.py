"""Repairing a dvc.lock that a killed process left empty, truncated or without its last stages.

A copy of each dvc.lock is kept in `.dvc/tmp/isogloss/locks`. When the repository is opened and dvc.lock differs from
that copy, it is checked: a readable one becomes the next copy; one that cannot be read, or that has lost its last
stages, is set aside and replaced by the copy (or by git's last version if there is no copy). Results of stages that ran
after the copy was made are not lost: the next run restores them from DVC's run cache.

The processes of Isogloss write dvc.lock atomically (`isogloss.pipeline.repo.durable`); the repair is for kills of other
`dvc` commands, full disks and power failures.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from isogloss.errors import PipelineError
from isogloss.pipeline.repo.durable import replace_text
from isogloss.pipeline.repo.git import git

_LOG = logging.getLogger(__name__)

Entries = Mapping[str, Mapping[str, Any]]


def mend_locks(root: Path) -> None:
    """Replace every dvc.lock below `root` that was damaged by a killed process, and keep copies of the others.

    A dvc.lock with conflict markers of git is left as it is, and so is one that another DVC process may be writing.

    Raises `PipelineError`: dvc.lock is damaged and cannot be written.
    """
    copies = _copies(root)
    names = {Path("dvc.lock"), *(found.relative_to(copies) for found in copies.rglob("dvc.lock"))}
    for name in sorted(names):
        path, copy = root / name, copies / name
        try:
            text = path.read_bytes()
            if text == copy.read_bytes():
                continue
        except FileNotFoundError:
            if not path.exists():  # It was removed on purpose: a killed process does not remove it.
                copy.unlink(missing_ok=True)
                continue
        except OSError as error:
            raise PipelineError(f"{path} cannot be read: {error.strerror}") from None
        _keep_or_replace(root, name, text)


def _keep_or_replace(root: Path, name: Path, text: bytes) -> None:
    """Keep a dvc.lock that differs from its copy as the next copy, or replace it if it is damaged."""
    copy = _copies(root) / name
    entries = lock_entries(text)
    kept = copy.read_bytes() if copy.exists() else b""
    if entries is not None and not _is_cut(root, name, text, kept, entries):
        with suppress(OSError):  # If the folder cannot be written, there is no copy.
            replace_text(copy, text.decode("utf-8"))
        return
    if b"<<<<<<<" in text:
        return
    from dvc.lock import LockError, make_lock

    folder = root / ".dvc" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(LockError), make_lock(str(folder / "lock"), tmp_dir=str(folder)):
        if (root / name).read_bytes() == text:
            _replace(root, name, text, kept)


def _replace(root: Path, name: Path, text: bytes, kept: bytes) -> None:
    """Put the copy, or git's last version, in the place of a damaged dvc.lock."""
    path, copies = root / name, _copies(root)
    source = "the copy that the last run kept"
    if lock_entries(kept) is None:
        kept, source = _from_git(root, name), "the last commit"
    if lock_entries(kept) is None:
        kept, source = b"schema: '2.0'\nstages: {}\n", ""
    try:
        copies.mkdir(parents=True, exist_ok=True)
        (copies / f"{'_'.join(name.parts)}.damaged").write_bytes(text)
        replace_text(Path(os.path.realpath(path)), kept.decode("utf-8"))
        replace_text(copies / name, kept.decode("utf-8"))
    except OSError as error:
        raise PipelineError(f"{path} is damaged, and cannot be replaced: {error.strerror}") from None
    how = f"it was replaced by {source}" if source else "it was emptied, and results come from DVC's run cache"
    _LOG.warning(
        "isogloss: %s was damaged when a process that wrote it was killed; %s, and the damaged file is in %s",
        name,
        how,
        (copies / f"{'_'.join(name.parts)}.damaged").relative_to(root),
    )


def lock_entries(text: bytes) -> Entries | None:
    """The stages of a dvc.lock; None if the text is not a complete dvc.lock."""
    try:
        # pure=False is the fast parser in C. Each call has its own parser, since threads must not share one.
        content = YAML(typ="safe", pure=False).load(text.decode("utf-8"))
    except (YAMLError, ValueError, TypeError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("schema") != "2.0":
        return None
    stages = content.get("stages", {})
    if not isinstance(stages, dict) or not all(isinstance(entry, dict) for entry in stages.values()):
        return None
    return stages


def _is_cut(root: Path, name: Path, text: bytes, kept: bytes, now: Entries) -> bool:
    """Whether a readable dvc.lock is the beginning of a longer one.

    An interrupted write keeps the first stages and may end at the end of a line, so that the file is still readable.
    Stages that are no longer in dvc.yaml are not counted as lost, and a file that is equal to git's version is not
    damaged.
    """
    before = lock_entries(kept) or {}
    declared = _declared(root / name.with_name("dvc.yaml"))
    missed = any(key not in now and key.partition("@")[0] in declared for key in before)
    shrunken = missed and list(now) == list(before)[: len(now)]
    cut = not text.endswith(b"\n") or (kept.startswith(text) and len(text) < len(kept))
    return (shrunken or cut) and _from_git(root, name) != text


def _declared(path: Path) -> set[str]:
    """The names of the stages in a dvc.yaml, without the keys of `foreach`."""
    try:
        content = YAML(typ="safe", pure=False).load(path.read_text(encoding="utf-8"))
        return {str(name) for name in content["stages"]}
    except (OSError, YAMLError, ValueError, KeyError, TypeError):
        return set()


def _from_git(root: Path, name: Path) -> bytes:
    """The file in the last commit; empty where there is none."""
    try:
        return (git(root, "show", f"HEAD:./{name.as_posix()}") + "\n").encode("utf-8", errors="surrogateescape")
    except PipelineError:
        return b""


def _copies(root: Path) -> Path:
    """Where the copies are; git and DVC ignore it."""
    return root / ".dvc" / "tmp" / "isogloss" / "locks"
