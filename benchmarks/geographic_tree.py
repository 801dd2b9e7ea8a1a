"""Time, memory and fit of `GeographicTree` over speaker sums beside scikit-learn's tree over utterances.

    python benchmarks/geographic_tree.py [--zips zcta_demographics.csv]

A million utterances of 20,000, 100,000 or a million speakers; 126 leaves of at least 200 speakers. `GeographicTree`
sums the utterances of a speaker, lets scikit-learn's DecisionTreeRegressor grow the tree over speakers, and describes
its leaves (interval, colour). Beside it stands the same regressor on the utterances as they are, with a bound on leaves
that lets it cut as finely. Three geographies: `cities` (a few hundred cities of very different size in an empty
country), `even` (nobody lives anywhere in particular) and, with --zips, `zips` (people around the centroids of real ZIP
code areas, by population).

Each case runs in a process of its own. Time is the least of three fits, wall clock and CPU: on a machine that has other
work the wall clock says little, the CPU time (one thread) still compares. Memory is the peak of the whole process, data
included (Linux only).
"""

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from isogloss.cohorts.geographic import GeographicTree
from isogloss.tables import atomic_path, write_json

LEAVES = 126
LEAF_SPEAKERS = 200
FITS = 3
ROWS = 1_000_000
SPEAKERS = (20_000, 100_000, ROWS)
OURS, PEER = "isogloss", "scikit-learn on utterances"
RESULTS = Path(__file__).parent / "results"
Floats = NDArray[np.float64]


def positions(geography: str, speakers: int, zips: str, rng: np.random.Generator) -> Floats:
    """Where speakers are, shape (speakers, 2)."""
    if geography == "even":
        return np.column_stack([rng.uniform(25, 49, speakers), rng.uniform(-125, -67, speakers)])
    if geography == "cities":
        centres = np.column_stack([rng.uniform(25, 49, 300), rng.uniform(-125, -67, 300)])
        people = 1 / np.arange(1, 301)
        spread = 0.25
    else:
        table = pd.read_csv(zips)
        centres, people, spread = (
            table[["latitude", "longitude"]].to_numpy(),
            table["total_population"].to_numpy(),
            0.03,
        )
    place = rng.choice(len(centres), speakers, p=people / people.sum())
    return centres[place] + rng.normal(0, spread, (speakers, 2))


def corpus(geography: str, speakers: int, zips: str) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Positions, error rates, words and speakers: rates vary smoothly over the map, and one region is much worse."""
    rng = np.random.default_rng(1)
    speaker = np.arange(ROWS) * speakers // ROWS
    X = positions(geography, speakers, zips, rng)[speaker]
    words = rng.integers(3, 15, ROWS)
    rate = 0.1 + 0.05 * np.sin(X[:, 0] / 3) + 0.05 * np.cos(X[:, 1] / 7)
    rate += 0.15 * ((X[:, 0] < 33) & (X[:, 1] < -97))
    return X, rng.binomial(words, np.clip(rate, 0, 1)) / words, words.astype(np.float64), speaker


def reduction(y: Floats, weight: Floats, groups: NDArray[Any]) -> float:
    """Reduction of the weighted squared error of y by the means of groups."""
    codes = pd.factorize(groups)[0]
    total, sums = np.bincount(codes, weight), np.bincount(codes, weight * y)
    return float((sums**2 / total).sum() - (weight * y).sum() ** 2 / weight.sum())


def measure(case: str, geography: str, speakers: int, zips: str) -> dict[str, Any]:
    """Fit in this process; the least times, the peak memory, and what the tree explains."""
    X, y, weight, speaker = corpus(geography, speakers, zips)
    wall, cpu = [], []
    for _ in range(FITS):
        ours = GeographicTree(max_leaves=LEAVES, min_speakers=LEAF_SPEAKERS, min_words=1)
        peer = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_SPEAKERS * ROWS // speakers)
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        if case == PEER:
            peer.fit(X, y, weight)
        else:
            ours.fit(X, y, weight, groups=speaker)
        wall.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    leaves = pd.factorize(peer.apply(X) if case == PEER else ours.predict(X))[0]
    return {
        "case": case,
        "geography": geography,
        "speakers": speakers,
        "wall_s": round(min(wall), 2),
        "cpu_s": round(min(cpu), 2),
        "peak_gib": round(peak, 2),
        "leaves": int(leaves.max()) + 1,
        "reduction": reduction(y, weight, leaves),
    }


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    figures = result["figures"]
    best = {(f["geography"], f["speakers"]): f["reduction"] for f in figures if f["case"] == PEER}
    lines = [
        "# GeographicTree beside scikit-learn's DecisionTreeRegressor on utterances",
        "",
        f"`python benchmarks/geographic_tree.py`, {result['machine']}. {ROWS:,} utterances; {LEAVES} leaves of at "
        f"least {LEAF_SPEAKERS} speakers. Explained: the reduction of the weighted squared error over utterances, "
        "relative to the regressor on utterances.",
        "",
        "| tree | geography | speakers | wall s | CPU s | peak GiB | leaves | explained |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {f['case']} | {f['geography']} | {f['speakers']:,} | {f['wall_s']} | {f['cpu_s']} | {f['peak_gib']} "
            f"| {f['leaves']} | {f['reduction'] / best[f['geography'], f['speakers']]:.2%} |"
            for f in figures
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure everything and write benchmarks/results/geographic_tree.{json,md}."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zips", default="", help="CSV with latitude, longitude and total_population of ZIP areas")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        case, geography, speakers = options.measure
        print(json.dumps(measure(case, geography, int(speakers), options.zips)))
        return
    figures = []
    geographies = ["cities", "even", *(["zips"] if options.zips else [])]
    for case in itertools.product((OURS, PEER), geographies, SPEAKERS):
        command = [sys.executable, __file__, "--zips", options.zips, "--measure", *map(str, case)]
        figures.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(figures[-1], flush=True)
    versions = f"numpy {np.__version__}, scikit-learn {sklearn.__version__}, Python {platform.python_version()}"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {versions}"
    result = {"machine": machine, "figures": figures}
    write_json(result, RESULTS / "geographic_tree.json")
    with atomic_path(RESULTS / "geographic_tree.md") as temporary:
        temporary.write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
