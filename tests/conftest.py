"""What all tests need: a host of their own, and one run of the whole pipeline."""

import contextlib
import fcntl
import gc
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from isogloss.config import read_yaml
from isogloss.garbage import collect_rarely
from isogloss.pipeline.prefect_api.database import put_database as put_empty_database

collect_rarely()  # while the tests' modules are imported

# Triton reads this when it is first imported, which Lightning does. Where there is a GPU, `TRITON_INTERPRET=0 pytest`
# tests the compiled kernels.
os.environ.setdefault("TRITON_INTERPRET", "1")

PREFECT = Path(".dvc/tmp/isogloss/prefect")
"""Where the servers of a repository's runs keep their database."""
LONGEST = (
    "micro/test_run.py",  # makes the micro run, for which all that read it wait
    "pipeline/test_command_line.py",
    "plugins/test_toys.py",
    "pipeline/prefect_api/test_runs.py",
    "micro/test_pretrained.py",
    "corpus/test_without_transcripts.py",
    "pipeline/sweeps/test_sweep.py",
    "corpus/test_speechocean762.py",
    "corpus/atlas/test_build.py",
    "pipeline/prefect_api/test_deployments.py",
    "inference/test_transcribe_table.py",
    "pipeline/workers/test_workers.py",
    "corpus/frontend/test_shards.py",
    "pipeline/test_reproduce.py",
    "test_light_core.py",
    "micro/test_commands.py",
    "micro/test_mitigations.py",
    "training/test_processes.py",
    "pipeline/prefect_api/test_server.py",
    "test_closed_pipe.py",
    "audit/test_blocks.py",
)
"""The files that take longest, in the order in which they are started. A process is given two files at once: while the
one makes the micro run, the other has the second and the fourth, which do not read it."""
WARM = Path(__file__).with_name("warm_start")
SPLITS = np.array(["train", "discovery", "dev", "test"])


def _loaded(name: str, path: str) -> ModuleType:
    """A module of another folder of the tests."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under pytest-xdist start `LONGEST` first, then the files of the most tests, so that no process is left alone.

    pytest-xdist itself knows the number of tests alone, and would start the single test of a whole pipeline at the end.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    here = Path(__file__).parent
    place = {here / name: number for number, name in enumerate(LONGEST)}
    if missing := [path for path in place if not path.exists()]:
        raise pytest.UsageError(f"{missing[0]} is in LONGEST of {__file__}, but does not exist")
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (place.get(item.path, len(place)), -tests[item.path]))


def pytest_collection_finish() -> None:
    """What was imported is no garbage: leave it out of all later collections."""
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_checkpoints() -> ModuleType:
    """Writers of tiny pretrained recognisers with random weights, for the tests of other folders than theirs."""
    return _loaded("tiny_checkpoints", "recognizers/conftest.py")


@pytest.fixture(scope="session")
def default_params() -> str:
    """A complete params.yaml with the defaults of the code, whatever the repository's says: it is for users to edit."""
    return _loaded("workspace", "micro/workspace.py").default_params()


