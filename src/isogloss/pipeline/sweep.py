"""Carrying out a sweep: each run in a worktree of its own, equal stages once, results as DVC experiments.

A sweep is one schedule over the stages of all its runs. What is finished is saved; what is interrupted or failed keeps
its worktree (logs, checkpoints, outputs), and the next sweep continues there. Results pass between worktrees through
DVC's run cache, which they share.
"""

import os
import shlex
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from isogloss.errors import IsoglossError, PipelineError
from isogloss.pipeline.console import ConsoleListener, duration
from isogloss.pipeline.execute import Executor
from isogloss.pipeline.experiments import save
from isogloss.pipeline.lock import run_lock
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.repository import site_cache
from isogloss.pipeline.schedule import Schedule, Submit
from isogloss.pipeline.signals import stopping
from isogloss.pipeline.slots import Share, Slots
from isogloss.pipeline.sweep_plan import SAVE, WORKSPACE, RunPlan, SweepPlan, job_name, sweep_folder
from isogloss.pipeline.worktree import CacheSettings, Worktree


class RunWorkspace:
    """The worktree of one run, and what happens in it."""

    def __init__(
        self,
        root: Path,
        plan: SweepPlan,
        run: RunPlan,
        *,
        cache: CacheSettings,
        environment: Mapping[str, str],
        inherited: tuple[int, ...],
        git_lock: threading.Lock,
    ):
        self._root, self._plan, self._run, self._cache, self._git_lock = root, plan, run, cache, git_lock
        self._worktree = Worktree(root, sweep_folder(root, plan.sweep) / run.run.name)
        self._stages = {job_name(run.run, stage.name): stage for stage in run.plan.stages}
        self._restored: frozenset[str] = frozenset()
        path = self._worktree.path
        self.executor = Executor(
            path,
            environment={
                **environment,
                # An installed isogloss would be the clone's, which may be edited while the sweep is on.
                "PYTHONPATH": _with_first(path / "src", environment.get("PYTHONPATH", "")),
                "DVC_SITE_CACHE_DIR": str(site_cache(path)),
            },
            seen_from=root,
            inherited=inherited,
        )

    def do(self, job: Stage, share: Share, on_line: Callable[[str], None]) -> Outcome:
        """Do one job of the run: make its workspace, run a stage, or save the results."""
        if stage := self._stages.get(job.name):
            if stage.name in self._restored:
                return Outcome(job.name, "cached")
            outcome = self.executor.run(stage, share, on_line)
            return Outcome(job.name, outcome.state, outcome.seconds, outcome.message)
        if self.executor.stopped:
            return Outcome(job.name, "interrupted", message=f"{job.name} was not started")
        begun = time.monotonic()
        try:
            (self._make if job.name.endswith(WORKSPACE) else self._save)()
        except IsoglossError as error:
            return Outcome(job.name, "failed", time.monotonic() - begun, str(error))
        return Outcome(job.name, "executed", time.monotonic() - begun)

    def _make(self) -> None:
        """The worktree at the sweep's commit with this run's params, and with all results that the cache knows."""
        run = self._run.run
        with self._git_lock:  # git's own locks do not wait
            self._worktree.make(self._plan.revision, self._cache)
        self._worktree.override(run.overrides, where=f"{self._plan.sweep.path}: run {run.name}")
        self._worktree.forget([stage.name for stage in self._run.plan.beyond], self._run.foreign)
        names = [stage.name for stage in self._run.plan.stages]
        # Where this fails, the stages themselves will say why.
        self._restored = frozenset(self.executor.call("-m", "isogloss.pipeline.restore", *names) or ())

    def _save(self) -> None:
        """The results as an experiment; the worktree goes."""
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


@dataclass(frozen=True)
class _Result:
    """What became of a sweep's runs; `failures` has one sentence for each run that failed."""

    finished: tuple[str, ...]
    failures: dict[str, str]


