"""Jobs as Prefect tasks, and their outcomes as states; Prefect is imported inside functions, once its API is known."""

import contextvars
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from isogloss.pipeline.masking import masked
from isogloss.pipeline.outcome import Cause, Outcome
from isogloss.pipeline.plan import Plan, Stage
from isogloss.pipeline.progress import percent_done
from isogloss.pipeline.results import metric_rows, report_pages
from isogloss.pipeline.run_label import RunLabel
from isogloss.pipeline.schedule import Job, Submit, Submitted

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State
    from prefect.futures import PrefectFuture


def prefect_submit() -> Submit:
    """The function by which the running flow submits a job, as a task that waits for the tasks it needs.

    The task's state says how the stage ended: Executed, Cached, Unchanged, Failed, Skipped or Interrupted.
    """
    from prefect import allow_failure, task
    from prefect.cache_policies import NO_CACHE

    run_stage = task(cache_policy=NO_CACHE)(_run_stage)  # Prefect caches nothing, since DVC decides what is stale.
    futures: dict[str, PrefectFuture[State]] = {}
    stands_for: dict[str, tuple[str, ...]] = {}

    def submit(stage: Stage, job: Job) -> Submitted:
        # `allow_failure` does not accept a cancelled task, so a task that needs a skipped stage would stay pending for
        # ever. It gets the dependencies of the skipped stage instead, down to the stage that failed.
        needs = [name for need in stage.needs for name in stands_for.get(need, (need,)) if name in futures]
        upstream = tuple(dict.fromkeys(needs))

        def told() -> Outcome:
            outcome = job()
            if outcome.state in ("skipped", "interrupted"):
                stands_for[stage.name] = upstream
            return outcome

        named = run_stage.with_options(name=stage.name, task_run_name=stage.name)
        after = [allow_failure(futures[name]) for name in upstream]
        futures[stage.name] = named.submit(told, return_state=False, wait_for=after)
        return futures[stage.name]

    return submit


class PrefectStageLog:
    """Sends a stage's output to Prefect: its lines to the log of its task (or flow), its progress as an artifact.

    Secrets are masked. If the server is slow or does not answer, lines and progress are lost, but the stage never
    waits.
    """

    def __init__(self) -> None:
        self._artifacts: dict[str, UUID] = {}
        self._showing: dict[str, threading.Thread] = {}

    def line(self, stage: str, text: str) -> None:
        """One line of a stage's output; called inside its task or flow."""
        from prefect import get_run_logger

        get_run_logger().getChild("stage").info("%s", masked(text))  # type: ignore[union-attr]
        percent = percent_done(text)
        shown = self._showing.get(stage)
        # Each step calls the API, which may take long; steps that arrive meanwhile are left out.
        if percent is not None and (shown is None or not shown.is_alive()):
            run = contextvars.copy_context().run
            self._showing[stage] = threading.Thread(target=run, args=(self._show, stage, percent, text), daemon=True)
            self._showing[stage].start()

    def _show(self, stage: str, percent: float, line: str) -> None:
        """Update the artifact of a stage's progress; the first step creates it."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        text = masked(f"{stage}: {line}")
        with suppress(Exception):  # An error of the API must not end the stage.
            if stage in self._artifacts:
                update_progress_artifact(self._artifacts[stage], percent, description=text)
            else:
                key = f"progress-{artifact_key(stage)}"
                made = create_progress_artifact(percent, key=key, description=text)
                self._artifacts[stage] = made  # type: ignore[assignment]


def artifact_key(name: str) -> str:
    """A name in the form of Prefect's artifact keys: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def label_run(label: RunLabel) -> None:
    """Give the running flow a name and tags that say what it is about; tags of its deployment stay."""
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, name=label.name, tags=sorted({*flow_run.tags, *label.tags}))


def publish_plan(plan: Plan) -> None:
    """Publish the stages that the running flow has to check, and why, as an artifact."""
    from prefect.artifacts import create_table_artifact

    rows = [{"stage": stage.name, "stale": stage.stale, "why": masked(stage.why)} for stage in plan.stages]
    create_table_artifact(table=rows, key="plan", description="What this run had to look at, and why.")


def publish_results(root: Path, plan: Plan) -> None:
    """Publish the metrics and the reports of the workspace as artifacts of the running flow."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    rows, pages = metric_rows(root), report_pages(root, plan)
    if rows:
        rows = [{key: masked(v) if isinstance(v, str) else v for key, v in row.items()} for row in rows]
        create_table_artifact(table=rows, key="metrics", description="The metrics of this workspace after the run.")
    if pages:
        listing = "\n".join(f"- [{page}]({(root / page).resolve().as_uri()})" for page in pages)
        text = f"Pages that this run left in `{root.resolve()}`:\n\n{listing}\n"
        create_markdown_artifact(markdown=text, key="report", description="Where the reports are.")


_FAILED: dict[str, Cause] = {"OutOfMemory": "out of memory", "Refused": "refused"}
"""Names of failed states, which tell the coordinator the cause; every other failed state is called `Failed`."""


def cause_of(state: "State") -> Cause:
    """The cause that the name of a failed state stands for."""
    return _FAILED.get(state.name or "", "")


def state_of(outcome: Outcome) -> "State":
    """The outcome of a stage as a state of its task or flow; the state's name is more specific than its type."""
    from prefect.states import Cancelled, Completed, Failed

    message = masked(outcome.message)
    if outcome.succeeded:
        return Completed(name=outcome.state.capitalize())
    if outcome.state == "failed":
        name = next((name for name, cause in _FAILED.items() if cause == outcome.cause), "Failed")
        return Failed(name=name, message=message)
    return Cancelled(name=outcome.state.capitalize(), message=message)


def _run_stage(job: Job) -> "State":
    return state_of(job())
