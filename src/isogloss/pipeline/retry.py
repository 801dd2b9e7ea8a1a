"""Trying a failed stage again, as often as its `meta: {retries: n}` in dvc.yaml says.

Never where memory ran out or the stage was refused: it would end the same way. (A lost worker is another matter: its
stage did not fail, and `isogloss.pipeline.workers.pools` gives it to the next one.)
"""

from collections.abc import Callable
from dataclasses import replace

from isogloss.pipeline.host.slots import Share
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.schedule import Work


def retrying(work: Work, *, tell: Callable[[Stage, str], None]) -> Work:
    """Repeat `work` after failures that another try may mend; `tell` is called with the reason for each try."""

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
