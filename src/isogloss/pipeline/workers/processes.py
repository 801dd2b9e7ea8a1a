"""Prefect workers of a clone, on a leash: their environment, and how their flows find the clone.

The deployments (`prefect.yaml`) name no folder, since each host has its clone elsewhere: their pull step is
`enter_clone`, and the worker's environment says where that is.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from isogloss.errors import PipelineError
from isogloss.pipeline.host.execute import Leashed
from isogloss.pipeline.host.hardware import usable_cores, visible_devices
from isogloss.pipeline.host.signals import stopping
from isogloss.pipeline.prefect_api.deployments import CPU_POOL, GPU_POOL, deploy

CLONE_VARIABLE = "ISOGLOSS_CLONE"
_COORDINATORS = 4
"""Number of coordinating flows that a worker runs at once; they wait for other flows and compute little."""


def enter_clone() -> dict[str, str]:
    """The pull step of the deployments: change into the worker's clone.

    Raises `PipelineError`: the worker was started without ISOGLOSS_CLONE, or it is no repository of this kind.
    """
    clone = Path(os.environ.get(CLONE_VARIABLE, ""))
    if not (clone.is_absolute() and (clone / "dvc.yaml").is_file()):
        raise PipelineError(
            f"{CLONE_VARIABLE} is {str(clone)!r}, but has to be the absolute path of the worker's clone; "
            "`isogloss worker` sets it"
        )
    os.chdir(clone)
    return {"directory": str(clone)}


def usual_limit(pool: str) -> int:
    """The default number of flow runs of a worker on this host: the number of GPUs, or cores."""
    if pool == GPU_POOL:
        return len(visible_devices()) or 1
    return len(usable_cores()) if pool == CPU_POOL else _COORDINATORS


def start_worker(
    root: Path,
    pool: str,
    *,
    limit: int | None = None,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
    output: int | IO[bytes] = subprocess.DEVNULL,
) -> Leashed:
    """Start a Prefect worker for a pool in the clone at `root`; it and its stages end when the owner ends.

    `environment` holds the stages' variables in addition to those of this process, such as the folder of the data.
    """
    command = [sys.executable, "-m", "prefect", "--no-prompt", "worker", "start", "--type", "process", "--pool", pool]
    command += ["--limit", str(limit or usual_limit(pool)), *(["--name", name] if name else [])]
    told = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",
        "PREFECT_WORKER_QUERY_SECONDS": os.environ.get("PREFECT_WORKER_QUERY_SECONDS", "1"),
        "PREFECT_WORKER_HEARTBEAT_SECONDS": os.environ.get("PREFECT_WORKER_HEARTBEAT_SECONDS", "10"),
        **(environment or {}),
        CLONE_VARIABLE: str(root.resolve()),
    }
    return Leashed(command, cwd=root, environment=told, stdout=output, grace_seconds=15.0)


def work_for(root: Path, pool: str, *, limit: int | None, name: str | None, environment: Mapping[str, str]) -> int:
    """Run a worker in a terminal until it ends or a signal comes; returns its exit status, 0 after a signal.

    The deployments are registered first, so that no other command is needed. Raises `PipelineError` as they do.
    """
    deploy(root)
    worker = start_worker(root, pool, limit=limit, name=name, environment=environment, output=sys.stdout.fileno())
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        worker.let_go()

    with stopping(stop):
        status = worker.finish()
    return 0 if stopped else status  # A leash that was let go ends by a signal.