@pytest.fixture(scope="session")
def _folders_of_locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """New paths, at which nothing is made: `mktemp` for each test would read a folder that grows with every test."""
    folder = tmp_path_factory.mktemp("locks")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _a_host_of_its_own(_folders_of_locks: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the cores of what else runs on this host, nor takes them from it."""
    monkeypatch.setenv("ISOGLOSS_LOCKS", str(next(_folders_of_locks)))


def _country(*, speakers: int, seed: int, utterances: int = 6, disparity: float = 0.3) -> pd.DataFrame:
    """Utterances of a square country whose south-west is served worse by `disparity`, with a speaker effect."""
    rng = np.random.default_rng(seed)
    latitude, longitude = rng.uniform(25, 49, speakers), rng.uniform(-120, -70, speakers)
    southwest = (latitude < 34) & (longitude < -95)
    rate = rng.beta(2, 18, speakers) + disparity * southwest
    split = SPLITS[rng.integers(0, len(SPLITS), speakers)]
    band = np.array(["18-29", "65+", None], dtype=object)[rng.integers(0, 3, speakers)]
    speaker = np.repeat(np.arange(speakers), utterances)
    words = rng.integers(3, 9, len(speaker))
    return pd.DataFrame(
        {
            "utterance_id": [f"u{row:05d}" for row in range(len(speaker))],
            "speaker_id": [f"s{number:04d}" for number in speaker],
            "split": split[speaker],
            "weight": 1.0,
            "words": words,
            "substitutions": rng.binomial(words, np.clip(rate, 0, 1)[speaker]),
            "deletions": 0,
            "insertions": 0,
            "latitude": latitude[speaker],
            "longitude": longitude[speaker],
            "age_band": band[speaker],
            "southwest": southwest[speaker],
        }
    )


@pytest.fixture
def country() -> pd.DataFrame:
    return _country(speakers=480, seed=3)


@pytest.fixture
def make_country():
    return _country


@dataclass(frozen=True)
class Workspace:
    """A repository of the project's own pipeline, and the commands of its users."""

    root: Path
    printed: str = ""
    """What the run that filled it printed."""

    def command(self, *arguments: str, warm: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run `isogloss ...` or `dvc ...` as a process of its own, with nobody's settings; raises where it fails.

        `warm` are the variables of the fixture `warm_start`.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DVC_"))}
        kept |= warm or {}
        environment = {
            **kept,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(self.root.parent / "home"),
            "ISOGLOSS_LOCKS": str(self.root.parent / "locks"),
            "DVC_NO_ANALYTICS": "true",
            "DVC_SITE_CACHE_DIR": str(self.root / ".dvc" / "tmp" / "site"),
        }
        result = subprocess.run(
            arguments, cwd=self.root, env=environment, capture_output=True, text=True, timeout=1800, check=False
        )
        if result.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{result.stdout}\n{result.stderr}")
        return result

    def outputs(self, *stages: str) -> Iterator[Path]:
        """Every file of every output that dvc.lock names, of all stages or of some."""
        for name, stage in read_yaml(self.root / "dvc.lock")["stages"].items():
            for path in (self.root / output["path"] for output in stage["outs"] if name in (stages or [name])):
                yield from [path] if path.is_file() else (file for file in path.rglob("*") if file.is_file())

    def run_scripts(self, *stages: str) -> None:
        """Do in this process what the scripts of stages do, in this order.

        Their outputs are removed before, as DVC does it; and all have to be there after it.
        """
        lock = read_yaml(self.root / "dvc.lock")["stages"]
        outputs = [self.root / output["path"] for stage in stages for output in lock[stage]["outs"]]
        for path in outputs:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with contextlib.chdir(self.root):
            for stage in stages:
                name, _, item = stage.partition("@")
                _loaded(f"stage_{name}", str(self.root / "stages" / f"{name}.py")).main(*filter(None, [item]))
        assert [path for path in outputs if not path.exists()] == []

    def copy(self, folder: Path) -> "Workspace":
        """The same workspace in another folder, with the cache, and without what runs leave in .dvc/tmp.

        Except for Prefect's database: a server that finds one starts in half the time.
        """
        shutil.copytree(self.root, folder, symlinks=True, ignore=shutil.ignore_patterns("tmp"))
        copy_database(self.root / PREFECT, folder)
        return Workspace(folder)


def copy_database(home: Path, root: Path) -> None:
    """Give a repository the database of a Prefect server, for the servers that its runs will start."""
    (root / PREFECT).mkdir(parents=True)
    for path in home.glob("prefect.db*"):
        shutil.copy(path, root / PREFECT)


@pytest.fixture(scope="session")
def put_database(prefect_database: Path) -> Callable[[Path], None]:
    """Put into a folder the database that the first of its Prefect servers would make, half of that start."""
    return lambda root: copy_database(prefect_database, root)


@contextlib.contextmanager
def shared(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A folder of all processes of pytest-xdist together; they are in the block one after the other."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@pytest.fixture(scope="session")
def prefect_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the empty database that a Prefect server makes at its first start, which is most of that start.

    In an environment it is the copy that the environment keeps for all runs, made by the first that needs it.
    """
    with shared(tmp_path_factory, "prefect") as home:
        if not (home / "done").exists():
            put_empty_database(home)
            if not (home / "prefect.db").exists():
                command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
                kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
                settings = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
                subprocess.run(command, env={**kept, **settings}, check=True, capture_output=True)
            (home / "done").touch()
    return home


@pytest.fixture(scope="session")
def _warm_socket(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path | None:
    """The socket of the server of `warm_start/`, one for all processes of pytest-xdist; None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    with shared(tmp_path_factory, "warm") as folder:
        if not (folder / "socket.txt").exists():
            socket = Path(tempfile.mkdtemp()) / "socket"  # pytest's own folders may have paths too long for sockets
            session = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
            command = [sys.executable, WARM / "server.py", socket, str(session)]
            server = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            request.config.add_cleanup(server.poll)  # It ends itself, with the session.
            while not socket.exists():
                assert server.poll() is None, server.stdout.read()
                time.sleep(0.02)
            (folder / "socket.txt").write_text(str(socket))
        return Path((folder / "socket.txt").read_text())


@pytest.fixture(scope="session")
def warm_start(_warm_socket: Path | None) -> Callable[[], dict[str, str]]:
    """A function for variables with which the stages of a run begin as forks of a process that has the large libraries.

    They are still processes, of the commands in dvc.yaml. A test that needs new processes does without.
    """

    def variables() -> dict[str, str]:
        path = os.pathsep.join(filter(None, [str(WARM), os.environ.get("PYTHONPATH")]))
        return {} if _warm_socket is None else {"PYTHONPATH": path, "ISOGLOSS_TEST_WARM_START": str(_warm_socket)}

    return variables


@pytest.fixture(scope="session")
def micro(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Workspace:
    """Every stage of dvc.yaml, run once by `isogloss run` on the smallest Atlas. Read from it; write into a copy.

    It takes a minute on two cores. Processes of pytest-xdist share the one run.
    """
    with shared(tmp_path_factory, "micro") as folder:
        root, printed = folder / "workspace", folder / "printed.txt"
        if not printed.exists():
            if root.exists():
                pytest.fail("the micro run failed in another process of pytest-xdist")
            _loaded("workspace", "micro/workspace.py").make_workspace(root)
            warm = request.getfixturevalue("warm_start")()
            printed.write_text(Workspace(root).command("isogloss", "run", warm=warm).stdout, encoding="utf-8")
    return Workspace(root, printed.read_text(encoding="utf-8"))
