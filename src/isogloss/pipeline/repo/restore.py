"""Restoring what DVC's cache already knows of a workspace: all stages in one process, no command run.

`dvc repro -s` does it for one stage and needs a process each time; `dvc checkout` looks at dvc.lock alone, and never at
the run cache. Run as a module in the workspace, with the names of stages in an order in which they could run: prints
the names of those that are up to date then.
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

    Raises
    ------
    PipelineError
        `root` is no DVC repository, or its cache cannot be read.
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
    # What dvc.lock says of the outputs counts first, if it is of these inputs. Where it is lost (it may be another
    # host's), or is of others, an equal run that the run cache knows will do. DVC's restore() looks there only if the
    # stage knows no outputs; and it leaves the present inputs in the stage, so it must not be asked twice with them.
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
