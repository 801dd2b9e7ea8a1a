"""Restoring all results of a workspace that DVC's cache has, in one process and without running a command.

`dvc repro -s` restores one stage per process, and `dvc checkout` uses only dvc.lock, not the run cache. Run this module
in the workspace, with the names of stages in an order in which they could run; it prints the names of those that are up
to date afterwards.
"""

import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.pipeline.repo.cache_check import check_before_use
from isogloss.pipeline.repo.graph import stage_name
from isogloss.pipeline.repo.opening import open_repo

if TYPE_CHECKING:
    from dvc.stage import Stage as DvcStage


def restore(root: Path, names: list[str]) -> list[str]:
    """Bring stages up to date from the cache, each after those that it needs; returns those that are.

    Raises `PipelineError`: `root` is no DVC repository, or its cache cannot be read.
    """
    done: list[str] = []
    with open_repo(root) as repo, repo.lock:
        graph = repo.index.graph
        stages = {stage_name(stage): stage for stage in graph}
        for name in names:
            stage = stages[name]
            if {stage_name(other) for other in graph.successors(stage)} <= {*done} and restored(stage):
                done.append(name)
    return done


def restored(stage: "DvcStage", *, pull: bool = False) -> bool:
    """Whether a stage is up to date, after what the cache (and with `pull` the remote) could do for it.

    Its command is never run. Raises DVC's own errors.
    """
    from dvc.stage.cache import RunCacheNotFoundError
    from dvc_data.hashfile.hash_info import HashInfo

    if stage.is_data_source:
        stage.checkout(allow_missing=True)
        return not stage.changed()
    if not stage.changed():
        return True
    if stage.frozen or stage.is_callback or stage.always_changed:
        return False
    check_before_use()
    stage.remove_outs()
    # The outputs in dvc.lock come first, if they belong to these inputs. If they are not in the cache (dvc.lock may be
    # another host's) or belong to other inputs, an equal run in the run cache is used. DVC's restore() looks there
    # only if the stage has no outputs; and it leaves the current inputs in the stage, so it must not be called twice.
    of_these_inputs = not (stage.changed_stage() or stage.changed_deps())
    for trust_lock in (True, False) if of_these_inputs else (False,):
        if not trust_lock:
            for out in stage.outs:
                out.hash_info = HashInfo()
        with suppress(RunCacheNotFoundError):
            stage.repo.stage_cache.restore(stage, pull=pull)
            break
    else:
        return False
    stage.save(run_cache=False)
    stage.commit()
    stage.dump(update_pipeline=False)
    return True


if __name__ == "__main__":
    logging.getLogger("dvc").setLevel(logging.ERROR)
    for up_to_date in restore(Path.cwd(), sys.argv[1:]):
        print(up_to_date)