def run_sweep(
    root: Path,
    plan: SweepPlan,
    *,
    submit: Submit,
    environment: Mapping[str, str],
    most_at_once: int | None = None,
    listener: ConsoleListener | None = None,
) -> tuple[str, ...]:
    """Do the unfinished runs of a plan side by side, as many stages at once as cores, GPUs and `most_at_once` allow.

    Returns the names of the runs that were finished. `environment` is what the stages need to know beyond our own
    environment, such as where the data are.

    Raises
    ------
    PipelineError
        A run failed (the others have been finished), or another run is at work in this clone.
    KeyboardInterrupt
        SIGINT, SIGTERM or SIGHUP came; no process of a stage is left, and the next sweep continues.
    """
    begun = time.monotonic()
    jobs = plan.jobs
    listener = listener or SweepListener(jobs)
    cache, git_lock = CacheSettings.of(root), threading.Lock()
    with run_lock(root) as lock:
        workspaces = {
            run.run.name: RunWorkspace(
                root, plan, run, cache=cache, environment=environment, inherited=(lock,), git_lock=git_lock
            )
            for run in plan.unfinished
        }

        def work(job: Stage, share: Share) -> Outcome:
            workspace = workspaces[job.name.partition("/")[0]]
            return workspace.do(job, share, lambda text: listener.line(job, text))

        schedule = Schedule(
            jobs,
            slots=Slots.of_this_host(jobs.stages, most_at_once=most_at_once),
            work=work,
            submit=submit,
            listener=listener,
        )

        def stop() -> None:
            for workspace in workspaces.values():
                workspace.executor.stop()
            schedule.interrupt()

        with stopping(stop):
            try:
                outcomes = schedule.run()
            except BaseException:
                stop()
                raise
    if any(outcome.state == "interrupted" for outcome in outcomes):
        raise KeyboardInterrupt
    result = _result(plan, outcomes)
    for name, why in result.failures.items():
        listener.say(f"Run {name} failed: {why}")
    listener.say(_summary(plan, result, time.monotonic() - begun))
    if result.failures:
        raise PipelineError(
            f"{len(result.failures)} of {len(plan.unfinished)} runs failed: {', '.join(result.failures)}; their "
            f"worktrees are kept, and `isogloss sweep {shlex.quote(str(plan.sweep.path))}` tries them again"
        )
    return result.finished


class SweepListener(ConsoleListener):
    """Prints a sweep: stages that execute or fail, and runs that end; what is merely restored passes in silence."""

    def started(self, stage: Stage) -> None:
        """Nothing: whether it executes is not known yet."""

    def ended(self, outcome: Outcome) -> None:
        """The end of an executed stage, of a run, or a failure."""
        run, _, stage = outcome.stage.partition("/")
        if outcome.state == "failed" or (outcome.state == "executed" and stage not in (WORKSPACE, SAVE)):
            super().ended(outcome)
        elif stage == SAVE and outcome.succeeded:
            self.say(f"Run {run} is finished.")


def _with_first(folder: Path, paths: str) -> str:
    """A search path with one more folder at its head."""
    return os.pathsep.join(filter(None, [str(folder), paths or os.environ.get("PYTHONPATH", "")]))


def _result(plan: SweepPlan, outcomes: list[Outcome]) -> _Result:
    """Which runs were finished, and why the others were not."""
    ended = {outcome.stage: outcome for outcome in outcomes}
    finished: list[str] = []
    failures: dict[str, str] = {}
    for run in plan.unfinished:
        name = run.run.name
        if ended[job_name(run.run, SAVE)].succeeded:
            finished.append(name)
            continue
        own = [outcome for outcome in outcomes if outcome.stage.startswith(f"{name}/")]
        failed = [outcome.message for outcome in own if outcome.state == "failed"]
        failures[name] = "; ".join(failed) or _lost(own)
    return _Result(tuple(finished), failures)


def _lost(own: list[Outcome]) -> str:
    """Why a run failed in which nothing failed: it needed a stage of another run that did."""
    return next((outcome.message for outcome in own if outcome.state == "skipped"), "it was not finished")


def _summary(plan: SweepPlan, result: _Result, seconds: float) -> str:
    """The last lines of a sweep."""
    before = len(plan.runs) - len(plan.unfinished)
    parts = [f"{len(result.finished)} finished", *([f"{before} were already"] if before else [])]
    parts += [f"{len(result.failures)} failed"] if result.failures else []
    return f"Done in {duration(seconds)}: of {len(plan.runs)} runs {', '.join(parts)}."
