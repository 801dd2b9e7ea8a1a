"""One stage on a worker, for a coordinator elsewhere: `isogloss run --pools`.

The thinking is in `isogloss.pipeline.workers.stage_run`; Prefect brings the request and tells what became of it.
"""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from isogloss.errors import PipelineError
from isogloss.pipeline.host.signals import stopping
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.prefect_api.tasks import PrefectStageLog, state_of
from isogloss.pipeline.workers.beat import signs_of_life
from isogloss.pipeline.workers.stage_run import StageRequest, StageRun


@flow(name="stage", flow_run_name="{stage}", validate_parameters=False)
def run_stage(
    stage: str, revision: str, params: dict[str, str] | None = None, entries: dict[str, Any] | None = None
) -> State[None]:
    """Run `stage` of commit `revision` in a workspace of its own.

    `params` are params files that differ from the commit, `entries` what dvc.lock says of the stages that it needs. The
    working directory is the worker's clone.
    """
    try:
        request = StageRequest(stage, revision, params or {}, entries or {})
    except PipelineError as error:
        return state_of(Outcome(stage, "failed", message=str(error), cause="refused"))
    run, log = StageRun(Path.cwd(), request), PrefectStageLog()
    with stopping(run.stop), signs_of_life(flow_run.id, stage, stop=run.stop):
        return state_of(run.do(lambda text: log.line(stage, text)))
