"""A whole run: plan, schedule, signals, provenance, and one sentence at the end. Prefect only lends its task runner."""

import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.console import ConsoleListener, duration
from isogloss.pipeline.host.execute import Executor
from isogloss.pipeline.host.run_lock import run_lock
from isogloss.pipeline.host.signals import stopping
from isogloss.pipeline.host.slots import HostSlots, Share, UnboundedSlots
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Plan, Stage
from isogloss.pipeline.provenance import Provenance, last_seconds
from isogloss.pipeline.repo.graph import plan as read_plan
from isogloss.pipeline.repo.inputs_hold import write_snapshot
from isogloss.pipeline.schedule import Schedule, Submit, retrying
from isogloss.pipeline.workers.pools import Pools
from isogloss.pipeline.workers.view import workers_view


def plan_run(root: Path, targets: Iterable[str] = (), *, force: bool = False) -> Plan:
    """The plan of a run of `targets` (all stages if none is named), checked for missing inputs.

    With `force` those stages run even if they are up to date.

    Raises `PipelineError`: the graph cannot be read, a target is no stage, or a stale stage reads a file that no stage
    makes.
    """
    plan = read_plan(root)
    targets = tuple(targets)
    if targets:
        plan = plan.needed_by(targets)
    if force:
        plan = plan.forcing(targets)
    plan.refuse_impossible()
    return plan


def reproduce(
    root: Path, plan: Plan, *, submit: Submit, listener: ConsoleListener | None = None, pools: bool = False
) -> list[Outcome]:
    """Bring the stale stages of `plan` up to date, and write `reports/provenance.json`.

    With `pools` the stages run on Prefect's workers, and only their results come here.

    Raises
    ------
    PipelineError
        A stage failed (its siblings have been finished), another run is at work in this clone, or workers cannot see
        what they need.
    KeyboardInterrupt
        SIGINT, SIGTERM or SIGHUP came; no process of a stage is left.
    """
    begun = time.monotonic()
    listener = listener or ConsoleListener(plan)
    with run_lock(root) as lock:
        provenance = Provenance(root)
        snapshot = root.resolve() / ".dvc" / "tmp" / "isogloss" / "params.json"
        write_snapshot(snapshot, plan.params)
        executor = Executor(root, inherited=(lock,), params=snapshot)
        remote = Pools(root, plan, executor, workers_view(root, plan)) if pools else None

        def work(stage: Stage, share: Share) -> Outcome:
            tell = partial(listener.line, stage)
            return executor.run(stage, share, tell) if remote is None else remote.do(stage, tell)

        schedule = Schedule(
            plan.longest_chain_first(last_seconds(root)),
            slots=UnboundedSlots() if pools else HostSlots(),
            work=retrying(work, tell=listener.line),
            submit=submit,
            listener=listener,
        )

        def stop() -> None:
            executor.stop()
            schedule.interrupt()

        with stopping(stop):
            try:
                outcomes = schedule.run()
            except BaseException:  # The task runner broke, or a second signal came: leave nothing running.
                executor.stop()
                raise
        states = {outcome.state for outcome in outcomes}
        ended = "interrupted" if "interrupted" in states else "failed" if "failed" in states else "succeeded"
        provenance.write(plan, outcomes, ended=ended)
    if ended == "interrupted":
        raise KeyboardInterrupt
    if ended == "failed":
        raise PipelineError(_failures(outcomes))
    listener.say(_summary(outcomes, time.monotonic() - begun))
    return outcomes


def _failures(outcomes: list[Outcome]) -> str:
    """The sentence for a run in which stages failed: each failure, and what was not run because of it."""
    failed = "; ".join(outcome.message for outcome in outcomes if outcome.state == "failed")
    skipped = [outcome.stage for outcome in outcomes if outcome.state == "skipped"]
    return f"{failed} (not run because of it: {', '.join(skipped)})" if skipped else failed


def _summary(outcomes: list[Outcome], seconds: float) -> str:
    """The last line of a run that succeeded: `Done in 3 min 5 s: 4 stages executed, 1 unchanged.`"""
    counts = {
        state: sum(outcome.state == state for outcome in outcomes) for state in ("executed", "cached", "unchanged")
    }
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    return f"Done in {duration(seconds)}: {', '.join(parts)}."
