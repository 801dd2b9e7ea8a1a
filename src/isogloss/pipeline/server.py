"""The Prefect API that a run reports to: the configured one, or a private server that lives as long as the run.

Prefect would start a temporary server by itself, but among the processes of the terminal: Ctrl-C ends it before the
run could report what became of its stages, and a killed run leaves it behind. Ours is on a leash, keeps its files in
the clone, listens on loopback only, and starts while Prefect is still being imported. This module imports Prefect
inside functions only.
"""

import http.client
import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.execute import Leashed

_STARTUP_SECONDS = 600.0
"""The first start migrates an empty database: 10 s, and minutes on a machine that is busy with other things."""


@contextmanager
def prefect_api(root: Path) -> Iterator[None]:
    """Set up the environment in which the block may import Prefect: where its API is, and that it keeps quiet.

    Raises
    ------
    PipelineError
        The configured API does not answer, or the private server does not start.
    """
    os.environ.update(
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        # The run speaks for itself (`isogloss.pipeline.console`); failures reach the user as one sentence.
        PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL",
    )
    configured = configured_api_url()
    if configured is not None:
        _refuse_unreachable(configured)
        yield
        return
    home = root / ".dvc" / "tmp" / "isogloss" / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    os.environ.update(
        PREFECT_HOME=str(home),
        PREFECT_API_URL=f"http://127.0.0.1:{port}/api",
        PREFECT_LOGGING_TO_API_ENABLED="false",
        NO_PROXY=",".join(filter(None, [os.environ.get("NO_PROXY", ""), "127.0.0.1"])),
    )
    command = [sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--host", "127.0.0.1"]
    log = home / "server.log"
    with log.open("wb") as output:
        environment = {**os.environ, "PREFECT_SERVER_UI_ENABLED": "false"}
        server = Leashed(
            [*command, "--port", str(port)], cwd=root, environment=environment, stdout=output, grace_seconds=1.0
        )
    try:
        # Importing takes as long as the server needs to start: do both at once.
        import prefect  # noqa: F401

        _wait_until_up(server, port, log.relative_to(root))
        yield
    finally:
        server.let_go()
        try:
            server.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            server.kill()
            server.process.wait()


def configured_api_url() -> str | None:
    """The Prefect API that the user has chosen: PREFECT_API_URL, or that of his active Prefect profile."""
    if os.environ.get("PREFECT_API_URL"):
        return os.environ["PREFECT_API_URL"]
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    path = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml"))
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        name = os.environ.get("PREFECT_PROFILE", content.get("active"))
        return content["profiles"][name].get("PREFECT_API_URL")
    except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError):
        return None


def _refuse_unreachable(url: str) -> None:
    """Raise if the configured API does not answer."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error is not None:
        raise PipelineError(
            f"Prefect's API at {url} does not answer ({' '.join(str(error).split())}); "
            "start it, or unset PREFECT_API_URL to run with a temporary server"
        )


def _free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(server: Leashed, port: int, log: Path) -> None:
    """Return when the server answers."""
    deadline = time.monotonic() + _STARTUP_SECONDS
    while time.monotonic() < deadline and not server.ended:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/api/health")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    raise PipelineError(f"Prefect's temporary server did not start; its log is {log}")
