"""Bring the pipeline up to date as a Prefect flow: one task a stale stage, side by side where the graph allows.

`isogloss run` starts it. The thinking is in `isogloss.pipeline`; Prefect runs the tasks and shows them.
"""

from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from isogloss.pipeline.console import ConsoleListener
from isogloss.pipeline.plan import Plan
from isogloss.pipeline.prefect_api.cancellation import cancellable
from isogloss.pipeline.prefect_api.handed import handed_plan
from isogloss.pipeline.prefect_api.tasks import (
    PrefectStageLog,
    label_run,
    prefect_submit,
    publish_plan,
    publish_results,
)
from isogloss.pipeline.reproduce import plan_run
from isogloss.pipeline.reproduce import reproduce as run_stages
from isogloss.pipeline.run_label import label_of


@flow(name="reproduce", validate_parameters=False)
def reproduce(targets: list[str] | None = None, pools: bool = False) -> State[None] | None:
    """Run the stale stages of the plan that was handed over, or of `targets` and what they need, or of everything.

    The working directory is the repository's root. With `pools` the stages run on workers.
    """
    root = Path.cwd()
    plan: Plan = handed_plan() or plan_run(root, targets or ())
    label_run(label_of(plan))
    publish_plan(plan)
    listener = ConsoleListener(plan, log=PrefectStageLog().line)
    with cancellable() as was_cancelled:
        try:
            run_stages(root, plan, submit=prefect_submit(), listener=listener, pools=pools)
        except KeyboardInterrupt:
            if was_cancelled():
                return Cancelled(message="cancelled in Prefect; finished stages are kept")
            raise
    publish_results(root, plan)
    return None
