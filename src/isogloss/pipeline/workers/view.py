"""What workers see of this clone: its last commit, and the params files as they are. Anything else is refused."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.errors import PipelineError
from isogloss.pipeline.plan import Plan
from isogloss.pipeline.repo.git import first_uncommitted, git, revision
from isogloss.pipeline.repo.graph import stage_name
from isogloss.pipeline.repo.opening import open_repo

if TYPE_CHECKING:
    from dvc.repo import Repo


@dataclass(frozen=True)
class WorkersView:
    """The commit that workers check out, and params file -> its text where that differs from the commit."""

    revision: str
    params: dict[str, str]


@dataclass
class _Files:
    """Files of the repository by their part in the pipeline, relative to its root."""

    written: list[str] = field(default_factory=list)
    params: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)


def workers_view(root: Path, plan: Plan) -> WorkersView:
    """What the workers of a run of `plan` get to see.

    Raises
    ------
    PipelineError
        A tracked file (params files, dvc.lock, outputs and experiments/ apart) has uncommitted changes; a stage reads a
        file that git does not have; there is no DVC remote, or no commit.
    """
    with open_repo(root) as repo:
        if not repo.config["core"].get("remote"):
            raise PipelineError(
                "workers exchange results through a DVC remote, and this clone has no default one; "
                "`dvc remote add --default NAME ADDRESS` names it"
            )
        files = _files(repo, {stage.name for stage in plan.stale})
        unknown = _unknown_to_git(repo, sorted(files.given))
    head = revision(root)
    changed = first_uncommitted(root, except_for=["dvc.lock", "experiments", *files.written, *files.params])
    if changed:
        raise PipelineError(f"{changed} has uncommitted changes, which workers cannot see; commit them")
    if unknown:
        raise PipelineError(f"a stage reads {unknown}, which git does not have and workers cannot see; commit it")
    return WorkersView(head, {path: text for path in sorted(files.params) if (text := _changed(root, path))})


def _files(repo: "Repo", stale: set[str]) -> _Files:
    """The files of all stages; those given to the stale ones, which no stage makes."""
    files = _Files()
    root = Path(repo.root_dir)
    made = [Path(out.fs_path) for stage in repo.index.stages for out in stage.outs]
    for stage in repo.index.stages:
        files.written += [Path(o.fs_path).relative_to(root).as_posix() for o in stage.outs if o.is_in_repo]
        for dep in stage.deps:
            path = Path(dep.fs_path)
            if dep.fs.protocol != "local" or not path.is_relative_to(root):
                continue
            name = path.relative_to(root).as_posix()
            if dep in stage.params:
                files.params.add(name)
            elif stage_name(stage) in stale and not any(path.is_relative_to(out) for out in made):
                files.given.add(name)
    files.params -= {path for path in files.params if any(Path(path).is_relative_to(out) for out in files.written)}
    return files


def _unknown_to_git(repo: "Repo", paths: list[str]) -> str | None:
    """A file at or below one of `paths` that is not in git, nor left out of account by .dvcignore."""
    if not paths:
        return None
    listing = ("status", "--porcelain", "--untracked-files=all", "--ignored", "-z", "--")
    outs = {Path(out.fs_path) for stage in repo.index.stages for out in stage.outs}
    root = Path(repo.root_dir)
    for line in git(root, *listing, *[f":(literal){path}" for path in paths]).split("\0"):
        if not line.startswith(("?? ", "!! ")):
            continue
        for file in _regular_files(root / line[3:]):
            if not any(file.is_relative_to(out) for out in outs) and not repo.dvcignore.is_ignored(repo.fs, str(file)):
                return file.relative_to(root).as_posix()
    return None


def _regular_files(path: Path) -> Iterator[Path]:
    """The file itself, or the files in a folder."""
    if path.is_dir():
        yield from (found for found in sorted(path.rglob("*")) if found.is_file())
    else:
        yield path


def _changed(root: Path, path: str) -> str | None:
    """The text of a file that differs from the commit's, or that the commit does not have."""
    text = (root / path).read_text(encoding="utf-8") if (root / path).is_file() else None
    try:
        committed = git(root, "show", f"HEAD:./{path}")
    except PipelineError:
        return text
    return text if text is not None and text.rstrip("\n") != committed.rstrip("\n") else None
