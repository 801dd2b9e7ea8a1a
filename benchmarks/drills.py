"""Failures of workers, server, network and remote, brought about on purpose; what became of the run.

    python benchmarks/drills.py                      # all of them, on a small pipeline made for it (10 minutes)
    python benchmarks/drills.py killed restarted     # some of them

One host plays them all: a Prefect server, two workers with clones of their own, a coordinator's clone, and a DVC remote
in a folder of its own. The pipeline trains nothing: `mitigate@ewc` sleeps through its epochs. Every drill compares what
the coordinator has at the end with a plain `dvc repro` in another clone. Results: benchmarks/results/drills.md.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hosts import Site, started, until, write_text

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


class SmallSite(Site):
    """A pipeline made for drills: it trains nothing."""

    trained_by = b"python\0train.py\0"
    compared = ("report.html", "metrics.json")

    def __init__(self, folder: Path):
        self.strength = 100
        super().__init__(folder)

    def make_coordinator(self, coordinator: Path) -> None:
        """Its files, committed, with this repository's flows and deployments."""
        for name, text in {**FILES, ".gitignore": IGNORED}.items():
            write_text(coordinator / name, text)
        write_text(coordinator / ".dvc" / ".gitignore", "/config.local\n/tmp\n/cache\n")
        remote = f"['remote \"shared\"']\n    url = {self.remote}\n"
        write_text(coordinator / ".dvc" / "config", f"[core]\n    analytics = false\n    remote = shared\n{remote}")
        shutil.copy(ROOT / "prefect.yaml", coordinator)
        shutil.copytree(ROOT / "flows", coordinator / "flows", ignore=shutil.ignore_patterns("__pycache__"))
        for command in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=d", "-c", "user.email=d@d", "commit", "-qm", "."],
        ):
            subprocess.run(["git", *command], cwd=coordinator, check=True)

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
            write_text(self.folder / clone / "params.yaml", text)


def two_workers(site: SmallSite) -> str:
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


def killed(site: SmallSite) -> str:
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


def restarted(site: SmallSite) -> str:
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


def cut(site: SmallSite) -> str:
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
    until(lambda: not set(left) & set(site.trainers()), 60, "the worker that is back ends its stage")
    last = run.end()
    site.equal_to_local()
    return f"the other worker trained from zero; the one that came back ended its stage. {last}"


def cut_late(site: SmallSite) -> str:
    """The same, but the training ends while the network is cut."""
    site.change()
    run = site.run(lost_seconds=90)  # on a busy host the result needs long to reach the remote
    run.reach("epoch 3/12")
    proxy = site.proxies[f"worker-{site.trainer()}"]
    proxy.cut()
    try:
        run.reach("had sent the result before", seconds=300)
    finally:
        proxy.mend()  # the only worker for CPU stages may hang on it
    last = run.end()
    site.equal_to_local()
    return f"the result was in the remote, and was taken from there. {last}"


def no_remote(site: SmallSite) -> str:
    """The DVC remote is not there; then it is again."""
    site.change()
    away = site.remote.with_name("away")
    site.remote.rename(away)
    write_text(site.remote, "no folder")
    said = site.run().end(status=2)
    site.remote.unlink()
    away.rename(site.remote)
    last = site.run().end()
    site.equal_to_local()
    return f"refused: `{said[:160].replace(str(site.folder), '')}`; with the remote back: {last}"


def two_coordinators(site: SmallSite) -> str:
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


def run_killed(site: SmallSite) -> str:
    """The coordinator is killed with SIGKILL in mid-training."""
    site.change()
    run = site.run()
    run.reach("epoch 3/12")
    known = site.results_in_remote()
    run.process.kill()
    until(lambda: site.results_in_remote() > known, 300, "the worker's result is in the remote")
    last = site.run().end()
    if "cached" not in last or "2 executed" in last:
        raise RuntimeError(f"the training was not taken from the remote: {last}")
    site.equal_to_local()
    return f"the worker finished; the next run took its result from the remote. {last}"


def interrupted(site: SmallSite) -> str:
    """Ctrl-C at the coordinator in mid-training."""
    site.change()
    run = site.run()
    run.reach("epoch 3/12")
    run.process.send_signal(signal.SIGINT)
    said = run.end(status=130)
    until(lambda: not site.trainers(), 60, "no stage is left on a worker")
    last = site.run().end()
    site.equal_to_local()
    return f"`{said}`; no stage was left on the workers. The next run: {last}"


def cancelled(site: SmallSite) -> str:
    """A run that `prefect deployment run` started is ended by `prefect flow-run cancel` in mid-training."""
    site.change()
    site.start_coordinating_worker()
    said = site.prefect("deployment", "run", "reproduce/default", "--param", "pools=true")
    (run,) = re.findall(r"UUID: ([0-9a-f-]{36})", said)
    until(site.trainers, 600, "a worker trains")
    begun = time.monotonic()
    site.prefect("flow-run", "cancel", run)
    until(lambda: not site.trainers(), 120, "no stage is left on a worker")
    seconds = time.monotonic() - begun
    asked = ("flow-run", "inspect", run, "--output", "json")
    until(lambda: json.loads(site.prefect(*asked))["state_type"] == "CANCELLED", 120, "the run is Cancelled")
    last = site.run().end()
    site.equal_to_local()
    return f"the stage on the worker had ended after {seconds:.0f} s; the run is Cancelled. The next run: {last}"


DRILLS: dict[str, Callable[[SmallSite], str]] = {
    "two_workers": two_workers,
    "killed": killed,
    "restarted": restarted,
    "cut": cut,
    "cut_late": cut_late,
    "no_remote": no_remote,
    "two_coordinators": two_coordinators,
    "run_killed": run_killed,
    "interrupted": interrupted,
    "cancelled": cancelled,
}


def main() -> None:
    """Do the drills of the command line, and write what became of them; those done earlier keep their rows."""
    chosen, failed = sys.argv[1:] or list(DRILLS), False
    with tempfile.TemporaryDirectory(prefix="isogloss-drills-") as name, started(SmallSite(Path(name))) as site:
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


if __name__ == "__main__":
    main()
