"""Jobs as Prefect tasks: what the flows share. Prefect is imported inside functions, once its API is known."""

from typing import TYPE_CHECKING

from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.schedule import Job, Submit, Submitted

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State
    from prefect.futures import PrefectFuture


def prefect_submit() -> Submit:
    """How the running flow submits a job: as a task of the stage's name, after those of what the stage needs.

    The task's state says what became of the stage: Executed, Cached, Unchanged, Failed, Skipped or Interrupted.
    """
    from prefect import allow_failure, task
    from prefect.cache_policies import NO_CACHE

    run_stage = task(cache_policy=NO_CACHE)(_run_stage)  # DVC decides what is stale
    futures: dict[str, PrefectFuture[State]] = {}

    def submit(stage: Stage, job: Job) -> Submitted:
        upstream = [allow_failure(futures[name]) for name in stage.needs if name in futures]
        named = run_stage.with_options(name=stage.name, task_run_name=stage.name)
        futures[stage.name] = named.submit(job, return_state=False, wait_for=upstream)
        return futures[stage.name]

    return submit


def log_to_prefect(text: str) -> None:
    """Send a line of a stage to the log of its task run; called inside its task."""
    from prefect import get_run_logger

    get_run_logger().info("%s", text)


def _run_stage(job: Job) -> "State":
    """Do a stage's job and tell what became of it."""
    from prefect.states import Cancelled, Completed, Failed

    outcome: Outcome = job()
    if outcome.succeeded:
        return Completed(name=outcome.state.capitalize())
    if outcome.state == "failed":
        return Failed(message=outcome.message)
    return Cancelled(name=outcome.state.capitalize(), message=outcome.message)
