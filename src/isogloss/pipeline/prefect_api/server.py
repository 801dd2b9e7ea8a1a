"""The Prefect API that a run reports to: the configured one, or a private server that lives as long as the run.

Prefect could start a temporary server by itself, but in the process group of the terminal: Ctrl-C would end it before
the run has reported how its stages ended, and a killed run would leave it behind. The server of this module is on a
leash, keeps its files in the clone, listens on loopback only, and starts while Prefect is still being imported. This
module imports Prefect inside functions only.
"""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from isogloss.errors import IsoglossError, PipelineError
from isogloss.pipeline.host.execute import Leashed
from isogloss.pipeline.host.file_locks import try_lock
from isogloss.pipeline.masking import masked
from isogloss.pipeline.prefect_api import serve
from isogloss.pipeline.prefect_api.cancellation import PRIVATE_VARIABLE
from isogloss.pipeline.prefect_api.keeping_up import kept_up

_STARTUP_SECONDS = 600.0
"""Time limit of the start. The first one migrates an empty database, which takes 10 s, or minutes on a busy machine."""


@contextmanager
def prefect_api(root: Path, *, private: bool = True, say: Callable[[str], None] = print) -> Iterator[None]:
    """A block that may use Prefect; raises as `starting_api` does."""
    with starting_api(root, private=private, say=say) as wait_until_up:
        wait_until_up()
        yield


