"""Which Prefect API a run reports to."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode

import pytest

from isogloss.errors import PipelineError
from isogloss.pipeline.prefect_api.server import _one_sentence, configured_api_url, prefect_api

PROFILES = 'active = "team"\n[profiles.team]\nPREFECT_API_URL = "http://team/api"\n[profiles.other]\n'


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Nothing configured; what is set during a test is undone after it."""
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")})
    monkeypatch.setitem(os.environ, "PREFECT_HOME", str(tmp_path))
    return os.environ


def test_without_any_configuration_there_is_none(environment):
    assert configured_api_url() is None


def test_the_environment_comes_before_the_active_profile(environment, tmp_path):
    (tmp_path / "profiles.toml").write_text(PROFILES)
    assert configured_api_url() == "http://team/api"
    environment["PREFECT_PROFILE"] = "other"
    assert configured_api_url() is None
    environment["PREFECT_API_URL"] = "http://mine/api"
    assert configured_api_url() == "http://mine/api"


@pytest.mark.parametrize("content", ["not toml", "", 'active = "team"\n', "active = 3\nprofiles = 4\n"])
def test_unusable_profiles_configure_nothing(environment, tmp_path, content):
    (tmp_path / "profiles.toml").write_text(content)
    assert configured_api_url() is None


def test_a_configured_api_that_does_not_answer_is_one_sentence(tmp_path):
    """In a process of its own, because Prefect reads its settings at import."""
    code = "from pathlib import Path; from isogloss.pipeline.prefect_api.server import prefect_api\n"
    code += "from isogloss.entry import entry\n"
    code += "def main():\n    with prefect_api(Path('.')): raise SystemExit('not reached')\nentry(main)()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PREFECT_API_URL": "http://127.0.0.1:1/api", "PREFECT_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("isogloss: Prefect's API at http://127.0.0.1:1/api does not answer (")
    assert result.stderr.count("\n") == 1


def test_a_server_that_does_not_start_is_one_sentence_that_names_its_log(environment, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", "/bin/false")
    sentence = r"did not start; its log is \.dvc/tmp/isogloss/prefect/server\.log"
    with pytest.raises(PipelineError, match=sentence), prefect_api(tmp_path):
        pytest.fail("not reached")


HOLD = """
from pathlib import Path
from isogloss.entry import entry
from isogloss.pipeline.prefect_api.server import prefect_api
def main():
    with prefect_api(Path(".")):
        import os
        from prefect.client.orchestration import get_client
        with get_client(sync_client=True) as client:
            count = client.request("POST", "/flows/count", json={}).json()
        print(os.environ["PREFECT_API_URL"], count, flush=True)
        input()
entry(main)()
"""


def test_a_server_with_a_password_lets_in_who_knows_it_and_nobody_else(environment, put_database, tmp_path):
    """A real server as `isogloss run` starts it, and clients with the password, another one and none."""
    put_database(tmp_path)

    def status(url, password=None):
        request = urllib.request.Request(url + "/flows/count", b"{}", {"Content-Type": "application/json"})
        if password:
            request.add_header("Authorization", "Basic " + b64encode(password.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    told = {**environment, "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=tmp_path,
        env={**told, "PREFECT_SERVER_API_AUTH_STRING": "me:hunter2-hunter2"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        url, _, count = holder.stdout.readline().partition(" ")
        assert count == "0\n"  # it was let in itself
        assert status(url, "me:hunter2-hunter2") == 200
        assert status(url, "me:hunter3") == 401
        assert status(url) == 401
        stranger = subprocess.run(
            [sys.executable, "-c", HOLD],
            cwd=tmp_path,
            env={**told, "PREFECT_API_URL": url},
            capture_output=True,
            text=True,
        )
        holder.communicate("\n")
    assert holder.returncode == 0
    assert stranger.returncode == 2
    assert stranger.stderr.startswith(f"isogloss: Prefect's API at {url} does not let us in; ")
    assert "hunter2" not in (tmp_path / ".dvc" / "tmp" / "isogloss" / "prefect" / "server.log").read_text()


def test_a_server_that_is_gone_at_the_end_of_a_run_is_one_sentence_without_secrets():
    with (
        pytest.raises(
            PipelineError, match=r"http://\*\*\*@127.0.0.1:9/api stopped answering; finished stages are kept"
        ),
        _one_sentence("http://me:hunter2@127.0.0.1:9/api"),
    ):
        raise RuntimeError("whatever Prefect raises")
