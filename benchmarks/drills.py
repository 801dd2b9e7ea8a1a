"""Failures of workers, server, network and remote, brought about on purpose; what became of the run.

    python benchmarks/drills.py                      # all of them, on a small pipeline made for it (10 minutes)
    python benchmarks/drills.py killed restarted     # some of them

One host plays them all: a Prefect server, two workers with clones of their own, a coordinator's clone, and a DVC remote
in a folder of its own. The pipeline trains nothing: `mitigate@ewc` sleeps through its epochs. Every drill compares what
the coordinator has at the end with a plain `dvc repro` in another clone. Results: benchmarks/results/drills.md.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from isogloss.pipeline.execute import Leashed
from isogloss.tables import atomic_path, write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
DVC_YAML = """
stages:
  corpus:
    cmd: cat words.txt > corpus.txt
    deps: [words.txt]
    params: [corpus.seed]
    outs: [corpus.txt]
  mitigate:
    foreach: [finetune, ewc]
    do:
      cmd: python train.py ${item}
      deps: [corpus.txt, train.py]
      params: ["${item}"]
      outs: ["${item}.txt"]
      meta: {gpu: 1}
  report:
    cmd: python report.py
    deps: [finetune.txt, ewc.txt, report.py]
    outs: [report.html]
    metrics: [{metrics.json: {cache: false}}]
"""
TRAIN = r"""
import pathlib, re, sys, time
name = sys.argv[1]
params = pathlib.Path("params.yaml").read_text().split(name + ":")[1].splitlines()[0]
found = re.search(r"fisher_utterances: (\d+)", params)
epochs = int(found[1]) if found else 12
for epoch in range(1, epochs + 1):
    time.sleep(1)
    print(f"epoch {epoch}/{epochs}: loss {1 / epoch:.4f}", flush=True)
