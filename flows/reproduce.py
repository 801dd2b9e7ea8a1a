"""Bring the pipeline up to date as a Prefect flow: one task a stale stage, side by side where the graph allows.

`isogloss run` starts it. The thinking is in `isogloss.pipeline`; Prefect runs the tasks and shows them.
"""

from pathlib import Path

from prefect import allow_failure, flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.states import Cancelled, Completed, Failed

from isogloss.pipeline.console import ConsoleListener
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Plan, Stage
from isogloss.pipeline.reproduce import plan_run
from isogloss.pipeline.reproduce import reproduce as run_stages
from isogloss.pipeline.schedule import Job


@task(cache_policy=NO_CACHE)  # DVC decides what is stale
def run_stage(job: Job) -> State:
    """Do a stage's job; the task's state says what became of it: Executed, Cached, Unchanged, Failed or Skipped."""
    outcome: Outcome = job()
    if outcome.succeeded:
        return Completed(name=outcome.state.capitalize())
    if outcome.state == "failed":
        return Failed(message=outcome.message)
    return Cancelled(name=outcome.state.capitalize(), message=outcome.message)


class LoggingListener(ConsoleListener):
    """Prints to the terminal, and sends each line to the log of the stage's task run."""

    def line(self, stage: Stage, text: str) -> None:
        """One line of a stage's own output; called inside its task."""
        super().line(stage, text)
        get_run_logger().info("%s", text)


@flow(name="reproduce", validate_parameters=False)
def reproduce(targets: list[str] | None = None, plan: Plan | None = None) -> None:
    """Run the stale stages of `plan`, or of `targets` and what they need, or of everything.

    The working directory is the repository's root.
    """
    root = Path.cwd()
    plan = plan or plan_run(root, targets or ())
    rows = [{"stage": stage.name, "stale": stage.stale, "why": stage.why} for stage in plan.stages]
    create_table_artifact(table=rows, key="plan", description="What this run had to look at, and why.")
    futures: dict[str, PrefectFuture[State]] = {}

    def submit(stage: Stage, job: Job) -> PrefectFuture[State]:
        upstream = [allow_failure(futures[name]) for name in stage.needs if name in futures]
        named = run_stage.with_options(name=stage.name, task_run_name=stage.name)
        futures[stage.name] = named.submit(job, return_state=False, wait_for=upstream)
        return futures[stage.name]

    run_stages(root, plan, submit=submit, listener=LoggingListener(plan))
