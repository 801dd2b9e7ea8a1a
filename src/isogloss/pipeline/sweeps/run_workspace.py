"""One run of a sweep in its own worktree: create it, fill it from the cache, run stages, save, remove it."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from isogloss.errors import IsoglossError, PipelineError
from isogloss.pipeline.host.execute import Executor
from isogloss.pipeline.host.slots import Share
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.repo.experiments import save
from isogloss.pipeline.repo.worktree import CacheSettings, Worktree
from isogloss.pipeline.sweeps.sweep_plan import WORKSPACE, RunPlan, SweepPlan, job_name, sweep_folder


class RunWorkspace:
    """The worktree of one run, and the jobs in it.

    `leading` are the jobs that are the first to make their result; other jobs with equal inputs restore it.
    """

    def __init__(
        self,
        root: Path,
        plan: SweepPlan,
        run: RunPlan,
        *,
        leading: frozenset[str],
        cache: CacheSettings,
        environment: Mapping[str, str],
        inherited: tuple[int, ...],
        git_lock: threading.Lock,
    ):
        self._root, self._plan, self._run, self._cache, self._git_lock = root, plan, run, cache, git_lock
        self._worktree = Worktree(root, sweep_folder(root, plan.sweep) / run.run.name)
        self._leading = leading
        self._stages = {job_name(run.run, stage.name): stage for stage in run.plan.stages}
        self._restored: frozenset[str] = frozenset()
        self.executor = Executor(
            self._worktree.path,
            environment=self._worktree.environment(environment),
            seen_from=root,
            inherited=inherited,
        )

    def do(self, job: Stage, share: Share, on_line: Callable[[str], None]) -> Outcome:
        """Do one job of the run: create its workspace, run a stage, or save the results."""
        if stage := self._stages.get(job.name):
            if stage.name in self._restored:
                return Outcome(job.name, "cached")
            if job.name in self._leading:
                on_line("started")
            return replace(self.executor.run(stage, share, on_line), stage=job.name)
        if self.executor.stopped:
            return Outcome(job.name, "interrupted", message=f"{job.name} was not started")
        begun = time.monotonic()
        try:
            (self._make if job.name.endswith(WORKSPACE) else self._save)()
        except IsoglossError as error:
            return Outcome(job.name, "failed", time.monotonic() - begun, str(error))
        return Outcome(job.name, "executed", time.monotonic() - begun)

    def _make(self) -> None:
        """Create the worktree with this run's params, and restore all results that the cache has."""
        run = self._run.run
        with self._git_lock:  # A git command fails instead of waiting if another one holds git's lock.
            self._worktree.make(self._plan.revision, self._cache)
        self._worktree.override(run.overrides, where=f"{self._plan.sweep.path}: run {run.name}")
        self._worktree.forget([stage.name for stage in self._run.plan.beyond], self._run.foreign)
        names = [stage.name for stage in self._run.plan.stages]
        with suppress(PipelineError):  # The stages will report the error when they run.
            self._restored = frozenset(self.executor.call("-m", "isogloss.pipeline.repo.exchange", "restore", *names))

    def _save(self) -> None:
        """Save the results as an experiment and remove the worktree."""
        with self._git_lock:
            save(
                self._worktree.path,
                root=self._root,
                name=self._run.run.name,
                baseline=self._plan.revision,
                message=f"isogloss sweep {self._plan.sweep.name}: {self._run.run.name}",
                inputs=self._run.digest,
            )
            self._worktree.remove()
