"""Do the intervals hold, do the tests keep their level, and how fast is the bootstrap?

    python benchmarks/statistics_coverage.py [--parts coverage spread null speed] [--simulations 2000] [--null-runs 400]

Four parts, written to `benchmarks/results/statistics_coverage.{json,md,svg}`:

- coverage of nominal 95 % intervals for one system, two systems and two groups, by the studentised bootstrap of
  `isogloss.judging.statistics`, the percentile bootstrap over speakers, and the one over utterances;
- coverage of intervals for the change of the spread over six cohorts;
- a null simulation: cohorts discovered by the geographic rule (`discover`, then `disparities` on test) where there is
  no disparity, and how often a cohort is then claimed to be worse than the rest, or harmed by a system that changes
  nothing;
- time (on one core) and memory of 10,000 draws of 100,000 speakers in 50 cohorts.

The population is that of `statistics_population`.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statistics_population import CHANGE, Sample, simulate, true_rate
from statistics_report import as_markdown, as_svg

from isogloss.cohorts import discover
from isogloss.cohorts.geographic import GeographicParams
from isogloss.config import Params, StatisticsParams
from isogloss.judging import Grouping, compare, disparities
from isogloss.judging.statistics import bootstrap
from isogloss.judging.statistics import estimands as of
from isogloss.tables import atomic_path, read_json, write_json

Array = NDArray[np.float64]

RESULTS = Path(__file__).parent / "results" / "statistics_coverage"
SPEAKERS = (5, 10, 14, 20, 40, 100)
BASE_RATES = (0.03, 0.08, 0.25)
RATIO = 1.5
DRAWS = 1000
PERCENTILE_DRAWS = 500
NULL_PARAMS = Params(
    geographic=GeographicParams(max_leaves=12, min_speakers=20, min_words=200),
    statistics=StatisticsParams(resamples=200),
)
SPREAD_RATES = (0.05, 0.06, 0.07, 0.08, 0.10, 0.18)
SPREAD_FACTORS = (1.0, 1.0, 1.0, 1.0, 0.9, 0.7)


FIGURES: dict[str, Callable[[list[Array]], Array]] = {
    "rate": lambda sums: sums[0][:, 0] / sums[0][:, 1],
    "difference": lambda sums: sums[0][:, 2] / sums[0][:, 3] - sums[0][:, 0] / sums[0][:, 1],
    "relative change": lambda sums: sums[0][:, 2] / sums[0][:, 0] - 1,
    "ratio of groups": lambda sums: sums[1][:, 0] / sums[1][:, 1] / (sums[0][:, 0] / sums[0][:, 1]),
}


def cover(job: tuple[int, float, int]) -> list[dict[str, Any]]:
    """Coverage and length of each method's intervals, for one number of speakers and one base rate."""
    speakers, base, simulations = job
    rng = np.random.default_rng([speakers, round(1000 * base)])
    truths = {
        "rate": true_rate(base),
        "difference": CHANGE * true_rate(base),
        "relative change": CHANGE,
        "ratio of groups": RATIO,
    }
    intervals: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for run in range(simulations):
        samples = [simulate(speakers, base, rng), simulate(speakers, RATIO * base, rng)]
        groups = [sample.by_speaker for sample in samples]
        estimates = bootstrap(
            groups, [of.rate(), of.difference(), of.relative_change()], resamples=DRAWS, seed=run
        ) + bootstrap([g[:, :2] for g in reversed(groups)], [of.ratio_of_groups()], resamples=DRAWS, seed=run)
        for name, estimate in zip(FIGURES, estimates, strict=True):
            found = estimate.interval or [np.nan, np.nan]
            intervals.setdefault((name, "studentised"), []).append((found[0], found[1]))
        for method, units in (("percentile", groups), ("utterances", [sample.totals for sample in samples])):
            sums = [_resample(values, rng) for values in units]
            for name, figure in FIGURES.items():
                with np.errstate(divide="ignore", invalid="ignore"):
                    low, high = np.nanquantile(figure(sums), [0.025, 0.975])
                intervals.setdefault((name, method), []).append((low, high))
    return [
        {"speakers": speakers, "base_rate": base, "figure": name, "method": method, **_summary(found, truths[name])}
        for (name, method), found in intervals.items()
    ]


