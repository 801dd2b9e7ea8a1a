"""Registering the pools and the deployments of prefect.yaml at a server.

The pools are created first, since `prefect deploy --all`, which registers the deployments, expects them to exist.
Registering again changes nothing.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.masking import masked

GPU_POOL, CPU_POOL, COORDINATOR_POOL = "gpu", "cpu", "coordinator"
POOLS = (GPU_POOL, CPU_POOL, COORDINATOR_POOL)
_DEPLOY = (sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all")
_PLAIN = {"PREFECT_CLI_COLORS": "false", "PREFECT_CLI_WRAP_LINES": "false", "COLUMNS": "1000"}
"""Settings with which Prefect's command line writes no colours and does not break lines."""


def deploy(root: Path) -> None:
    """Register everything of `root`/prefect.yaml at the configured API.

    Pools that are missing become process pools; others stay as they are, whatever their type.

    Raises `PipelineError`: prefect.yaml is missing, or `prefect deploy --all` refuses it.
    """
    path = root / "prefect.yaml"
    if not path.is_file():
        raise PipelineError(f"{path} does not exist; run from the repository's root")
    _make_pools()
    done = subprocess.run(
        _DEPLOY,
        cwd=root,
        env={**os.environ, **_PLAIN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        raise PipelineError(f"`prefect deploy --all` refuses {path}: {_reason(done.stdout)}")


def _make_pools() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client:
        for pool in POOLS:
            try:
                client.create_work_pool(WorkPoolCreate(name=pool, type="process", base_job_template=template))
            except ObjectAlreadyExists:
                continue


def _reason(output: str) -> str:
    """Prefect's last output on one line, without traceback frames and advice on examples."""
    text = re.sub(r"^Traceback .*\n(?:[ \t]+.*\n|\n)*", "", output, flags=re.MULTILINE)
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and line != "An exception occurred." and line[0] not in "╭│╰"]
    return masked(" ".join(" ".join(said[-_LAST_LINES:]).split()))


_LAST_LINES = 6
