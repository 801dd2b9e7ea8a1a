"""Registering the pools and the deployments of prefect.yaml at a server.

Done through Prefect's client, so that no other command has to be known (`prefect deploy --all` comes to the same, where
the pools exist). Doing it again changes nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from isogloss.errors import PipelineError

GPU_POOL, CPU_POOL, COORDINATOR_POOL = "gpu", "cpu", "coordinator"
POOLS = (GPU_POOL, CPU_POOL, COORDINATOR_POOL)


def deploy(root: Path) -> list[str]:
    """Register everything of `root`/prefect.yaml at the configured API; returns names such as `stage/gpu`.

    Pools that are missing become process pools; others stay as they are, whatever their type.

    Raises
    ------
    PipelineError
        prefect.yaml is missing or is not what Prefect expects.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    path = root / "prefect.yaml"
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        deployments, pull = content["deployments"], content.get("pull")
        for deployment in deployments:
            _check(deployment)
    except (OSError, YAMLError, KeyError, TypeError, ValueError) as error:
        raise PipelineError(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client:
        for pool in POOLS:
            try:
                client.create_work_pool(WorkPoolCreate(name=pool, type="process", base_job_template=template))
            except ObjectAlreadyExists:
                continue
        return [_register(client, root, deployment, pull) for deployment in deployments]


def _check(deployment: Mapping[str, Any]) -> None:
    """Raise `ValueError` where a deployment lacks what it has to say, or its schedule is none."""
    from prefect.client.schemas.schedules import CronSchedule

    name = deployment.get("name", "a deployment without a name")
    for key in ("name", "entrypoint", "work_pool"):
        if key not in deployment:
            raise ValueError(f"{name} has no {key}")
    if "name" not in deployment["work_pool"]:
        raise ValueError(f"{name}: its work_pool has no name")
    for given in deployment.get("schedules", ()):
        try:
            CronSchedule(cron=given.get("cron"), timezone=given.get("timezone", "UTC"))
        except ValueError:
            raise ValueError(f"{name}: {dict(given)} is no schedule by cron") from None


def _register(client: Any, root: Path, deployment: dict[str, Any], pull: Any) -> str:
    """Create or renew one deployment."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.flows import load_flow_from_entrypoint
    from prefect.utilities.callables import parameter_schema

    flow: Any = load_flow_from_entrypoint(str(root / deployment["entrypoint"]), use_placeholder_flow=False)
    schedules = [
        DeploymentScheduleCreate(
            schedule=CronSchedule(cron=given["cron"], timezone=given.get("timezone", "UTC")),
            active=given.get("active", True),
            slug=given.get("slug"),
        )
        for given in deployment.get("schedules", ())
    ]
    client.create_deployment(
        flow_id=client.create_flow_from_name(flow.name),
        name=deployment["name"],
        description=deployment.get("description"),
        entrypoint=deployment["entrypoint"],
        pull_steps=pull,
        parameters=deployment.get("parameters", {}),
        parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
        enforce_parameter_schema=False,
        work_pool_name=deployment["work_pool"]["name"],
        schedules=schedules,
    )
    return f"{flow.name}/{deployment['name']}"