def cover_spread(job: tuple[int, int]) -> list[dict[str, Any]]:
    """Coverage of the intervals for the change of the spread, for one number of speakers in each of six cohorts."""
    speakers, simulations = job
    rng = np.random.default_rng([speakers, 7])
    measures = {
        "mean": of.mean_rate,
        "max": of.largest_rate,
        "variance": of.variance_of_rates,
        "relative gap": of.relative_gap(len(SPREAD_RATES) - 1, 0),
    }
    rates = np.array(SPREAD_RATES)[:, None]
    truths = {}
    for name, measure in measures.items():
        before, after = measure(rates)[0][0], measure(rates * np.array(SPREAD_FACTORS)[:, None])[0][0]
        truths[name] = after / before - 1
    wanted = [of.change_of_spread(measure, range(len(rates))) for measure in measures.values()]
    intervals: dict[str, list[tuple[float, float]]] = {name: [] for name in measures}
    for run in range(simulations):
        groups = [
            simulate(speakers, base, rng, change=factor - 1).by_speaker
            for base, factor in zip(SPREAD_RATES, SPREAD_FACTORS, strict=True)
        ]
        for name, estimate in zip(measures, bootstrap(groups, wanted, resamples=DRAWS, seed=run), strict=True):
            found = estimate.interval or [np.nan, np.nan]
            intervals[name].append((found[0], found[1]))
    return [
        {"speakers": speakers, "figure": name, "truth": float(truths[name]), **_summary(found, truths[name])}
        for name, found in intervals.items()
    ]


def _resample(units: Array, rng: np.random.Generator) -> Array:
    """Totals of draws of independent units, (draws, 4); what the percentile methods need."""
    taken = rng.integers(0, len(units), (PERCENTILE_DRAWS, len(units)))
    taken += np.arange(PERCENTILE_DRAWS)[:, None] * len(units)
    counts = np.bincount(taken.ravel(), minlength=taken.size).reshape(taken.shape)
    return counts @ units


def _summary(intervals: list[tuple[float, float]], truth: float) -> dict[str, Any]:
    """Share of the intervals that hold the truth, among those that exist; their median length; how many exist."""
    low, high = np.array(intervals).T
    exist = np.isfinite(low) & np.isfinite(high)
    inside = (low <= truth) & (truth <= high)
    return {
        "coverage": round(float(inside[exist].mean()), 4) if exist.any() else None,
        "median_length": round(float(np.median((high - low)[exist])), 4) if exist.any() else None,
        "intervals": int(exist.sum()),
        "simulations": len(intervals),
    }


def null_run(seed: int) -> dict[str, Any]:
    """One world without disparity: who is claimed to be worse, by which procedure; who is said to be harmed."""
    rng = np.random.default_rng([seed, 11])
    towns = np.stack([rng.uniform(30, 48, 24), rng.uniform(-120, -75, 24)], axis=1)
    samples = {name: simulate(400, 0.08, rng, change=0.0) for name in ("discovery", "test")}
    tables = []
    for name, sample in samples.items():
        places = towns[rng.integers(0, 24, 400)] + rng.normal(0, 0.3, (400, 2))
        table = sample.as_table(0).assign(split=name)
        table[["latitude", "longitude"]] = places[sample.speaker]
        tables.append(table.assign(**{column: name + table[column] for column in ("utterance_id", "speaker_id")}))
    results = pd.concat(tables, ignore_index=True)
    inputs = results[["utterance_id", "speaker_id", "split", "latitude", "longitude"]]
    assigned = discover("geographic", NULL_PARAMS, inputs, results).assignments["cohort"].to_numpy(object)
    cohorts = {name: assigned[(results["split"] == name).to_numpy()] for name in samples}
    found = samples["discovery"]
    rates = {name: _relative_rates(sample, cohorts[name]) for name, sample in samples.items()}
    worst = max(rates["discovery"], key=lambda name: rates["discovery"][name])
    test = samples["test"]
    utterances = replace(test, speaker=np.arange(len(test.speaker)))
    return {
        "honest": _claims(test, cohorts["test"], seed),
        "utterances as units": _claims(utterances, cohorts["test"], seed),
        "tested where chosen": _claims(found, cohorts["discovery"], seed),
        "harmed": _harms(test, cohorts["test"], seed),
        "worst_on_discovery": rates["discovery"][worst],
        "worst_on_test": rates["test"].get(worst, np.nan),
    }


def _relative_rates(sample: Sample, cohorts: NDArray[np.object_]) -> dict[str, float]:
    """Each cohort's error rate over the overall one."""
    sums = pd.DataFrame(sample.totals[:, :2]).groupby(cohorts).sum()
    overall = sums[0].sum() / sums[1].sum()
    return {str(name): float(rate) for name, rate in (sums[0] / sums[1] / overall).items()}