@contextmanager
def starting_api(root: Path, *, private: bool, say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Start what a run reports to, and set the environment variables with which Prefect may be imported.

    The API is the configured one, or that of the `isogloss ui` of this clone, or (if `private`) that of a server for
    this run. Call what this yields before Prefect is used; until then other work can be done while the server starts.
    `say` is called with a message when that server has to be restarted.

    Raises `PipelineError`: the API does not answer or stops answering, there is none, or the private server does not
    start.
    """
    quiet_environment()
    url = configured_api_url() or _interface_url(root)
    server: PrefectServer | None = None
    with ExitStack() as stack:
        if url is not None:
            os.environ["PREFECT_API_URL"] = url
            os.environ.pop(PRIVATE_VARIABLE, None)
        elif private:
            os.environ["PREFECT_LOGGING_TO_API_ENABLED"] = "false"
            os.environ[PRIVATE_VARIABLE] = "1"
            server = stack.enter_context(prefect_server(root, port=free_port(), interface=False))

        def wait_until_up() -> None:
            if server is not None:
                from prefect import flow, task  # noqa: F401  # This takes as long as the server needs to start.

                server.wait_until_up()
                stack.enter_context(kept_up(server, say=say))
            elif url is not None:
                _refuse_unreachable(url)
            else:
                raise PipelineError(
                    "workers and those who send them stages meet at a Prefect server; set PREFECT_API_URL to its "
                    "address, or start one with `isogloss ui` in this clone"
                )
            stack.enter_context(_one_sentence(os.environ["PREFECT_API_URL"]))

        yield wait_until_up


class PrefectServer:
    """A server on a leash, on loopback; `url` is the address of its API, `log` the file of its output below the root.

    `up` says whether it has answered. It keeps its database in the clone, so that earlier runs stay visible;
    `interface` adds its web pages. If PREFECT_SERVER_API_AUTH_STRING is set, it answers only clients that send this
    password, as this process does. The environment is set up to reach it.
    """

    def __init__(self, root: Path, *, port: int, interface: bool):
        home = prefect_home(root)
        home.mkdir(parents=True, exist_ok=True)
        self.port, self.url, self.up = port, f"http://127.0.0.1:{port}/api", False
        # If both spellings are set, Python reads only the lower-case one.
        spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
        spared = ",".join(dict.fromkeys([*filter(None, spared.split(",")), "127.0.0.1"]))
        os.environ.update(PREFECT_HOME=str(home), PREFECT_API_URL=self.url, NO_PROXY=spared, no_proxy=spared)
        self._command = [sys.executable, "-m", serve.__name__, str(port), *([] if interface else ["--private"])]
        self._root, self._log_file = root, home / "server.log"
        self.log = self._log_file.relative_to(root.resolve())
        self._log_file.unlink(missing_ok=True)
        self.process = self._start()

    def _start(self) -> Leashed:
        with self._log_file.open("ab") as log:
            environment = dict(os.environ)
            return Leashed(self._command, cwd=self._root, environment=environment, stdout=log, grace_seconds=1.0)

    def restart(self) -> None:
        """Start the process again after it has ended."""
        self.process.finish()
        self.process = self._start()

    def wait_until_up(self) -> None:
        """Wait until the server answers; raises `PipelineError` if it does not."""
        deadline = time.monotonic() + _STARTUP_SECONDS
        while time.monotonic() < deadline and not self.process.ended:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            try:
                connection.request("GET", "/api/health")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    self.up = True
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.05)
        raise PipelineError(f"Prefect's server did not start{self.cause}; its log is {self.log}")

    @property
    def cause(self) -> str:
        """Why the server ended, in brackets, if its log says so; else empty."""
        try:
            text = self._log_file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        causes = {
            "the disk is full": r"No space left on device|database or disk is full|Disk quota exceeded",
            "its folder cannot be written": r"readonly database|Read-only file system|Permission denied|unable to open",
        }
        return next((f" ({cause})" for cause, sign in causes.items() if re.search(sign, text)), "")


@contextmanager
def prefect_server(root: Path, *, port: int, interface: bool) -> Iterator[PrefectServer]:
    """A server that ends with the block."""
    server = PrefectServer(root, port=port, interface=interface)
    try:
        yield server
    finally:
        end(server.process, seconds=1.0 if server.up else 0.0)


def end(process: Leashed, *, seconds: float) -> None:
    """Let a process go, and kill its group if it has not ended after the given seconds."""
    process.let_go()
    try:
        process.process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.process.wait()


def quiet_environment() -> None:
    """Settings for Prefect's client in this process and its children: no own log lines, and the API's password."""
    os.environ.update(
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="1",
        # The run prints its own lines (`isogloss.pipeline.console`); failures reach the user as one sentence.
        PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL="CRITICAL",
        PREFECT_LOGGING_INTERNAL_LEVEL="CRITICAL",
    )
    password = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    if password:
        os.environ.setdefault("PREFECT_API_AUTH_STRING", password)


def prefect_home(root: Path) -> Path:
    """Where our servers keep their database and logs; git and DVC ignore it."""
    return root.resolve() / ".dvc" / "tmp" / "isogloss" / "prefect"


@contextmanager
def announced(root: Path, server: PrefectServer) -> Iterator[None]:
    """Record the server's address in the clone while the block runs, so that other commands find it.

    Raises `PipelineError`: another server is recorded in this clone.
    """
    path = prefect_home(root) / "interface.url"
    descriptor = try_lock(path)
    if descriptor is None:
        raise PipelineError(f"another `isogloss ui` is up in {root}: {path.read_text(encoding='utf-8').strip()}")
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, server.url.encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _interface_url(root: Path) -> str | None:
    """The address that an `isogloss ui` has recorded, if its process is alive."""
    path = prefect_home(root) / "interface.url"
    if not path.is_file():
        return None
    descriptor = try_lock(path)
    if descriptor is None:
        return path.read_text(encoding="utf-8").strip() or None
    os.close(descriptor)
    return None


@contextmanager
def _one_sentence(url: str) -> Iterator[None]:
    """Turn the many errors that Prefect raises when its API goes away into one sentence for the user."""
    try:
        yield
    except IsoglossError:
        raise
    except Exception as error:
        if type(error).__name__ == "CancelledRun":  # The run was cancelled in Prefect.
            raise KeyboardInterrupt from None
        if _answers(url):
            raise
        raise PipelineError(
            f"Prefect's server at {masked(url)} stopped answering; finished stages are kept, and the next run continues"
        ) from error


def _answers(url: str) -> bool:
    """Whether an API answers, with any status."""
    address = urllib.parse.urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=5):
            return True
    except OSError:
        return False


def configured_api_url() -> str | None:
    """The Prefect API that the user has chosen: PREFECT_API_URL, or that of their active Prefect profile."""
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
    """Raise if the API does not answer or refuses the password."""
    import httpx
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            client.request("POST", "/flows/count", json={})  # The API's health check does not need the password.
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in (401, 403):
            raise PipelineError(
                f"Prefect's API at {masked(url)} does not let us in; set PREFECT_API_AUTH_STRING to the user:password "
                "that its server was started with (or PREFECT_API_KEY)"
            ) from None
        raise PipelineError(
            f"Prefect's API at {masked(url)} does not answer ({masked(' '.join(str(error).split()))}); "
            "start it, or unset PREFECT_API_URL to run with a temporary server"
        ) from None


def free_port() -> int:
    """A free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
