"""What `deploy` registers at a server, and prefect.yaml as users break it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isogloss.errors import PipelineError
from isogloss.pipeline.prefect_api.deployments import deploy

ROOT = Path(__file__).parents[3]
REGISTER = """
import json, sys
from pathlib import Path
from isogloss.errors import PipelineError
from isogloss.pipeline.prefect_api.deployments import deploy
from isogloss.pipeline.prefect_api.server import free_port, prefect_server, quiet_environment

def registered(client):
    return {d.entrypoint + " " + d.name: [str(d.id), d.work_pool_name] for d in client.read_deployments()}

quiet_environment()
with prefect_server(Path("."), port=free_port(), interface=False) as server:
    server.wait_until_up()
    from prefect.client.orchestration import get_client
    with get_client(sync_client=True) as client:
        deploy(Path("."))
        found = [registered(client)]
        nightly = client.read_deployment_by_name("reproduce/nightly")
        schedules = [[one.schedule.cron, one.active] for one in nightly.schedules]
        deploy(Path("."))
        found.append(registered(client))
        refusals = []
        for text in sys.argv[1:]:
            Path("prefect.yaml").write_text(text)
            try:
                deploy(Path("."))
            except PipelineError as error:
                refusals.append(str(error))
print(json.dumps({"found": found, "schedules": schedules, "refusals": refusals}))
"""
BROKEN = {
    "deployments: [": "expected the node content, but found '<stream end>' in \"prefect.yaml\"",
    "deployments: [{name: x, entrypoint: 'flows/stage.py:run_stage', work_pool: {name: cpu}, "
    "schedules: [{cron: at night}]}]": 'Invalid cron string: "at night"',
}


def test_a_folder_without_prefect_yaml_is_one_sentence_before_any_server_is_asked(tmp_path):
    with pytest.raises(PipelineError, match=r"prefect\.yaml does not exist; run from the repository's root"):
        deploy(tmp_path)


def test_the_deployments_are_registered_once_and_what_prefect_refuses_is_one_sentence(put_database, tmp_path):
    put_database(tmp_path)
    shutil.copy(ROOT / "prefect.yaml", tmp_path)
    shutil.copytree(ROOT / "flows", tmp_path / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", REGISTER, *BROKEN], cwd=tmp_path, env=kept, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    first, second = told["found"]
    assert {name: pool for name, (_, pool) in first.items()} == {
        "flows/reproduce.py:reproduce default": "coordinator",
        "flows/reproduce.py:reproduce nightly": "coordinator",
        "flows/stage.py:run_stage gpu": "gpu",
        "flows/stage.py:run_stage cpu": "cpu",
        "flows/sweep.py:sweep default": "coordinator",
    }
    assert second == first
    assert told["schedules"] == [["0 3 * * *", False]]
    assert len(told["refusals"]) == len(BROKEN)
    for said, reason in zip(told["refusals"], BROKEN.values(), strict=True):
        assert said.startswith("`prefect deploy --all` refuses prefect.yaml: ")
        assert reason in said and "\n" not in said
