"""Carrying out a sweep: each run in a worktree of its own, equal stages once, results as DVC experiments.

A sweep is one schedule over the stages of all its runs. What is finished is saved; what is interrupted or failed keeps
its worktree (logs, checkpoints, outputs), and the next sweep continues there. Results pass between worktrees through
DVC's run cache, which they share.
"""

import shlex
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.console import ConsoleListener, duration
from isogloss.pipeline.host.run_lock import run_lock
from isogloss.pipeline.host.signals import stopping
from isogloss.pipeline.host.slots import HostSlots, Share
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.repo.worktree import CacheSettings
from isogloss.pipeline.schedule import Schedule, Submit
from isogloss.pipeline.sweeps.run_workspace import RunWorkspace
from isogloss.pipeline.sweeps.sweep_plan import SAVE, WORKSPACE, SweepPlan, job_name


def run_sweep(
    root: Path,
    plan: SweepPlan,
    *,
    submit: Submit,
    environment: Mapping[str, str],
    most_at_once: int | None = None,
    listener: ConsoleListener | None = None,
) -> tuple[str, ...]:
    """Execute the unfinished runs of a plan in parallel; cores, GPUs and `most_at_once` limit the number of stages.

    Returns the names of the runs that were finished. `environment` holds the stages' variables in addition to those of
    this process, such as the folder of the data.

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
    with run_lock(root) as lock:
        make = partial(
            RunWorkspace,
            root,
            plan,
            leading=plan.leading,
            cache=CacheSettings.of(root),
            environment=environment,
            inherited=(lock,),
            git_lock=threading.Lock(),
        )
        workspaces = {run.run.name: make(run) for run in plan.unfinished}

        def work(job: Stage, share: Share) -> Outcome:
            return workspaces[job.name.partition("/")[0]].do(job, share, partial(listener.line, job))

        slots = HostSlots(most_at_once=most_at_once)
        schedule = Schedule(jobs, slots=slots, work=work, submit=submit, listener=listener)

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
    return _ended(plan, _failures(plan, outcomes), listener, seconds=time.monotonic() - begun)


class SweepListener(ConsoleListener):
    """Prints a sweep: stages that execute or fail, and runs that end; restored stages are not printed."""

    def started(self, stage: Stage) -> None:
        """Print nothing, since most jobs only restore what another one has made."""

    def ended(self, outcome: Outcome) -> None:
        """Print the end of an executed stage or a run, or a failure."""
        run, _, stage = outcome.stage.partition("/")
        if outcome.state == "failed" or (outcome.state == "executed" and stage not in (WORKSPACE, SAVE)):
            super().ended(outcome)
        elif stage == SAVE and outcome.succeeded:
            self.say(f"Run {run} is finished.")


def _ended(plan: SweepPlan, failures: dict[str, str], listener: ConsoleListener, *, seconds: float) -> tuple[str, ...]:
    """Print the last lines of a sweep and return the runs that it finished; raises `PipelineError` if some failed."""
    finished = tuple(run.run.name for run in plan.unfinished if run.run.name not in failures)
    for name, why in failures.items():
        listener.say(f"Run {name} failed: {why}")
    before = len(plan.runs) - len(plan.unfinished)
    parts = [f"{len(finished)} finished", *([f"{before} were already"] if before else [])]
    parts += [f"{len(failures)} failed"] if failures else []
    listener.say(f"Done in {duration(seconds)}: of {len(plan.runs)} runs {', '.join(parts)}.")
    if failures:
        raise PipelineError(
            f"{len(failures)} of {len(plan.unfinished)} runs failed: {', '.join(failures)}; their worktrees are kept, "
            f"and `isogloss sweep {shlex.quote(str(plan.sweep.path))}` tries them again"
        )
    return finished


def _failures(plan: SweepPlan, outcomes: list[Outcome]) -> dict[str, str]:
    """Run that was not finished -> one sentence that says why."""
    saved = {outcome.stage for outcome in outcomes if outcome.succeeded}
    return {
        run.run.name: _why([outcome for outcome in outcomes if outcome.stage.startswith(f"{run.run.name}/")])
        for run in plan.unfinished
        if job_name(run.run, SAVE) not in saved
    }


def _why(own: list[Outcome]) -> str:
    """Why a run failed: its first failure in full, the others by name; or a stage of another run that it needed."""
    failed = [outcome for outcome in own if outcome.state == "failed"]
    if not failed:
        return next((outcome.message for outcome in own if outcome.state == "skipped"), "it was not finished")
    others = ", ".join(outcome.stage.partition("/")[2] for outcome in failed[1:])
    return failed[0].message + (f" (failed too: {others})" if others else "")
