"""Carry out an experiment file as a Prefect flow: one task a stage of a run; runs side by side, equal stages once.

`isogloss sweep` starts it. The thinking is in `isogloss.pipeline`; Prefect runs the tasks and shows them.
"""

from collections.abc import Mapping
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from isogloss.config import flattened, load_sweep
from isogloss.pipeline.prefect_api.cancellation import cancellable
from isogloss.pipeline.prefect_api.handed import handed_plan
from isogloss.pipeline.prefect_api.tasks import PrefectStageLog, label_run, prefect_submit
from isogloss.pipeline.run_label import sweep_label
from isogloss.pipeline.sweeps.sweep import SweepListener, run_sweep
from isogloss.pipeline.sweeps.sweep_plan import SweepPlan, plan_sweep


@flow(name="sweep", validate_parameters=False)
def sweep(
    experiment: str,
    most_at_once: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> State[None] | None:
    """Do the unfinished runs of the plan that was handed over, or of the file `experiment`.

    At most so many stages run at once. The working directory is the repository's root; `environment` is what the stages
    are told besides our own.
    """
    root = Path.cwd()
    plan: SweepPlan = handed_plan() or plan_sweep(root, load_sweep(experiment))
    label_run(sweep_label(plan.sweep.name, tuple(plan.sweep.varied), plan.runs[0].plan))
    rows = [{"run": run.run.name, "finished": run.finished, **dict(flattened(run.run.overrides))} for run in plan.runs]
    create_table_artifact(table=rows, key="sweep", description=plan.sweep.experiment.description)
    listener = SweepListener(plan.jobs, log=PrefectStageLog().line)
    with cancellable() as was_cancelled:
        try:
            run_sweep(
                root,
                plan,
                submit=prefect_submit(),
                environment=environment or {},
                most_at_once=most_at_once,
                listener=listener,
            )
        except KeyboardInterrupt:
            if was_cancelled():
                return Cancelled(message="cancelled in Prefect; finished runs and stages are kept")
            raise
    return None
