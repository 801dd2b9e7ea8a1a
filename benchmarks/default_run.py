"""Where the time of `make run` goes once everything is installed: seconds of each stage, before and after a change.

    python benchmarks/default_run.py [REVISION]... [--keep FOLDER]   # HEAD by default; some ten minutes each

Each revision is cloned anew, so that no stage has a result yet, and `isogloss run` runs there with this interpreter.
Before and after each run a product of two 1,024 x 1,024 float32 matrices, on one thread, and a loop of 20 million
additions in Python say how fast the machine is: compare seconds only between runs at the same speed. The critical path
is that of `isogloss status --times`, by the stages of HEAD.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path
from typing import Any

import torch

from isogloss.pipeline.repo.graph import plan
from isogloss.tables import atomic_path, write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
SIZE, PRODUCTS, ADDITIONS = 1024, 20, 20_000_000


def speed() -> dict[str, float]:
    """GFLOP/s of one thread in a product of matrices, and seconds of a loop in Python."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    matrix = torch.rand(SIZE, SIZE)
    _ = matrix @ matrix
    begun = time.perf_counter()
    for _ in range(PRODUCTS):
        _ = matrix @ matrix
    products = time.perf_counter() - begun
    torch.set_num_threads(threads)
    loop = timeit.timeit("total += 1", "total = 0", number=ADDITIONS)
    return {"gflops": round(PRODUCTS * 2 * SIZE**3 / products / 1e9, 1), "python_loop_s": round(loop, 2)}


def measure(revision: str, folder: Path) -> dict[str, Any]:
    """One run of the default pipeline, in a clone at a revision."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "checkout", "-q", "--detach", revision], cwd=folder, check=True)
    left_out = ("PREFECT_", "DVC_", "ISOGLOSS_", "PYTHONDONTWRITEBYTECODE")  # the last, as in the Makefile
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    environment = {
        **kept,
        "PYTHONPATH": str(folder / "src"),
        "DVC_NO_ANALYTICS": "true",
        "DVC_SITE_CACHE_DIR": str(folder / ".dvc" / "tmp" / "isogloss" / "site"),
    }
    speeds = [speed()]
    command = [sys.executable, "-c", "from isogloss.cli import main; main()", "run"]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    seconds, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    speeds.append(speed())
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    stages = json.loads((folder / "reports" / "provenance.json").read_text(encoding="utf-8"))["stages"]
    return {
        "revision": revision,
        "speed_before_and_after": speeds,
        "seconds": round(seconds, 1),
        "processor_s": round(processor, 1),
        "stages": {name: stage["seconds"] for name, stage in stages.items() if "seconds" in stage},
    }


def page(runs: list[dict[str, Any]]) -> str:
    """The table of all runs, the longest stage of the last one first."""
    last = runs[-1]["stages"]
    path = plan(ROOT).critical_path(last)
    lines = ["# The default run, stage by stage", "", "`python benchmarks/default_run.py`", ""]
    lines += [
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores. Seconds on the clock; stages run side by side.",
        "",
    ]
    lines += ["| | " + " | ".join(run["revision"] for run in runs) + " |", "|---|" + "---:|" * len(runs)]

    def row(what: str, values: list[str]) -> None:
        lines.append(f"| {what} | " + " | ".join(values) + " |")

    for what, key, digits in (
        ("product of matrices, one thread, GFLOP/s, before and after", "gflops", 0),
        ("loop of 20 million additions in Python, s, before and after", "python_loop_s", 2),
    ):
        row(what, [", ".join(f"{one[key]:.{digits}f}" for one in run["speed_before_and_after"]) for run in runs])
    row("**the whole run**", [f"**{run['seconds']:.0f}**" for run in runs])
    row("processor time of all cores", [f"{run['processor_s']:.0f}" for run in runs])
    for name in sorted(
        {*last, *(name for run in runs for name in run["stages"])}, key=lambda name: -last.get(name, 0.0)
    ):
        row(
            f"{name}{' *' if name in path else ''}",
            [f"{run['stages'][name]:.1f}" if name in run["stages"] else "" for run in runs],
        )
    row("\\* critical path", [f"{sum(run['stages'].get(name, 0.0) for name in path):.0f}" for run in runs])
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revisions", nargs="*", metavar="REVISION", help="commits to run, oldest first (HEAD)")
    parser.add_argument("--keep", type=Path, help="a new folder in which the clones are kept")
    arguments = parser.parse_args()
    names = [
        subprocess.run(
            ["git", "rev-parse", "--short", name], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.strip()
        for name in arguments.revisions or ["HEAD"]
    ]
    with tempfile.TemporaryDirectory(prefix="isogloss-benchmark-") as temporary:
        folder = Path(temporary) if arguments.keep is None else arguments.keep.resolve()
        runs = [measure(name, folder / name) for name in names]
    text = page(runs)
    print(text)
    write_json(runs, RESULTS / "default_run.json")
    with atomic_path(RESULTS / "default_run.md") as path:
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