def _claims(sample: Sample, cohorts: NDArray[np.object_], seed: int) -> bool:
    """Whether `disparities` says that any cohort is worse than the rest."""
    found = disparities(
        sample.as_table(0).assign(region=cohorts.astype(str)),
        cohort="region",
        statistics=StatisticsParams(resamples=200, permutations=500, seed=seed),
    )
    return any(one.worse(confidence=0.95) for one in found)


def _harms(sample: Sample, cohorts: NDArray[np.object_], seed: int) -> bool:
    """Whether `compare` says that a system that changes nothing harms a cohort."""
    before, after = sample.as_table(0), sample.as_table(2)
    found = compare(
        before,
        after,
        [Grouping("geographic", pd.Series(cohorts.astype(str)))],
        statistics=StatisticsParams(resamples=200, permutations=500, seed=seed),
        min_speakers=5,
        against_rest=False,
    )
    return bool(found.groupings[0].harmed_cohorts)


def speed(_: None) -> dict[str, Any]:
    """Time and memory of 10,000 draws of 100,000 speakers in 50 cohorts: 150 intervals and four of the spread."""
    rng = np.random.default_rng(0)
    groups = []
    for _cohort in range(50):
        words = rng.poisson(40, 2000) + 1.0
        rate = 0.1 * rng.gamma(2.0, 0.5, 2000)
        groups.append(np.stack([rng.poisson(words * rate), words, rng.poisson(0.8 * words * rate), words], axis=1))
    wanted = [e for g in range(50) for e in (of.rate(g), of.rate(g, column=2), of.relative_change(g))]
    for measure in (of.mean_rate, of.largest_rate, of.variance_of_rates, of.relative_gap(0, 49)):
        wanted.append(of.change_of_spread(measure, range(50)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, busy = time.perf_counter(), time.process_time()
    bootstrap(groups, wanted, resamples=10_000)
    return {
        "draws": 10_000,
        "speakers": 100_000,
        "cohorts": 50,
        "intervals": len(wanted),
        "wall_s": round(time.perf_counter() - started, 2),
        "processor_s": round(time.process_time() - busy, 2),
        "added_memory_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024),
    }


def measure_coverage(pool: Executor, simulations: int) -> dict[str, Any]:
    """Coverage for one system, two systems, two groups."""
    jobs = [(speakers, base, simulations) for base in BASE_RATES for speakers in sorted(SPEAKERS, reverse=True)]
    rows = [row for found in pool.map(cover, jobs) for row in found]
    return {"coverage": sorted(rows, key=lambda row: (row["base_rate"], row["figure"], row["speakers"]))}


def measure_spread(pool: Executor, simulations: int) -> dict[str, Any]:
    """Coverage for the spread over cohorts."""
    rows = [row for found in pool.map(cover_spread, [(n, simulations) for n in (100, 40, 20)]) for row in found]
    return {"spread": sorted(rows, key=lambda row: (row["figure"], row["speakers"]))}


def measure_null(pool: Executor, runs: int) -> dict[str, Any]:
    """False claims where there is no disparity."""
    found = pd.DataFrame(list(pool.map(null_run, range(runs), chunksize=10)))
    claims = ["honest", "utterances as units", "tested where chosen", "harmed"]
    worst = {split: round(float(found[f"worst_on_{split}"].mean()), 3) for split in ("discovery", "test")}
    shares = {name: round(float(found[name].mean()), 4) for name in claims}
    return {"null": {"runs": runs, "share_of_runs": shares, "worst_cohort_relative_to_overall": worst}}


PARTS = ("coverage", "spread", "null", "speed")


def main() -> None:
    """Run the parts that are asked for and keep the results of the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--null-runs", type=int, default=400)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="the others keep their results")
    options = parser.parse_args()
    path = RESULTS.with_suffix(".json")
    result: dict[str, Any] = read_json(path) if path.exists() else {}
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the workers: small products are slower on many threads
    parts: dict[str, Callable[[Executor], dict[str, Any]]] = {
        "coverage": lambda pool: measure_coverage(pool, options.simulations),
        "spread": lambda pool: measure_spread(pool, options.simulations),
        "null": lambda pool: measure_null(pool, options.null_runs),
        "speed": lambda pool: {"speed": pool.submit(speed, None).result()},
    }
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for part in options.parts:
            result |= parts[part](pool)
            write_json({**result, "draws": DRAWS}, path)
    if set(PARTS) <= set(result):
        for suffix, render in ((".md", as_markdown), (".svg", as_svg)):
            with atomic_path(RESULTS.with_suffix(suffix)) as page:
                page.write_text(render({**result, "draws": DRAWS}), encoding="utf-8")


if __name__ == "__main__":
    main()