pathlib.Path(name + ".txt").write_text(pathlib.Path("corpus.txt").read_text() + name + params)
"""
REPORT = """
import json, pathlib
text = pathlib.Path("finetune.txt").read_text() + pathlib.Path("ewc.txt").read_text()
pathlib.Path("report.html").write_text(text)
pathlib.Path("metrics.json").write_text(json.dumps({"length": len(text)}))
"""
EPOCHS, LONGER = 12, 60
PARAMS = "corpus: {{seed: 1}}\nfinetune: {{}}\newc: {{strength: {strength}.0, fisher_utterances: {epochs}}}\n"
"""The params have to be ours; these utterances are the epochs of the training that is none."""
FILES = {
    "dvc.yaml": DVC_YAML,
    "train.py": TRAIN,
    "report.py": REPORT,
    "params.yaml": PARAMS.format(strength=100, epochs=EPOCHS),
    "words.txt": "on\n",
}
IGNORED = "/corpus.txt\n/finetune.txt\n/ewc.txt\n/report.html\n/reports\n"


class Site:
    """The folder in which a drill happens, and what runs there."""

    def __init__(self, folder: Path):
        self.folder, self.remote, self.server_port = folder, folder / "remote", _free_port()
        self.proxies: dict[str, Proxy] = {}
        self.running: dict[str, Leashed] = {}
        self.runs: list[Run] = []
        self.starts: dict[str, int] = {}
        self.strength = 100
        self.remote.mkdir()
        coordinator = folder / "coordinator"
        for name, text in {**FILES, ".gitignore": IGNORED}.items():
            _write(coordinator / name, text)
        _write(coordinator / ".dvc" / ".gitignore", "/config.local\n/tmp\n/cache\n")
        remote = f"['remote \"shared\"']\n    url = {self.remote}\n"
        _write(coordinator / ".dvc" / "config", f"[core]\n    analytics = false\n    remote = shared\n{remote}")
        shutil.copy(ROOT / "prefect.yaml", coordinator)
        shutil.copytree(ROOT / "flows", coordinator / "flows", ignore=shutil.ignore_patterns("__pycache__"))
        for command in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=d", "-c", "user.email=d@d", "commit", "-qm", "."],
        ):
            subprocess.run(["git", *command], cwd=coordinator, check=True)
        for clone in ("worker-1", "worker-2", "other", "local"):
            subprocess.run(["git", "clone", "-q", str(coordinator), str(folder / clone)], check=True)

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
        _until(lambda: _listens(self.server_port), 600, "the server is up")

    def start_worker(self, number: int, pool: str) -> None:
        """A worker behind a wire that can be cut; one stage at a time, so that both get some."""
        proxy = self.proxies.setdefault(f"worker-{number}", Proxy(self.server_port))
        name = f"worker-{number}-{pool}"
        command = _isogloss("worker", pool, "--name", name, "--limit", "1")
        self.starts[name] = self.starts.get(name, 0) + 1
        self.start(name, command, cwd=self.folder / f"worker-{number}", port=proxy.port)

    def wait_for_workers(self) -> None:
        """Return when all workers are up."""
        for name, starts in self.starts.items():
            _until(partial(self._started, name, starts), 600, f"{name} is up")

    def _started(self, name: str, times: int) -> bool:
        """Whether a worker has come up so many times."""
        return (self.folder / f"{name}.log").read_text().count("started!") >= times

    def fill(self) -> None:
        """The pipeline as it is after a first run, for drills that do not begin with one."""
        for arguments in (["repro", "-q"], ["push", "-q", "--run-cache"]):
            command = [sys.executable, "-m", "dvc", *arguments]
            subprocess.run(command, cwd=self.folder / "coordinator", check=True, env=self.environment())

    def change(self, *, epochs: int = EPOCHS) -> None:
        """Another strength of EWC in params.yaml of all who run: what follows is stale."""
        self.strength += 1
        text = PARAMS.format(strength=self.strength, epochs=epochs)
        for clone in ("coordinator", "other", "local"):
            _write(self.folder / clone / "params.yaml", text)

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
                if command.startswith(b"python\0train.py\0") and number:
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
        for name in ("report.html", "metrics.json"):
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
            _isogloss("run", "--pools"),
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
        _until(lambda: any(text in line for line in self.lines) or self.process.poll() is not None, seconds, text)
        if not any(text in line for line in self.lines):
            raise RuntimeError(f"the run ended before it said {text!r}")

    def end(self, status: int = 0, seconds: float = 900) -> str:
        """Wait for its end; the last line."""
        _until(lambda: self.process.poll() is not None, seconds, "the end of the run")
        found = self.process.returncode
        time.sleep(0.5)
        if found != status or any("Traceback" in line for line in self.lines):
            raise RuntimeError(f"the run ended with {found} instead of {status}: {self.lines[-3:]}")
        return self.lines[-1]


class Proxy:
    """A wire to a local port that can be cut."""

    def __init__(self, target: int):
        self._target, self.port, self.whole = target, _free_port(), True
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


def two_workers(site: Site) -> str:
    """Two workers complete the pipeline; a second run, and one in another clone, execute nothing."""
    run = site.run()
    run.end()
    site.equal_to_local()
    logs = [(site.folder / f"worker-{number}-gpu.log").read_text() for number in (1, 2)]
    if not all("epoch 12/12" in log for log in logs):
        raise RuntimeError("one worker trained everything")
    if "Nothing to do" not in site.run().end():
        raise RuntimeError("the second run had something to do")
    last = site.run("other").end()
    if "executed" in last:
        raise RuntimeError(f"another clone executed something: {last}")
    return f"both trained; dvc.lock and outputs are those of `dvc repro`; in another clone: {last}"


def killed(site: Site) -> str:
    """The worker that trains is killed with SIGKILL in mid-training."""
    site.change()
    run = site.run()
    run.reach("epoch 3/12")
    number = site.trainer()
    process = site.running.pop(f"worker-{number}-gpu")
    process.kill()
    process.process.wait()
    last = run.end()
    if not any("another one starts it anew" in line for line in run.lines):
        raise RuntimeError("nobody noticed")
    site.equal_to_local()
    site.start_worker(number, "gpu")
    site.wait_for_workers()
    return f"the other worker trained from zero; dvc.lock and outputs are those of `dvc repro`. {last}"


def restarted(site: Site) -> str:
    """The server is killed with SIGKILL in mid-training and started again ten seconds later."""
    site.change()
    run = site.run()
    run.reach("epoch 3/12")
    site.running["server"].kill()
    site.running["server"].process.wait()
    time.sleep(10)
    site.start_server()
    last = run.end()
    if any("its worker is lost" in line for line in run.lines):
        raise RuntimeError("the worker was taken for lost, although it was the server that was away")
    site.equal_to_local()
    return f"the run and the worker waited; the stage was trained once. {last}"


def cut(site: Site) -> str:
    """The network between the worker that trains and the server is cut in mid-training, and mended after the loss."""
    site.change(epochs=LONGER)
    run = site.run()
    run.reach(f"epoch 3/{LONGER}")
    number = site.trainer()
    left = [process for process, worker in site.trainers().items() if worker == number]
    proxy = site.proxies[f"worker-{number}"]
    proxy.cut()
    try:
        run.reach("another one starts it anew")
    finally:
        proxy.mend()
    _until(lambda: not set(left) & set(site.trainers()), 60, "the worker that is back ends its stage")
    last = run.end()
    site.equal_to_local()
    return f"the other worker trained from zero; the one that came back ended its stage. {last}"


def cut_late(site: Site) -> str:
    """The same, but the training ends while the network is cut."""
    site.change()
    run = site.run(lost_seconds=90)  # on a busy host the result needs long to reach the remote
    run.reach("epoch 3/12")
    proxy = site.proxies[f"worker-{site.trainer()}"]
    proxy.cut()
    try:
        last = run.end()
    finally:
        proxy.mend()
    if not any("had sent the result before" in line for line in run.lines):
        raise RuntimeError("its result was not taken")
    site.equal_to_local()
    return f"the result was in the remote, and was taken from there. {last}"


def no_remote(site: Site) -> str:
    """The DVC remote is not there; then it is again."""
    site.change()
    away = site.remote.with_name("away")
    site.remote.rename(away)
    _write(site.remote, "no folder")
    said = site.run().end(status=2)
    site.remote.unlink()
    away.rename(site.remote)
    last = site.run().end()
    site.equal_to_local()
    return f"refused: `{said[:160].replace(str(site.folder), '')}`; with the remote back: {last}"


def two_coordinators(site: Site) -> str:
    """Two clones run the same pipeline at once; a second run in one clone is refused."""
    site.change()
    first, second = site.run(), site.run("other")
    first.reach("started")
    refused = site.run().end(status=2)
    first.end()
    second.end()
    site.equal_to_local()
    site.equal_to_local("other")
    return f"both have the dvc.lock of `dvc repro`; in one clone: `{refused.replace(str(site.folder), '')}`"


def run_killed(site: Site) -> str:
    """The coordinator is killed with SIGKILL in mid-training."""
    site.change()
    run = site.run()
    run.reach("epoch 3/12")
    known = site.results_in_remote()
    run.process.kill()
    _until(lambda: site.results_in_remote() > known, 300, "the worker's result is in the remote")
    last = site.run().end()
    if "cached" not in last or "2 executed" in last:
        raise RuntimeError(f"the training was not taken from the remote: {last}")
    site.equal_to_local()
    return f"the worker finished; the next run took its result from the remote. {last}"


def interrupted(site: Site) -> str:
    """Ctrl-C at the coordinator in mid-training."""
    site.change()
    run = site.run()
    run.reach("epoch 3/12")
    run.process.send_signal(signal.SIGINT)
    said = run.end(status=130)
    _until(lambda: not site.trainers(), 60, "no stage is left on a worker")
    last = site.run().end()
    site.equal_to_local()
    return f"`{said}`; no stage was left on the workers. The next run: {last}"


DRILLS: dict[str, Callable[[Site], str]] = {
    "two_workers": two_workers,
    "killed": killed,
    "restarted": restarted,
    "cut": cut,
    "cut_late": cut_late,
    "no_remote": no_remote,
    "two_coordinators": two_coordinators,
    "run_killed": run_killed,
    "interrupted": interrupted,
}


def main() -> None:
    """Do the drills of the command line, and write what became of them; those done earlier keep their rows."""
    chosen, failed = sys.argv[1:] or list(DRILLS), False
    with tempfile.TemporaryDirectory(prefix="isogloss-drills-") as name, _site(Path(name)) as site:
        if chosen[0] != "two_workers":
            site.fill()
        for drill in chosen:
            print(f"{drill}: {DRILLS[drill].__doc__}", flush=True)
            begun = time.monotonic()
            try:
                outcome = DRILLS[drill](site)
            except (RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
                failed, outcome = True, f"FAILED: {error}"
                site.show_logs()
            seconds = time.monotonic() - begun
            site.stop_runs()
            print(f"{drill}: {outcome} ({seconds:.0f} s)", flush=True)
            _record(drill, outcome, seconds)
    sys.exit(failed)


def _record(drill: str, outcome: str, seconds: float) -> None:
    """Write the outcome of one drill to the results."""
    path = RESULTS / "drills.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[drill] = {"outcome": outcome.replace("|", "\\|"), "seconds": round(seconds)}
    write_json({name: known[name] for name in DRILLS if name in known}, path)
    lines = [
        "# Drills",
        "",
        "`python benchmarks/drills.py`; a sign of life counts for 20 s here, for 90 s outside.",
        "",
    ]
    lines += ["| drill | what happens | outcome | seconds |", "|---|---|---|---:|"]
    for name in DRILLS:
        if name in known:
            lines.append(f"| {name} | {DRILLS[name].__doc__} | {known[name]['outcome']} | {known[name]['seconds']} |")
    with atomic_path(RESULTS / "drills.md") as page:
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def _site(folder: Path) -> Iterator[Site]:
    """A site with its server and workers up."""
    site = Site(folder)
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


def _isogloss(*arguments: str) -> list[str]:
    """A command of ours."""
    return [sys.executable, "-c", "from isogloss.cli import main; main()", *arguments]


def _until(condition: Callable[[], Any], seconds: float, what: str) -> None:
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


def _listens(port: int) -> bool:
    """Whether something answers on a port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write(path: Path, text: str) -> None:
    """A file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
