"""A workspace of its own for a run: a git worktree at one commit, with other params and the clone's DVC cache."""

import configparser
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from isogloss.config.overrides import Overrides, overridden_text
from isogloss.errors import PipelineError
from isogloss.pipeline.git import git
from isogloss.pipeline.repository import open_repo

_YAML = YAML()


@dataclass(frozen=True)
class CacheSettings:
    """Where the clone keeps its DVC cache, and how files are linked to it; settings that are not in git included."""

    folder: Path
    link_types: tuple[str, ...] = ()

    @property
    def files(self) -> Path:
        """Where the files lie by their hash."""
        return self.folder / "files" / "md5"

    @classmethod
    def of(cls, root: Path) -> "CacheSettings":
        """Those of the clone at `root`; raises `PipelineError` where it is none."""
        with open_repo(root) as repo:
            types = repo.config["cache"].get("type") or ()
            return cls(Path(repo.cache.legacy.path), tuple(types))


class Worktree:
    """The worktree at `path` of the clone at `root`."""

    def __init__(self, root: Path, path: Path):
        self.root, self.path = root.resolve(), path.resolve()

    def make(self, revision: str, cache: CacheSettings) -> None:
        """Put the worktree at `revision`; what git ignores (outputs, checkpoints) stays where one is there already.

        Raises
        ------
        PipelineError
            Git or the disk refuse.
        """
        try:
            if self._exists():
                git(self.path, "checkout", "--quiet", "--force", "--detach", revision)
                git(self.path, "clean", "-d", "--force", "--quiet")
            else:
                shutil.rmtree(self.path, ignore_errors=True)
                self.path.parent.mkdir(parents=True, exist_ok=True)
                git(self.root, "worktree", "prune")
                git(self.root, "worktree", "add", "--quiet", "--force", "--detach", str(self.path), revision)
            self._write_config(cache)
        except OSError as error:
            raise PipelineError(f"the worktree {self.path} cannot be made: {error}") from None

    def override(self, overrides: Overrides, *, where: str) -> None:
        """Write params.yaml as it is at the worktree's commit, with `overrides`; raises `ParamsError`."""
        original = git(self.path, "show", "HEAD:params.yaml") + "\n"
        (self.path / "params.yaml").write_text(overridden_text(original, overrides, where=where), encoding="utf-8")

    def forget(self, stages: Iterable[str], files: Iterable[str]) -> None:
        """Drop what the commit says of stages that do not belong to the run: their entries in dvc.lock, their files.

        What was made with other params would else pass for a result of this run.
        """
        for name in stages:
            folder, _, short = name.rpartition("/dvc.yaml:")
            lock = self.path / folder / "dvc.lock"
            content = _YAML.load(lock.read_text(encoding="utf-8")) if lock.exists() else {}
            if content.get("stages", {}).pop(short, None) is not None:
                with lock.open("w", encoding="utf-8") as file:
                    _YAML.dump(content, file)
        for path in files:
            (self.path / path).unlink(missing_ok=True)

    def remove(self) -> None:
        """Take the worktree away with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        git(self.root, "worktree", "prune")

    def _exists(self) -> bool:
        """Whether the folder is a worktree that git knows (an interrupted `git worktree add` leaves half of one)."""
        listing = git(self.root, "worktree", "list", "--porcelain", "-z").split("\0")
        if f"worktree {self.path}" not in listing or not (self.path / ".git").is_file():
            return False
        try:
            return Path(git(self.path, "rev-parse", "--show-toplevel")).resolve() == self.path
        except PipelineError:
            return False

    def _write_config(self, cache: CacheSettings) -> None:
        """.dvc/config.local, which git ignores: the cache is the clone's."""
        config = configparser.ConfigParser(interpolation=None)
        config["cache"] = {
            "dir": str(cache.folder),
            **({"type": ",".join(cache.link_types)} if cache.link_types else {}),
        }
        with (self.path / ".dvc" / "config.local").open("w", encoding="utf-8") as file:
            config.write(file)
