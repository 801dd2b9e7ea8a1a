"""The files of a repository by their part in the pipeline: params, given inputs, outputs of stages."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.pipeline.repo.git import git
from isogloss.pipeline.repo.graph import stage_name

if TYPE_CHECKING:
    from dvc.repo import Repo


@dataclass
class PipelineFiles:
    """Files of the repository by their part in the pipeline, relative to its root."""

    written: list[str] = field(default_factory=list)
    params: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)


def pipeline_files(repo: "Repo", stale: Container[str] = ()) -> PipelineFiles:
    """The files of all stages, and the inputs of stale stages that no stage makes."""
    files = PipelineFiles()
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


def unknown_to_git(repo: "Repo", paths: list[str]) -> str | None:
    """A file at or below one of `paths` that is not in git and that .dvcignore does not exclude, or None."""
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


def uncached(repo: "Repo") -> dict[str, list[str]]:
    """Stage -> the outputs that it leaves to git instead of the cache, relative to the root."""
    return {
        stage_name(stage): [
            Path(out.fs_path).relative_to(repo.root_dir).as_posix()
            for out in stage.outs
            if not out.use_cache and out.is_in_repo
        ]
        for stage in repo.index.stages
    }
