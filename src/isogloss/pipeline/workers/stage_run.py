"""A stage on a worker: the request that a coordinator sends, and how it is carried out in a workspace of its own.

The workspace uses the commits, the DVC cache and the remotes of the worker's clone. It is a git worktree at the
coordinator's commit, with the coordinator's params files and its dvc.lock entries of the stages upstream; inputs come
from the DVC remote and results go there.
"""

import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from isogloss.errors import IsoglossError, PipelineError
from isogloss.pipeline.host.execute import Executor
from isogloss.pipeline.host.file_locks import exclusive, try_lock
from isogloss.pipeline.host.slots import HostSlots
from isogloss.pipeline.outcome import Outcome, State
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.repo.files import pipeline_files
from isogloss.pipeline.repo.git import git
from isogloss.pipeline.repo.graph import plan as read_plan
from isogloss.pipeline.repo.lock_entries import write_entries
from isogloss.pipeline.repo.opening import open_repo
from isogloss.pipeline.repo.worktree import CacheSettings, Worktree, remote_settings

_EXCHANGE = ("-m", "isogloss.pipeline.repo.exchange")


@dataclass(frozen=True)
class StageRequest:
    """A request to a worker: the stage, the commit, differing params files, and dvc.lock entries of upstream stages."""

    stage: str
    revision: str
    params: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a malformed request, since it comes over the network.

        Raises `PipelineError`: the revision is no commit's number, or a params file would lie outside the workspace.
        """
        if not re.fullmatch(r"[0-9a-f]{40,64}", self.revision):
            raise PipelineError(f"{self.revision!r} is not the number of a commit")
        for path in self.params:
            pure = PurePosixPath(path)
            if pure.is_absolute() or ".." in pure.parts or pure.parts[:1] in ((), (".git",), (".dvc",)):
                raise PipelineError(f"the params file {path!r} does not lie in the workspace")


class StageRun:
    """One request in one workspace; `stop` may come from a signal handler or another thread."""

    def __init__(self, clone: Path, request: StageRequest, *, environment: Mapping[str, str] | None = None):
        self._clone, self._request, self._environment = clone.resolve(), request, dict(environment or {})
        self._executor: Executor | None = None
        self._stopped = False

    def stop(self) -> None:
        """End the stage; a second call ends it at once."""
        self._stopped = True
        if self._executor is not None:
            self._executor.stop()

    def do(self, on_line: Callable[[str], None]) -> Outcome:
        """Fetch the inputs, run the stage, send the result; errors are returned in the outcome."""
        begun = time.monotonic()
        try:
            with self._workspace() as (worktree, lock):
                return self._in_workspace(worktree, lock, on_line)
        except (IsoglossError, OSError) as error:
            state: State = "interrupted" if self._stopped else "failed"
            message = f"stage {self._request.stage} could not be run on its worker: {error}"
            return Outcome(self._request.stage, state, time.monotonic() - begun, message, "refused")

    def _in_workspace(self, worktree: Worktree, lock: int, on_line: Callable[[str], None]) -> Outcome:
        """Run the stage in a workspace that is locked by the open file `lock`."""
        stage = self._stage(worktree.path)
        executor = Executor(
            worktree.path,
            environment=worktree.environment(self._environment),
            seen_from=self._clone,
            inherited=(lock,),
        )
        self._executor = executor
        if self._stopped:
            executor.stop()
        if stage.needs:  # Fetch before a GPU is taken.
            executor.call(*_EXCHANGE, "bring", *stage.needs)
        with HostSlots().waited_for(stage, stopped=lambda: self._stopped, tell=on_line) as share:
            outcome = executor.run(stage, share, on_line)
        if outcome.succeeded:
            executor.call(*_EXCHANGE, "give", stage.name)
        elif outcome.message:
            return replace(outcome, message=f"{outcome.message} (in {self._clone} of the host {socket.gethostname()})")
        return outcome

    def _stage(self, workspace: Path) -> Stage:
        for stage in read_plan(workspace).stages:
            if stage.name == self._request.stage:
                return stage
        raise PipelineError(f"dvc.yaml has no stage {self._request.stage!r} at commit {self._request.revision[:12]}")

    @contextmanager
    def _workspace(self) -> Iterator[tuple[Worktree, int]]:
        """A worktree for this request alone, and the open file that locks it."""
        folder = self._clone / ".dvc" / "tmp" / "isogloss" / "workers"
        folder.mkdir(parents=True, exist_ok=True)
        number, lock = next(
            (number, lock) for number in range(10_000) if (lock := try_lock(folder / f"{number}.lock")) is not None
        )
        try:
            worktree = Worktree(self._clone, folder / str(number))
            # A git command fails instead of waiting if another one holds git's lock.
            with exclusive(folder / "git.lock"):
                self._get_commit()
                worktree.make(
                    self._request.revision, CacheSettings.of(self._clone), settings=remote_settings(self._clone)
                )
            self._write_params(worktree.path)
            write_entries(worktree.path, self._request.entries)
            yield worktree, lock
        finally:
            os.close(lock)

    def _write_params(self, workspace: Path) -> None:
        """Write the coordinator's params files; a request cannot replace other files of the commit."""
        with open_repo(workspace) as repo:
            known = pipeline_files(repo).params
        for path, text in self._request.params.items():
            if path not in known:
                raise PipelineError(f"{path} is no params file of dvc.yaml at commit {self._request.revision[:12]}")
            (workspace / path).write_text(text, encoding="utf-8")

    def _get_commit(self) -> None:
        """Fetch the coordinator's commit if the clone does not have it."""
        revision = self._request.revision
        for attempt in ("", "fetch"):
            if attempt and git(self._clone, "remote"):
                git(self._clone, "fetch", "--all", "--quiet")
            try:
                git(self._clone, "cat-file", "-e", f"{revision}^{{commit}}")
                return
            except PipelineError:
                continue
        raise PipelineError(
            f"its clone does not have commit {revision[:12]}, and `git fetch` did not bring it; push the commit to "
            "where the workers' clones fetch from"
        )
