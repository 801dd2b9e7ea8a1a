"""One stage's result in DVC's run cache: restoring it here, and transferring its entry and files between workspaces.

`dvc push --run-cache` and `dvc fetch --run-cache` transfer the whole run cache; here only one entry is transferred.
(`dvc.stage.cache` of DVC 3.67.)
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from isogloss.errors import PipelineError
from isogloss.pipeline.repo.cache_check import check_before_use

if TYPE_CHECKING:
    from dvc.stage import Stage as DvcStage
    from dvc_objects.db import ObjectDB


def has_run_cache(stage: "DvcStage") -> bool:
    """Whether DVC keeps results of this stage in the run cache, by DVC's own conditions (`dvc.stage.cache`)."""
    if stage.is_data_source:
        return True
    if not (stage.cmd and stage.deps and stage.outs) or stage.is_callback or stage.always_changed or stage.frozen:
        return False
    if any(dep.protocol != "local" for dep in stage.deps):
        return False
    return all(
        out.protocol == "local"
        and out.is_in_repo
        and not out.persist
        and (out.use_cache or bool(out.is_metric) or bool(out.is_plot))
        for out in stage.outs
    )


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


def push_outputs(stage: "DvcStage") -> None:
    """Push the outputs that dvc.lock records for a stage to the remote, including those that DVC leaves to git.

    Raises `PipelineError`: a file is neither in the cache nor in the remote.
    """
    for odb, objects in _cached(stage).get_used_objs().items():
        failed = stage.repo.cloud.push(objects, odb=odb).failed
        if failed:
            raise PipelineError(f"{len(failed)} files of stage {stage.addressing} did not reach the DVC remote")


def pull_outputs(stage: "DvcStage") -> None:
    """Fetch the outputs that dvc.lock records for a stage from the remote, and put them into the workspace.

    Raises `PipelineError`: the remote does not have a file.
    """
    cached = _cached(stage)
    for odb, objects in cached.get_used_objs().items():
        failed = stage.repo.cloud.pull(objects, odb=odb).failed
        if failed:
            raise PipelineError(f"{len(failed)} files of stage {stage.addressing} are not in the DVC remote")
    cached.checkout(force=True)


def push_entry(stage: "DvcStage") -> None:
    """Push the entry of an up-to-date stage in the run cache; its outputs have to be there first."""
    with _entries(stage) as (local, remote, folder):
        for path in local.fs.find(local.fs.join(local.path, folder)):
            _copy(local, remote, path)


def fetch_entry(stage: "DvcStage") -> None:
    """Fetch the entries of the remote's run cache that belong to the stage's present command, params and inputs."""
    stage.save_deps()
    with _entries(stage) as (local, remote, folder):
        place = remote.fs.join(remote.path, folder)
        if remote.fs.exists(place):
            for path in remote.fs.find(place):
                _copy(remote, local, path)


@contextmanager
def _entries(stage: "DvcStage") -> Iterator[tuple["ObjectDB", "ObjectDB", str]]:
    """The local and the remote cache, and the folder in both where the entries of a stage are."""
    from dvc.stage.cache import _get_stage_hash

    key = _get_stage_hash(stage)
    local = stage.repo.cache.legacy
    remote = stage.repo.cloud.get_remote_odb(None, "push", hash_name="md5-dos2unix")
    yield local, remote, f"runs/{key[:2]}/{key}"


def _copy(source: "ObjectDB", target: "ObjectDB", path: str) -> None:
    """Copy one file between two caches under the same name, unless it is there already."""
    from dvc_objects.fs.generic import copy

    relative = source.fs.relpath(path, source.path)
    place = target.fs.join(target.path, *relative.split(source.fs.sep))
    if not target.fs.exists(place):
        target.fs.makedirs(target.fs.parent(place), exist_ok=True)
        copy(source.fs, path, target.fs, place)


def _cached(stage: "DvcStage") -> "DvcStage":
    """The stage as if DVC cached all its outputs, which the run cache does."""
    from dvc.stage.serialize import to_single_stage_lockfile

    if stage.is_data_source:
        return stage
    return stage.repo.stage_cache._create_stage(to_single_stage_lockfile(stage), wdir=stage.wdir)
