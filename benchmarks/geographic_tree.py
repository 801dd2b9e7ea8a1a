"""Speed, memory and fit of `GeographicTree` beside scikit-learn's DecisionTreeRegressor.

    python benchmarks/geographic_tree.py [--zips zcta_demographics.csv]

Both grow 126 leaves best-first on the same rows at distinct positions, with the same bound on leaves (at least 200
rows, each a speaker of its own) and the same weights (reference words); the criterion is the weighted squared error
for both. Ours also describes its leaves (interval, colour). Three geographies, one million utterances each: `cities`
(a few hundred cities of very different size in an empty country), `even` (nobody lives anywhere in particular) and,
with --zips, `zips` (people around the centroids of real ZIP code areas, by population). Then ours with ten utterances
at ten positions for every speaker, where leaves are bounded by distinct speakers, which scikit-learn cannot; and ours
with ten million utterances.

Each case runs in processes of its own, the two trees in turns. Time is the least over all fits (of one with ten million
rows), wall clock and CPU: on a machine that has other work the wall clock says little, the CPU time (both trees use one
thread) still compares. Memory is the peak of the whole process, data included (Linux only).
"""

import argparse
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
LEAF_ROWS = 200
ROUNDS = 3
MILLION = 1_000_000
RESULTS = Path(__file__).parent / "results"
Floats = NDArray[np.float64]


def positions(geography: str, rows: int, zips: str, rng: np.random.Generator) -> Floats:
    """Distinct positions, shape (rows, 2)."""
    if geography == "even":
        return np.column_stack([rng.uniform(25, 49, rows), rng.uniform(-125, -67, rows)])
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
    place = rng.choice(len(centres), rows, p=people / people.sum())
    return centres[place] + rng.normal(0, spread, (rows, 2))


def corpus(geography: str, rows: int, zips: str) -> tuple[Floats, Floats, Floats]:
    """Positions, error rates and words: rates vary smoothly over the map, and one region is much worse."""
    rng = np.random.default_rng(1)
    X = positions(geography, rows, zips, rng)
    words = rng.integers(3, 15, rows)
    rate = 0.1 + 0.05 * np.sin(X[:, 0] / 3) + 0.05 * np.cos(X[:, 1] / 7)
    rate += 0.15 * ((X[:, 0] < 33) & (X[:, 1] < -97))
    return X, rng.binomial(words, np.clip(rate, 0, 1)) / words, words.astype(np.float64)


def reduction(y: Floats, weight: Floats, groups: NDArray[Any]) -> float:
    """Reduction of the weighted squared error of y by the means of groups."""
    codes = pd.factorize(groups)[0]
    total, sums = np.bincount(codes, weight), np.bincount(codes, weight * y)
    return float((sums**2 / total).sum() - (weight * y).sum() ** 2 / weight.sum())


def measure(case: str, geography: str, rows: int, repeats: int, zips: str) -> dict[str, Any]:
    """Fit `repeats` times in this process; the least times, the peak memory, and what the tree explains."""
    X, y, weight = corpus(geography, rows, zips)
    wall, cpu = [], []
    for _ in range(repeats):
        ours = GeographicTree(max_leaves=LEAVES, min_speakers=LEAF_ROWS, min_words=1)
        groups = np.arange(rows) // 10 if case == "isogloss, ten positions a speaker" else None
        peer = DecisionTreeRegressor(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS)
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        if case == "scikit-learn":
            peer.fit(X, y, weight)
        else:
            ours.fit(X, y, weight, groups=groups)
        wall.append(time.perf_counter() - wall_start)
        cpu.append(time.process_time() - cpu_start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    leaves = peer.apply(X) if case == "scikit-learn" else ours.predict(X)
    return {
        "case": case,
        "geography": geography,
        "rows": rows,
        "wall_s": round(min(wall), 3),
        "cpu_s": round(min(cpu), 3),
        "peak_gib": round(peak, 2),
        "leaves": len(np.unique(leaves.astype(str) if leaves.dtype == object else leaves)),
        "reduction": reduction(y, weight, leaves),
    }


def cases(zips: str) -> list[tuple[str, str, int, int]]:
    """Case, geography, rows, fits of each process, in order."""
    geographies = ["cities", "even", *(["zips"] if zips else [])]
    in_turns = [
        (case, geography, MILLION, fits)
        for geography in geographies
        for _ in range(ROUNDS)
        for case, fits in (("isogloss", 5), ("scikit-learn", 1))
    ]
    return [
        *in_turns,
        ("isogloss, ten positions a speaker", "cities", MILLION, 5),
        ("isogloss", "cities", 10 * MILLION, 1),
    ]


def merged(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One figure for each case: the least time and the largest memory of its processes."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for figure in figures:
        known = groups.setdefault((figure["case"], figure["geography"], figure["rows"]), dict(figure))
        for key in ("wall_s", "cpu_s"):
            known[key] = min(known[key], figure[key])
        known["peak_gib"] = max(known["peak_gib"], figure["peak_gib"])
    return list(groups.values())


def compared(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each geography's ratios of the two trees."""
    of = {(figure["case"], figure["geography"], figure["rows"]): figure for figure in figures}
    pairs = []
    for geography in dict.fromkeys(figure["geography"] for figure in figures):
        ours, peer = (of[case, geography, MILLION] for case in ("isogloss", "scikit-learn"))
        pairs.append(
            {
                "geography": geography,
                "times_faster_wall": round(peer["wall_s"] / ours["wall_s"], 1),
                "times_faster_cpu": round(peer["cpu_s"] / ours["cpu_s"], 1),
                "share_of_reduction": round(ours["reduction"] / peer["reduction"], 4),
            }
        )
    return pairs


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        "# GeographicTree beside scikit-learn's DecisionTreeRegressor",
        "",
        f"`python benchmarks/geographic_tree.py`, {result['machine']}. {LEAVES} leaves of at least {LEAF_ROWS} rows.",
        "",
        "| tree | geography | utterances | wall s | CPU s | peak GiB | leaves |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(
            f"| {f['case']} | {f['geography']} | {f['rows']:,} | {f['wall_s']} | {f['cpu_s']} | {f['peak_gib']} "
            f"| {f['leaves']} |"
            for f in result["figures"]
        ),
        "",
        "| geography | times faster (wall) | times faster (CPU) | share of scikit-learn's error reduction |",
        "|---|---:|---:|---:|",
        *(
            f"| {c['geography']} | {c['times_faster_wall']} | {c['times_faster_cpu']} | {c['share_of_reduction']:.2%} |"
            for c in result["compared"]
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure everything and write benchmarks/results/geographic_tree.{json,md}."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zips", default="", help="CSV with latitude, longitude and total_population of ZIP areas")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        case, geography, rows, repeats = options.measure
        print(json.dumps(measure(case, geography, int(rows), int(repeats), options.zips)))
        return
    figures = []
    for case in cases(options.zips):
        command = [sys.executable, __file__, "--zips", options.zips, "--measure", *map(str, case)]
        figures.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(figures[-1], flush=True)
    versions = f"numpy {np.__version__}, scikit-learn {sklearn.__version__}, Python {platform.python_version()}"
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {versions}"
    figures = merged(figures)
    result = {"machine": machine, "figures": figures, "compared": compared(figures)}
    write_json(result, RESULTS / "geographic_tree.json")
    with atomic_path(RESULTS / "geographic_tree.md") as temporary:
        temporary.write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    main()
