"""Shards of data preparation as Prefect tasks: on threads of this host, or on a cluster of Dask or Ray.

The work of a shard depends only on its description, not on the process that runs it, so every engine writes the same
bytes. Shards that an earlier run has finished return at once.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from isogloss.errors import ParamsError
from isogloss.pipeline.prefect_api.server import prefect_api

Item = TypeVar("Item")
Made = TypeVar("Made")
Engine = Literal["threads", "dask", "ray"]
RAY_STORE_BYTES = 100_000_000
"""Size of Ray's object store. By default Ray takes a third of the memory, but the results of shards are small."""


def run_shards(
    function: Callable[[Item], Made],
    shards: Sequence[Item],
    *,
    engine: Engine,
    workers: int,
    scheduler: str | None = None,
    root: Path | None = None,
) -> Iterator[Made]:
    """Call a function for every shard in a Prefect flow; the results in the order of the shards.

    Parameters
    ----------
    function
        Importable, so that another process finds it; called with one shard.
    engine, workers
        Threads, or processes of a local cluster of Dask or Ray, and how many.
    scheduler
        The address of a cluster that is already there (`tcp://host:8786` of Dask, `ray://host:10001` of Ray); its
        workers must see the same files.
    root
        The repository whose Prefect server is asked; by default the working directory.

    Raises `ParamsError`: the library that the engine needs is not installed.
    """
    runner = _task_runner(engine, workers, scheduler)
    with prefect_api(root or Path.cwd()):
        yield from _flow(function, shards, runner)


def _flow(function: Callable[[Item], Made], shards: Sequence[Item], runner: Any) -> list[Made]:
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    one = task(name="shard", cache_policy=NO_CACHE, persist_result=False)(function)

    @flow(name="shards", task_runner=runner, persist_result=False, validate_parameters=False)
    def all_shards() -> list[Made]:
        """Every shard as a task, its name that of the shard."""
        named = [one.with_options(task_run_name=str(getattr(shard, "name", n))) for n, shard in enumerate(shards)]
        futures = [task.submit(shard) for task, shard in zip(named, shards, strict=True)]
        return [future.result() for future in futures]

    return all_shards()


def _task_runner(engine: Engine, workers: int, scheduler: str | None) -> Any:
    if engine == "threads":
        from prefect.task_runners import ThreadPoolTaskRunner

        return ThreadPoolTaskRunner(max_workers=workers)
    return _dask(workers, scheduler) if engine == "dask" else _ray(workers, scheduler)


def _dask(workers: int, scheduler: str | None) -> Any:
    """A runner on a Dask cluster of this host, or on the one at an address."""
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise ParamsError("prepare.engine is 'dask', which needs prefect-dask; pip install 'isogloss[dask]'") from None
    if scheduler is not None:
        return DaskTaskRunner(address=scheduler)
    cluster = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    return DaskTaskRunner(cluster_kwargs=cluster)


def _ray(workers: int, scheduler: str | None) -> Any:
    """A runner on Ray on this host, or on the cluster at an address."""
    # Ray reads this when it starts; it turns usage reports off.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray  # noqa: F401  # prefect-ray imports it when it is first used
        from prefect_ray.task_runners import RayTaskRunner
    except ImportError:
        raise ParamsError("prepare.engine is 'ray', which needs prefect-ray; pip install 'isogloss[ray]'") from None
    quiet = {"logging_level": "WARNING", "log_to_driver": False}
    if scheduler is not None:
        return RayTaskRunner(address=scheduler, init_kwargs=quiet)
    here = {"num_cpus": workers, "num_gpus": 0, "include_dashboard": False, "object_store_memory": RAY_STORE_BYTES}
    return RayTaskRunner(init_kwargs=quiet | here)
