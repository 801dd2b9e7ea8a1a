"""Throw-away git and DVC repositories with tiny stages."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dvc  # noqa: F401  (its log handlers keep the stderr of the moment in which it is imported)
import pytest

from isogloss.config import Sweep, load_sweep
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Plan, Reason, Stage
from isogloss.pipeline.repo.graph import plan
from isogloss.pipeline.reproduce import reproduce
from isogloss.pipeline.sweeps.sweep import run_sweep
from isogloss.pipeline.sweeps.sweep_plan import SweepPlan, plan_sweep

DIAMOND = """
stages:
  corpus:
    cmd: cat words.txt > corpus.txt
    deps: [words.txt]
    params: [corpus.seed]
    outs: [corpus.txt]
  mitigate:
    foreach: [finetune, ewc]
    do:
      cmd: (cat corpus.txt; grep -A1 ${item} params.yaml) > ${item}.txt
      deps: [corpus.txt]
      params: ["${item}"]
      outs: ["${item}.txt"]
  report:
    cmd: cat finetune.txt ewc.txt > report.txt
    deps: [finetune.txt, ewc.txt]
    outs: [report.txt]
"""
PARAMS = "corpus:\n  seed: 1\nfinetune: {}\newc:\n  strength: 100.0\n"


FLOWS = Path(__file__).parents[2] / "flows"


class Toy:
    """A repository, and what the tests do with it."""

    def __init__(self, root: Path):
        self.root = root

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def overwrite(self, path: str, text: str) -> None:
        """Replace an output, which may share its bytes with the cache."""
        (self.root / path).unlink()
        self.write(path, text)

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def dvc(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def plan(self) -> Plan:
        return plan(self.root)

    def stale(self) -> dict[str, str]:
        return {stage.name: stage.why for stage in self.plan().stale}

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=toy", "-c", "user.email=toy@example.org", *arguments]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "toy")
        return self.git("rev-parse", "HEAD").strip()

    def run(self, plan: Plan | None = None) -> list[Outcome]:
        """A whole run on plain threads, without Prefect."""
        with ThreadPoolExecutor() as pool:
            return reproduce(self.root, plan or self.plan(), submit=lambda _stage, job: pool.submit(job))

    def experiment(self, name: str, content: str) -> Path:
        """Write an experiment file."""
        self.write(f"experiments/{name}.yaml", f"description: A toy.\n{textwrap.dedent(content)}")
        return self.root / "experiments" / f"{name}.yaml"

    def load(self, path: Path) -> Sweep:
        return load_sweep(path, params=self.root / "params.yaml")

    def plan_sweep(self, path: Path) -> SweepPlan:
        return plan_sweep(self.root, self.load(path))

    def sweep(self, path: Path) -> tuple[str, ...]:
        """A whole sweep on plain threads, without Prefect; the names of the runs that it finished."""
        with ThreadPoolExecutor() as pool:
            return run_sweep(
                self.root, self.plan_sweep(path), submit=lambda _stage, job: pool.submit(job), environment={}
            )


@pytest.fixture
def new_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Toy]:
    """Make a repository from a dvc.yaml and files; without arguments the diamond."""
    monkeypatch.setenv("DVC_NO_ANALYTICS", "true")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))

    def make(dvc_yaml: str = DIAMOND, *, params: str = PARAMS, name: str = "toy", **files: str) -> Toy:
        toy = Toy(tmp_path / name)
        toy.write(".dvc/config", "[core]\n    analytics = false\n")
        toy.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
        toy.write("dvc.yaml", dvc_yaml)
        toy.write("params.yaml", params)
        toy.write("words.txt", "turn on the light\n")
        for path, text in files.items():
            toy.write(path, text)
        for flow in FLOWS.glob("*.py"):
            toy.write(f"flows/{flow.name}", flow.read_text())
        subprocess.run(["git", "init", "-q", str(toy.root)], check=True)
        return toy

    return make


@pytest.fixture
def warm(warm_start: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the processes in which DVC works begin as forks; not for tests about how such a process is ended."""
    for name, value in warm_start().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def with_database(put_database: Callable[[Path], None]) -> Callable[[Toy], Toy]:
    """Put into a repository the database that the first of its Prefect servers would make, and return it."""

    def put(toy: Toy) -> Toy:
        put_database(toy.root)
        return toy

    return put


@pytest.fixture(scope="session")
def reproduced_diamond(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The diamond after a plain `dvc repro`; copy it."""
    root = tmp_path_factory.mktemp("diamond") / "toy"
    toy = Toy(root)
    toy.write(".dvc/config", "[core]\n    analytics = false\n")
    toy.write("dvc.yaml", DIAMOND)
    toy.write("params.yaml", PARAMS)
    toy.write("words.txt", "turn on the light\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "-q"],
        cwd=root,
        check=True,
        env={**os.environ, "DVC_NO_ANALYTICS": "true", "DVC_SITE_CACHE_DIR": str(root.parent / "site")},
    )
    return root


@pytest.fixture
def diamond(new_toy: Callable[..., Toy], reproduced_diamond: Path, tmp_path: Path) -> Toy:
    """The diamond, up to date."""
    shutil.copytree(reproduced_diamond, tmp_path / "toy", symlinks=True)
    return Toy(tmp_path / "toy")


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    """A plan from a mapping of stages to what they need; every stage is stale."""

    def make(needs: dict[str, list[str]], *, cores: dict[str, int] | None = None, gpus: int = 0) -> Plan:
        stages = [
            Stage(name, tuple(upstream), (Reason("never run"),), cores=(cores or {}).get(name, 1), gpus=gpus)
            for name, upstream in needs.items()
        ]
        return Plan(tuple(stages))

    return make


@pytest.fixture
def gone():
    """Whether a process ends soon; a zombie that nobody reaps counts as ended."""

    def ends(pid: int, *, seconds: float = 20.0) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    return True
            except (FileNotFoundError, ProcessLookupError):
                return True
            time.sleep(0.05)
        return False

    return ends
