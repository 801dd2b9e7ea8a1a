"""A workspace of its own for a run: a git worktree at one commit, with other params and the clone's DVC cache."""

import configparser
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from isogloss.config.overrides import Overrides, overridden_text
from isogloss.errors import PipelineError
from isogloss.pipeline.repo.durable import replace_text
from isogloss.pipeline.repo.git import git
from isogloss.pipeline.repo.lock_entries import remove_entries
from isogloss.pipeline.repo.opening import open_repo, site_cache


@dataclass(frozen=True)
class CacheSettings:
    """The folder of the clone's DVC cache, and how files are linked to it; settings outside git are included."""

    folder: Path
    link_types: tuple[str, ...] = ()

    @property
    def files(self) -> Path:
        """Where the files lie by their hash."""
        return self.folder / "files" / "md5"

    @classmethod
    def of(cls, root: Path) -> "CacheSettings":
        """The settings of the clone at `root`; raises `PipelineError` if it is not a clone."""
        with open_repo(root) as repo:
            types = repo.config["cache"].get("type") or ()
            return cls(Path(repo.cache.legacy.path), tuple(types))


def remote_settings(root: Path) -> dict[str, dict[str, str]]:
    """The remotes in the clone's DVC configuration, with absolute paths; settings outside git are included.

    Raises `PipelineError` if `root` is not a clone.
    """
    with open_repo(root) as repo:
        remotes, default = repo.config["remote"], repo.config["core"].get("remote")
    sections = {
        f"'remote \"{name}\"'": {key: str(value) for key, value in settings.items() if value is not None}
        for name, settings in remotes.items()
    }
    return {**({"core": {"remote": str(default)}} if default else {}), **sections}


class Worktree:
    """The worktree at `path` of the clone at `root`."""

    def __init__(self, root: Path, path: Path):
        self.root, self.path = root.resolve(), path.resolve()

    def environment(self, given: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment variables of the stages in the worktree: `given`, and what the worktree adds.

        The stages import isogloss from the worktree, since an installed one may be edited while they run.
        """
        given = dict(given or {})
        python_path = given.get("PYTHONPATH") or os.environ.get("PYTHONPATH", "")
        return {
            **given,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(self.path / "src"), python_path])),
            "DVC_SITE_CACHE_DIR": str(site_cache(self.path)),
        }

    def make(
        self, revision: str, cache: CacheSettings, *, settings: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Create the worktree at `revision`, or move an existing one there; what git ignores in it is kept.

        `settings` are sections for its DVC configuration besides the clone's cache.

        Raises `PipelineError`: a git command or a write to the disk fails.
        """
        try:
            if self._exists():
                # A lock of a git process that died. The caller ensures that no other process works here.
                (Path(git(self.path, "rev-parse", "--absolute-git-dir")) / "index.lock").unlink(missing_ok=True)
                git(self.path, "checkout", "--quiet", "--force", "--detach", revision)
                git(self.path, "clean", "-d", "--force", "--quiet")
            else:
                shutil.rmtree(self.path, ignore_errors=True)
                self.path.parent.mkdir(parents=True, exist_ok=True)
                git(self.root, "worktree", "prune")
                git(self.root, "worktree", "add", "--quiet", "--force", "--detach", str(self.path), revision)
            self._write_config(cache, settings or {})
        except OSError as error:
            raise PipelineError(f"the worktree {self.path} cannot be made: {error}") from None

    def override(self, overrides: Overrides, *, where: str) -> None:
        """Write params.yaml as it is at the worktree's commit, with `overrides`; raises `ParamsError`."""
        original = git(self.path, "show", "HEAD:params.yaml") + "\n"
        replace_text(self.path / "params.yaml", overridden_text(original, overrides, where=where))

    def forget(self, stages: Iterable[str], files: Iterable[str]) -> None:
        """Remove the commit's dvc.lock entries and files of stages that do not belong to the run.

        Otherwise results of other params would be taken for results of this run.
        """
        remove_entries(self.path, stages)
        for path in files:
            (self.path / path).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the worktree with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        git(self.root, "worktree", "prune")

    def _exists(self) -> bool:
        """Whether git knows the folder as a worktree; an interrupted `git worktree add` leaves an incomplete one."""
        listing = git(self.root, "worktree", "list", "--porcelain", "-z").split("\0")
        if f"worktree {self.path}" not in listing or not (self.path / ".git").is_file():
            return False
        try:
            return Path(git(self.path, "rev-parse", "--show-toplevel")).resolve() == self.path
        except PipelineError:
            return False

    def _write_config(self, cache: CacheSettings, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Write .dvc/config.local, which git ignores, with the clone's cache.

        Only the user may read it, since remotes may contain passwords.
        """
        config = configparser.ConfigParser(interpolation=None)
        config.read_dict(settings)
        config["cache"] = {
            "dir": str(cache.folder),
            **({"type": ",".join(cache.link_types)} if cache.link_types else {}),
        }
        path = self.path / ".dvc" / "config.local"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            config.write(file)
