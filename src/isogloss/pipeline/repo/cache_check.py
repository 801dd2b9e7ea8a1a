"""Finding damaged objects in DVC's cache, whose content does not match their hash, and removing them.

DVC trusts every object that is write-protected. After a power failure, a disk error or a write by a program that
ignores the protection, an object may be truncated or altered, and DVC would restore it all the same. Here the objects
of a result are compared with their hashes before the result is restored, and before DVC decides that an equal object
need not be written again. A damaged object is removed, so that the stage runs again or DVC fetches the object from the
remote.

`ISOGLOSS_CACHE_CHECK=size` compares the sizes of files and of whole folders only, for results of many gigabytes.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvc.output import Output
    from dvc.stage import Stage as DvcStage

_LOG = logging.getLogger(__name__)


@cache
def check_before_use() -> None:
    """Make DVC, in this process, check the objects of a result before it restores or keeps them.

    One sentence is logged for each damaged object.
    """
    from dvc.stage import Stage
    from dvc.stage.cache import StageCache

    create, commit = StageCache._create_stage, Stage.commit

    def create_checked(self: Any, entry: Any, wdir: Any = None) -> Any:
        stage = create(self, entry, wdir=wdir)
        remove_damaged(stage)
        return stage

    def commit_checked(self: Any, *given: Any, **named: Any) -> None:
        remove_damaged(self)
        commit(self, *given, **named)

    StageCache._create_stage = create_checked
    Stage.commit = commit_checked


def remove_damaged(stage: "DvcStage") -> None:
    """Remove the objects of a stage's outputs that are in the cache and damaged."""
    for out in stage.outs:
        if out.hash_info and out.hash_info.name == "md5" and out.cache is not None and out.protocol == "local":
            for path, what, why in _damaged(out):
                text = "isogloss: %s is damaged in DVC's cache (%s: %s); it is not used, and made anew"
                _LOG.warning(text, what, why, object_name(path))
                path.chmod(0o600)
                path.unlink()


def matches_hash(path: Path, md5: str) -> bool:
    """Whether the content of a file in the cache matches its hash."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return found.hexdigest() == md5.removesuffix(".dir")


def _damaged(out: "Output") -> Iterator[tuple[Path, str, str]]:
    """The damaged objects of an output: the path of each, the output (and file in it), and what is wrong."""
    sizes_alone = os.environ.get("ISOGLOSS_CACHE_CHECK") == "size"
    place = Path(out.cache.oid_to_path(out.hash_info.value))
    if not place.is_file():
        return
    if not out.hash_info.isdir:
        size = out.meta.size if out.meta else None
        if size is not None and place.stat().st_size != size:
            yield place, str(out), f"{place.stat().st_size} bytes instead of {size}"
        elif not sizes_alone and not matches_hash(place, out.hash_info.value):
            yield place, str(out), "altered"
        return
    if not matches_hash(place, out.hash_info.value):  # a list of files is small
        yield place, str(out), "its list of files is altered"
        return
    files = {entry["relpath"]: entry["md5"] for entry in json.loads(place.read_text(encoding="utf-8"))}
    places = {name: Path(out.cache.oid_to_path(md5)) for name, md5 in files.items()}
    present = {name: path for name, path in places.items() if path.is_file()}
    if not sizes_alone:
        for name in sorted(present):  # Files with the same content are one object, which may be removed by now.
            if present[name].is_file() and not matches_hash(present[name], files[name]):
                yield present[name], f"{out}/{name}", "altered"
    elif len(present) == len(places) and out.meta and out.meta.size is not None:
        size = sum(path.stat().st_size for path in present.values())
        if size != out.meta.size:
            yield place, str(out), f"its files have {size} bytes instead of {out.meta.size}"


def object_name(path: Path) -> str:
    """The last two parts of an object's path, which are its hash."""
    return f"{path.parent.name}/{path.name}"
