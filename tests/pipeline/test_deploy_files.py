"""The files of deploy/: what they say of themselves and of each other. No container is started here."""

import json
import os
import re
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from isogloss.pipeline.prefect_api.deployments import CPU_POOL, GPU_POOL, POOLS
from isogloss.pipeline.workers.processes import CLONE_VARIABLE

DEPLOY = Path(__file__).parents[2] / "deploy"
WORKER = DEPLOY / "worker.sh"


def told(environment):
    """The variables that worker.sh cannot do without."""
    return set(re.findall(r": \"\$\{(\w+):\?", WORKER.read_text())) - set(environment)


def test_the_services_of_compose_know_each_other_and_the_workers_know_their_pools():
    services = YAML(typ="safe").load(DEPLOY / "compose.yaml")["services"]
    assert all(set(service.get("depends_on", {})) <= set(services) for service in services.values())
    pools = {service["command"][1]: service for name, service in services.items() if name.startswith("worker-")}
    assert set(pools) == {GPU_POOL, CPU_POOL}
    for service in pools.values():
        assert service["command"][0] == "isogloss-worker"
        assert not told(service["environment"])
        assert {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING"} <= set(service["environment"])
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", ()))


def test_the_kubernetes_pool_fills_each_place_of_its_job():
    template = json.loads((DEPLOY / "kubernetes" / "gpu-pool.json").read_text())
    places = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert places == set(template["variables"]["properties"])
    (container,) = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]["containers"]
    assert container["args"][0] == "isogloss-worker"


def test_the_kubernetes_worker_works_for_one_of_our_pools_with_the_secret_of_its_jobs():
    documents = list(YAML(typ="safe").load_all(DEPLOY / "kubernetes" / "worker.yaml"))
    (deployment,) = [one for one in documents if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"][container["args"].index("--pool") + 1] in POOLS
    assert container["envFrom"] == [{"secretRef": {"name": "isogloss"}}]


def test_a_worker_in_a_container_has_a_clone_and_the_remote_also_when_it_starts_again(diamond, tmp_path):
    diamond.commit()
    clone = tmp_path / "clone"
    (tmp_path / "home").mkdir()
    environment = {
        **os.environ,
        "HOME": str(tmp_path / "home"),
        "ISOGLOSS_ORIGIN": str(diamond.root),
        "ISOGLOSS_REMOTE": str(tmp_path / "remote"),
        CLONE_VARIABLE: str(clone),
    }
    command = ["sh", str(WORKER), "sh", "-c", f"pwd; echo ${CLONE_VARIABLE}; cat .dvc/config.local"]
    for _ in range(2):
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        assert shown.count(f"{clone}\n") == 2
        assert "remote = shared" in shown and f"url = {tmp_path / 'remote'}" in shown
    del environment["ISOGLOSS_ORIGIN"]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "ISOGLOSS_ORIGIN: is the git repository that the coordinator pushes to" in refused.stderr
