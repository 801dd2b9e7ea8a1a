"""One host that plays several: a Prefect server, two workers, a coordinator, and a DVC remote between them.

What is done there is for others to say: `drills.py` breaks things, `two_workers.py` runs this repository's pipeline.
"""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml import YAML

from isogloss.pipeline.host.execute import Leashed


class Site:
    """A folder with a server, workers and a coordinator of a pipeline, each in a clone of its own."""

    trained_by = b""
    """How the command line of a stage that trains begins, its arguments divided by zero bytes."""
    compared: tuple[str, ...] = ()
    """What has to be the same bytes after a plain `dvc repro`, beside dvc.lock."""

    def __init__(self, folder: Path):
        self.folder, self.remote, self.server_port = folder, folder / "remote", free_port()
        self.proxies: dict[str, Proxy] = {}
        self.running: dict[str, Leashed] = {}
        self.runs: list[Run] = []
        self.starts: dict[str, int] = {}
        self.remote.mkdir()
        self.make_coordinator(folder / "coordinator")
        for clone in ("worker-1", "worker-2", "other", "local"):
            subprocess.run(["git", "clone", "-q", str(folder / "coordinator"), str(folder / clone)], check=True)

    def make_coordinator(self, coordinator: Path) -> None:
        """Make the repository whose clones all others are."""
        raise NotImplementedError

    def environment(self, port: int | None = None) -> dict[str, str]:
        """What all processes are told: where the server is, and that a drill has no minute to lose."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DVC_"))}
        return {
            **kept,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")]),
            "PREFECT_API_URL": f"http://127.0.0.1:{port or self.server_port}/api",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "ISOGLOSS_BEAT_SECONDS": "1",
            "NO_PROXY": "127.0.0.1",
        }

    def start(self, name: str, command: list[str], *, cwd: Path, port: int | None = None) -> None:
        """A process of the site; its output grows in NAME.log."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = Leashed(
                command, cwd=cwd, environment=self.environment(port), stdout=log, grace_seconds=3.0
            )

    def start_server(self) -> None:
        """The server, until it answers."""
        command = [sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--host", "127.0.0.1"]
        self.start("server", [*command, "--port", str(self.server_port)], cwd=self.folder)
        until(lambda: listens(self.server_port), 600, "the server is up")

    def start_worker(self, number: int, pool: str) -> None:
        """A worker behind a wire that can be cut; one stage at a time, so that both get some."""
        proxy = self.proxies.setdefault(f"worker-{number}", Proxy(self.server_port))
        name = f"worker-{number}-{pool}"
        command = isogloss("worker", pool, "--name", name, "--limit", "1")
        self.starts[name] = self.starts.get(name, 0) + 1
        self.start(name, command, cwd=self.folder / f"worker-{number}", port=proxy.port)

    def start_coordinating_worker(self) -> None:
        """A worker in the coordinator's clone for runs that Prefect starts, until it is up."""
        self.start("worker-coordinator", isogloss("worker", "coordinator"), cwd=self.folder / "coordinator")
        until(partial(self._started, "worker-coordinator", 1), 600, "the coordinating worker is up")

    def prefect(self, *arguments: str) -> str:
        """What Prefect's own command line says."""
        command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, check=True, capture_output=True, env=self.environment(), text=True
        )
        return done.stdout

    def wait_for_workers(self) -> None:
        """Return when all workers are up."""
        for name, starts in self.starts.items():
            until(partial(self._started, name, starts), 600, f"{name} is up")

    def _started(self, name: str, times: int) -> bool:
        """Whether a worker has come up so many times."""
        return (self.folder / f"{name}.log").read_text().count("started!") >= times

    def run(self, clone: str = "coordinator", *, lost_seconds: int = 20) -> "Run":
        """`isogloss run --pools` in a clone."""
        self.runs.append(Run(self, clone, {"ISOGLOSS_LOST_SECONDS": str(lost_seconds)}))
        return self.runs[-1]

    def stop_runs(self) -> None:
        """End the runs that a failed drill has left."""
        for run in self.runs:
            if run.process.poll() is None:
                run.process.terminate()
                run.process.wait(timeout=60)

    def trainers(self) -> dict[int, int]:
        """Process -> the number of the worker that it trains for."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command, where = folder.joinpath("cmdline").read_bytes(), str(folder.joinpath("cwd").resolve())
                number = re.match(re.escape(str(self.folder)) + r"/worker-(\d)/", where)
                if command.startswith(self.trained_by) and number:
                    found[int(folder.name)] = int(number[1])
        return found

    def results_in_remote(self) -> int:
        """How many entries the run cache in the remote has."""
        return sum(path.is_file() for path in self.remote.rglob("runs/*/*/*"))

    def trainer(self) -> int:
        """The number of the one worker that trains now."""
        numbers = set(self.trainers().values())
        if len(numbers) != 1:
            raise RuntimeError(f"workers {sorted(numbers)} train instead of one")
        return numbers.pop()

    def equal_to_local(self, clone: str = "coordinator") -> None:
        """Raise unless dvc.lock and the outputs are those of a plain `dvc repro` elsewhere."""
        local = self.folder / "local"
        command = [sys.executable, "-m", "dvc", "repro", "-q"]
        subprocess.run(command, cwd=local, check=True, capture_output=True, env=self.environment())
        locks = [YAML(typ="safe").load(self.folder / place / "dvc.lock") for place in (clone, "local")]
        if locks[0] != locks[1]:
            raise RuntimeError("dvc.lock differs from that of a local dvc repro")
        for name in self.compared:
            if (self.folder / clone / name).read_bytes() != (local / name).read_bytes():
                raise RuntimeError(f"{name} differs from that of a local dvc repro")

    def show_logs(self) -> None:
        """Print the end of what each process has said, for whoever looks into a failed drill."""
        for log in sorted(self.folder.glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-25:]
            print(f"--- {log.name}", *lines, sep="\n    ", flush=True)

    def close(self) -> None:
        """End everything."""
        for process in self.running.values():
            process.let_go()
        time.sleep(3)
        for process in self.running.values():
            process.kill()
            process.process.wait()


class Run:
    """One run, its output read by a thread."""

    def __init__(self, site: Site, clone: str, told: dict[str, str]):
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            isogloss("run", "--pools"),
            cwd=site.folder / clone,
            env={**site.environment(), **told},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        """The thread."""
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip())
            print(time.strftime("    %H:%M:%S"), line.rstrip(), flush=True)

    def reach(self, text: str, seconds: float = 600) -> None:
        """Wait until a line holds `text`."""
        until(lambda: any(text in line for line in self.lines) or self.process.poll() is not None, seconds, text)
        if not any(text in line for line in self.lines):
            raise RuntimeError(f"the run ended before it said {text!r}")

    def end(self, status: int = 0, seconds: float = 900) -> str:
        """Wait for its end; the last line."""
        until(lambda: self.process.poll() is not None, seconds, "the end of the run")
        found = self.process.returncode
        time.sleep(0.5)
        if found != status or any("Traceback" in line for line in self.lines):
            raise RuntimeError(f"the run ended with {found} instead of {status}: {self.lines[-3:]}")
        return self.lines[-1]


class Proxy:
    """A wire to a local port that can be cut."""

    def __init__(self, target: int):
        self._target, self.port, self.whole = target, free_port(), True
        self._ends: list[socket.socket] = []
        listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._listen, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """End all connections; new ones end at once."""
        self.whole = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let new connections through again."""
        self.whole = True

    def _listen(self, listener: socket.socket) -> None:
        """Accept connections and join each with one to the target."""
        while True:
            near, _ = listener.accept()
            try:
                if not self.whole:
                    raise OSError("cut")
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            self._ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


SomeSite = TypeVar("SomeSite", bound=Site)


@contextmanager
def started(site: SomeSite) -> Iterator[SomeSite]:
    """The site with its server and workers up, until it is left."""
    try:
        site.start_server()
        print("the server is up", flush=True)
        for number, pool in ((1, "gpu"), (2, "gpu"), (1, "cpu")):
            site.start_worker(number, pool)
        site.wait_for_workers()
        print("the workers are up", flush=True)
        yield site
    finally:
        site.close()


def isogloss(*arguments: str) -> list[str]:
    """A command of ours."""
    return [sys.executable, "-c", "from isogloss.cli import main; main()", *arguments]


def until(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Wait for a condition; raises `TimeoutError`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for: {what}")
        time.sleep(0.2)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Bytes from one end to the other until one closes."""
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def listens(port: int) -> bool:
    """Whether something answers on a port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_text(path: Path, text: str) -> None:
    """A file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
