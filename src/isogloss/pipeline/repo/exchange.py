"""Results between a workspace, DVC's cache and the remote, in a process of its own like all changes of a workspace.

    python -m isogloss.pipeline.repo.exchange restore STAGE...       # sweep: restore what the cache has, run nothing
    python -m isogloss.pipeline.repo.exchange prepare STAGE NEED...  # coordinator: restore it, else send its inputs
    python -m isogloss.pipeline.repo.exchange bring NEED...          # worker: fetch the inputs that dvc.lock names
    python -m isogloss.pipeline.repo.exchange give STAGE             # worker: send the result
    python -m isogloss.pipeline.repo.exchange take STAGE             # coordinator: restore the stage, never run it

`prepare` and `take` print `cached` or `unchanged` where the stage is up to date afterwards, `restore` the names of the
stages that are. (`dvc repro -s` restores one stage a process, and `dvc checkout` knows dvc.lock alone.) A remote that
does not answer is asked three times.
"""

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.errors import PipelineError
from isogloss.pipeline.masking import masked
from isogloss.pipeline.repo.cache_check import check_before_use
from isogloss.pipeline.repo.graph import stage_name
from isogloss.pipeline.repo.opening import one_line, open_repo
from isogloss.pipeline.repo.run_cache import fetch_entry, pull_outputs, push_entry, push_outputs, restored

if TYPE_CHECKING:
    from dvc.stage import Stage as DvcStage

_PAUSES = (1.0, 4.0)
"""Seconds to wait before the second and the third attempt of a transfer."""

Stages = dict[str, "DvcStage"]


def restore(stages: Stages, *names: str) -> str:
    """Restore stages from the local cache, each after those that it needs; the names of those that are up to date."""
    done: list[str] = []
    graph = stages[names[0]].repo.index.graph
    for name in names:
        needs = {stage_name(need) for need in graph.successors(stages[name])}
        if needs <= {*done} and restored(stages[name]):
            done.append(name)
    return "\n".join(done)


def prepare(stages: Stages, name: str, *needs: str) -> str:
    """Restore a stage from the caches; if neither has its result, send its inputs."""
    if state := take(stages, name):
        return state
    for need in needs:
        push_outputs(stages[need])
    return ""


def bring(stages: Stages, *needs: str) -> str:
    """Fetch the outputs of stages as dvc.lock has them."""
    for need in needs:
        pull_outputs(stages[need])
    return ""


def give(stages: Stages, name: str) -> str:
    """Send a stage's outputs, then the run-cache entry by which others find them."""
    push_outputs(stages[name])
    push_entry(stages[name])
    return ""


def take(stages: Stages, name: str) -> str:
    """Restore a stage from the local cache, or from the remote."""
    stage = stages[name]
    if stage.is_data_source:
        pull_outputs(stage)
        return "cached"
    if not stage.changed():
        return "unchanged"
    if not restored(stage):
        fetch_entry(stage)
        if not restored(stage, pull=True):
            return ""
    return "cached"


ACTIONS: dict[str, Callable[..., str]] = {f.__name__: f for f in (restore, prepare, bring, give, take)}


def main(action: str, names: list[str]) -> str:
    """Do one action in the working directory; returns the state of the stage where the action tells it.

    Raises `PipelineError`: the remote cannot be used, or a stage does not exist.
    """
    check_before_use()
    for pause in (*_PAUSES, None):
        try:
            with open_repo(Path.cwd(), wait_for_lock=True) as repo, repo.lock:
                stages = {stage_name(stage): stage for stage in repo.index.stages}
                return ACTIONS[action](stages, *names)
        except KeyError as error:
            raise PipelineError(f"dvc.yaml has no stage {error} at this revision") from None
        except Exception as error:
            # Each kind of remote raises its own errors; the user gets one message for all of them.
            if pause is None:
                raise PipelineError(masked(f"the DVC remote cannot be used: {one_line(error)}")) from None
            time.sleep(pause)
    raise PipelineError("the DVC remote was not asked")


if __name__ == "__main__":
    logging.getLogger("dvc").setLevel(logging.CRITICAL)
    try:
        print(main(sys.argv[1], sys.argv[2:]))
    except PipelineError as error:
        sys.exit(str(error))
