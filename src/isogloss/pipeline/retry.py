"""Trying a failed stage again, as often as its `meta: {retries: n}` in dvc.yaml says.

A stage is not tried again if memory ran out or DVC refused it, since it would fail in the same way. (The loss of a
worker is not a failure of its stage; `isogloss.pipeline.workers.pools` gives the stage to another worker.)
"""

from collections.abc import Callable
from dataclasses import replace

from isogloss.pipeline.host.slots import Share
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.schedule import Work


def retrying(work: Work, *, tell: Callable[[Stage, str], None]) -> Work:
    """Repeat `work` after failures that a retry may fix; `tell` is called with the reason for each retry."""

    def worked(stage: Stage, share: Share) -> Outcome:
        seconds = 0.0
        for retry in range(1, stage.retries + 2):
            outcome = work(stage, share)
            seconds += outcome.seconds
            if outcome.state != "failed" or outcome.cause or retry > stage.retries:
                break
            tell(stage, f"{outcome.message}; trying it again ({retry} of {stage.retries})")
        return replace(outcome, seconds=seconds)

    return worked
