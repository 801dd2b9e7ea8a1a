"""What Isogloss and Prefect add to DVC: planning, starting stages, running them side by side.

    python benchmarks/pipeline.py            # needs a quiet machine with two cores; 6 minutes

*plan*: `isogloss.pipeline.repo.graph.plan`, in a process that has imported DVC, of this repository and of 2,000
generated stages (a thousand chains of two). *a stage*: in a chain of stages that do nothing, the median time from one's
start to the next one's, Prefect included, against `dvc repro -s` of the same stages. *side by side*: two independent
stages of 30 s with Prefect's server up, from the first start to the last end. *whole*: `dvc repro` and `isogloss run`
(with its private server) of a pipeline with four branches of 5 s. The bounds are the project's own.
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from isogloss.pipeline.prefect_api.database import kept_in
from isogloss.tables import atomic_path, write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
CHAIN = 6


@dataclass(frozen=True)
class Row:
    """One measurement, in seconds, and the bound it has to keep (or none)."""

    what: str
    seconds: float
    bound: float | None = None


class Toy:
    """A repository with generated stages, which take their sleep from their command."""

    def __init__(self, folder: Path, stages: dict[str, tuple[list[str], float]]):
        self.root = folder
        folder.mkdir(parents=True)
        (folder / ".dvc").mkdir()
        (folder / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
        lines = ["stages:"]
        for name, (needs, seconds) in stages.items():
            deps = ", ".join(["words.txt", *(f"{need}.txt" for need in needs)])
            command = f"sleep {seconds}; cp words.txt {name}.txt" if seconds else f"cp words.txt {name}.txt"
            lines.append(f"  {name}: {{cmd: {command}, deps: [{deps}], outs: [{name}.txt]}}")
        (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
        (folder / "params.yaml").write_text("{}\n")
        (folder / "words.txt").write_text(f"{folder.name}\n")
        shutil.copytree(ROOT / "flows", folder / "flows", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["git", "init", "-q", str(folder)], check=True)

    def isogloss(self, *arguments: str) -> tuple[float, str]:
        """Seconds and output of a command of ours."""
        return timed(
            [sys.executable, "-c", "from isogloss.cli import main; main()", *arguments], self.root, self.environment()
        )

    def dvc(self, *arguments: str) -> float:
        """Seconds of a command of DVC."""
        return timed([sys.executable, "-m", "dvc", *arguments], self.root, self.environment())[0]

    def environment(self) -> dict[str, str]:
        """Nobody's settings of Prefect or DVC."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DVC_"))}
        site = str(self.root / ".dvc" / "tmp" / "isogloss" / "site")
        return {**kept, "DVC_NO_ANALYTICS": "true", "DVC_SITE_CACHE_DIR": site}


def timed(command: list[str], cwd: Path, environment: dict[str, str]) -> tuple[float, str]:
    """Seconds on the clock, and what the command printed; raises where it fails."""
    begun = time.monotonic()
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    return time.monotonic() - begun, result.stdout


def plan_seconds(root: Path) -> float:
    """The second plan in a process: DVC is imported, and nothing else is remembered that a user would not have."""
    code = "import time, dvc.repo, networkx; from isogloss.pipeline.repo.graph import plan\n"
    code += "begun = time.monotonic(); plan('.'); print(time.monotonic() - begun)"
    output = timed([sys.executable, "-c", code], root, dict(os.environ))[1]
    return float(output)


def told(toy: Toy) -> list[tuple[float, str]]:
    """The lines that a run prints about its stages, each with the second on the clock at which it came."""
    command = [sys.executable, "-u", "-c", "from isogloss.cli import main; main()", "run"]
    with subprocess.Popen(command, cwd=toy.root, env=toy.environment(), stdout=subprocess.PIPE, text=True) as process:
        lines = [(time.monotonic(), line) for line in process.stdout or () if "│" in line]
    if process.returncode:
        raise RuntimeError(f"the run in {toy.root} failed")
    return lines


def measure(folder: Path) -> list[Row]:
    """All measurements."""
    chain: dict[str, tuple[list[str], float]] = {f"s{n}": ([f"s{n - 1}"] if n else [], 0.0) for n in range(CHAIN)}
    many: dict[str, tuple[list[str], float]] = {}
    for number in range(1000):
        many |= {f"a{number}": ([], 0.0), f"b{number}": ([f"a{number}"], 0.0)}
    rows = [
        Row("plan of this repository", min(plan_seconds(ROOT) for _ in range(3)), 1.0),
        Row("plan of 2,000 generated stages", plan_seconds(Toy(folder / "many", many).root), 20.0),
    ]

    bare = Toy(folder / "bare", chain)
    alone = statistics.median(bare.dvc("repro", "-q", "-s", name) for name in chain)
    toy = Toy(folder / "chain", chain)
    starts = [moment for moment, line in told(toy) if "started:" in line]
    stage = statistics.median(later - earlier for earlier, later in pairwise(starts))
    rows += [
        Row("`dvc repro -s` of a stage that does nothing", alone),
        Row("the same stage in `isogloss run`", stage),
        Row("what a stage costs extra", stage - alone, 1.5),
        Row("`isogloss run` with nothing to do", min(toy.isogloss("run")[0] for _ in range(3)), 3.0),
    ]

    pair = Toy(folder / "pair", {"one": ([], 30.0), "other": ([], 30.0)})
    lines = told(pair)
    rows.append(Row("two independent stages of 30 s, the server up", lines[-1][0] - lines[0][0], 36.0))

    branches: dict[str, tuple[list[str], float]] = {"base": ([], 0.0)}
    branches |= {f"branch{n}": (["base"], 5.0) for n in range(4)}
    branches["report"] = ([f"branch{n}" for n in range(4)], 0.0)
    four, other = (Toy(folder / name, branches) for name in ("run", "other"))
    for path in kept_in().glob("prefect-*.db"):
        path.unlink()
    rows += [
        Row("`dvc repro` of four branches of 5 s", Toy(folder / "repro", branches).dvc("repro", "-q")),
        Row("the first `isogloss run` in an environment: it makes an empty database", four.isogloss("run")[0]),
        Row("the first `isogloss run` in another clone", other.isogloss("run")[0]),
    ]
    (four.root / "words.txt").write_text("other words\n")
    rows.append(Row("any later `isogloss run` of the same, its server included", four.isogloss("run")[0]))
    return rows


def main() -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory(prefix="isogloss-benchmark-") as name:
        rows = measure(Path(name))
    lines = ["# The pipeline's overhead", "", "`python benchmarks/pipeline.py`", ""]
    lines += [f"{platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} cores", ""]
    lines += ["| what | seconds | bound |", "|---|---:|---:|"]
    for row in rows:
        kept = "" if row.bound is None else f"{row.bound:g}" + ("" if row.seconds <= row.bound else " (missed)")
        lines.append(f"| {row.what} | {row.seconds:.2f} | {kept} |")
    text = "\n".join(lines) + "\n"
    print(text)
    with atomic_path(RESULTS / "pipeline.md") as path:
        path.write_text(text, encoding="utf-8")
    write_json(
        [{"what": row.what, "seconds": row.seconds, "bound": row.bound} for row in rows], RESULTS / "pipeline.json"
    )
    sys.exit(any(row.bound is not None and row.seconds > row.bound for row in rows))


if __name__ == "__main__":
    main()
