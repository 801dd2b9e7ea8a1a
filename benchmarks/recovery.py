"""How well does each cohort rule find the planted dialects, for how many speakers?

    python benchmarks/recovery.py [--speakers 240 1000] [--sampling stratified natural] [--seeds 20] [--processes 2]

Cohorts are discovered on Atlas populations with planted error rates (`recovery_population`: no audio, no recogniser, so
that many corpora can be drawn), through the path that the pipeline takes: `discover` on the speakers of discovery,
`worst_cohorts` until they hold 15 % of them, and `score_recovery` on the speakers of test. What a trained recogniser
makes of it, one corpus and one seed, `isogloss score` says.

Written to `benchmarks/results/recovery.{json,md,svg}`: mean over seeds and 95 % t interval of adjusted Rand index,
recall and precision beside chance, and of the relative gap between bottom and top cohort on discovery and on test.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from recovery_population import PLANTED, World, disadvantaged, draw_world
from recovery_report import as_markdown, as_svg
from scipy.stats import t

from isogloss.cohorts import discover
from isogloss.cohorts.automatic import AutomaticParams
from isogloss.cohorts.geodemographic import GeodemographicParams
from isogloss.cohorts.geographic import GeographicParams
from isogloss.config import MitigationParams, Params, StatisticsParams
from isogloss.corpus.atlas.description import Description, read_description
from isogloss.judging import error_rate
from isogloss.judging.recovery import score_recovery
from isogloss.judging.worst import worst_cohorts
from isogloss.tables import atomic_path, write_json

RESULTS = Path(__file__).parent / "results" / "recovery"
DESCRIPTION = Path(__file__).parents[1] / "corpora" / "atlas.yaml"
Sampling = Literal["stratified", "natural"]
APART = (2.0, 4.0, 8.0)
"""Distances between dialects in the made-up embeddings."""

FEW_DRAWS = StatisticsParams(resamples=200)
"""Recovery needs no intervals; discovery makes them nevertheless."""
VARIANTS: dict[str, tuple[str, str, Params]] = {
    "geographic": ("geographic", "geographic", Params(statistics=FEW_DRAWS)),
    "geographic, up to 30 leaves": (
        "geographic",
        "geographic",
        Params(statistics=FEW_DRAWS, geographic=GeographicParams(max_leaves=30)),
    ),
    "geographic, alpha 0.05": (
        "geographic",
        "geographic",
        Params(statistics=FEW_DRAWS, geographic=GeographicParams(alpha=0.05)),
    ),
    "geodemographic": (
        "geodemographic",
        "geodemographic",
        Params(statistics=FEW_DRAWS, geodemographic=GeodemographicParams(min_speakers=24)),
    ),
    **{
        f"automatic, dialects {apart:g} apart, {clusters} clusters": (
            "automatic",
            f"automatic {apart:g}",
            Params(
                statistics=FEW_DRAWS,
                automatic=AutomaticParams(n_clusters=clusters, normalization="none", error_weight=0.0),
            ),
        )
        for apart, clusters in ((2.0, 10), (4.0, 10), (4.0, "auto"), (8.0, 10))
    },
    "attribute (age band)": ("attribute", "attribute", Params(statistics=FEW_DRAWS)),
}
"""Name, rule, its input, its params: the defaults but for what the name says, and plain k-means of made-up voices."""

SCORES = (
    "cohorts",
    "adjusted_rand",
    "recall",
    "chance_recall",
    "precision",
    "chance_precision",
    "gap_on_discovery",
    "gap_on_test",
)


@cache
def description() -> Description:
    """Atlas as it is committed."""
    return read_description(DESCRIPTION)


def one_world(job: tuple[int, int, Sampling]) -> list[dict[str, Any]]:
    """The scores of all variants in one corpus."""
    speakers, seed, sampling = job
    world = draw_world(description(), speakers, seed, APART, sampling)
    return [
        {"variant": name, "sampling": sampling, "speakers": speakers, "seed": seed, **_scores(world, *variant)}
        for name, variant in VARIANTS.items()
    ]


def _scores(world: World, rule: str, source: str, params: Params) -> dict[str, float | None]:
    """The scores of one variant."""
    found = discover(rule, params, world.inputs[source], world.results)
    worst = worst_cohorts(found.summary, MitigationParams().worst_share) if len(found.summary["worst"]) > 1 else []
    test = world.results["split"] == "test"
    ids = world.results.loc[test, "utterance_id"]
    cohorts = found.assignments[found.assignments["utterance_id"].isin(ids)]
    recovery = score_recovery(cohorts, world.truth, worst)
    gaps = {split: _gap(world.results, found.assignments, found.summary, split) for split in ("discovery", "test")}
    return {
        "cohorts": len(found.summary["worst"]),
        "adjusted_rand": recovery.adjusted_rand,
        "recall": recovery.recall,
        "chance_recall": recovery.chance_recall,
        "precision": recovery.precision,
        "chance_precision": recovery.chance_precision,
        "gap_on_discovery": gaps["discovery"],
        "gap_on_test": gaps["test"],
    }


def _gap(results: pd.DataFrame, assignments: pd.DataFrame, summary: dict[str, Any], split: str) -> float | None:
    """Relative gap between the worst and the best cohort of discovery; None without two, or without errors."""
    if len(summary["worst"]) < 2:
        return None
    rows = results[results["split"] == split].merge(assignments[["utterance_id", "cohort"]], on="utterance_id")
    bottom, top = (
        error_rate(rows[rows["cohort"] == summary["worst"][place]]) if len(rows) else np.nan for place in (0, -1)
    )
    return float(bottom / top - 1) if top > 0 else None


def summarised(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Mean and interval over seeds, of each score of each variant, sampling and size.

    Of gaps the median, which one top cohort almost without errors does not move.
    """
    result = []
    for (variant, sampling, speakers), group in rows.groupby(["variant", "sampling", "speakers"], sort=False):
        entry: dict[str, Any] = {
            "variant": variant,
            "sampling": sampling,
            "speakers": speakers,
            "seeds": len(group),
        }
        for score in SCORES:
            values = group[score].dropna().to_numpy(np.float64)
            if score.startswith("gap"):
                entry[score] = {"median": round(float(np.median(values)), 4) if len(values) else None}
            else:
                entry[score] = _mean(values)
        result.append(entry)
    return result


def _mean(values: NDArray[np.float64]) -> dict[str, float | None]:
    """Mean and half of its 95 % t interval."""
    if not len(values):
        return {"mean": None, "half": None}
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return {"mean": round(float(values.mean()), 4), "half": round(float(half), 4)}


def main() -> None:
    """Draw, discover, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speakers", type=int, nargs="+", default=[240, 1000])
    parser.add_argument("--sampling", nargs="+", choices=get_args(Sampling), default=list(get_args(Sampling)))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS, help="path without suffix")
    options = parser.parse_args()
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"
    # The largest first, so that no process waits long at the end.
    jobs = [
        (size, seed, sampling)
        for size in sorted(options.speakers, reverse=True)
        for sampling in options.sampling
        for seed in range(1, options.seeds + 1)
    ]
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        rows = pd.DataFrame([row for found in pool.map(one_world, jobs) for row in found])
    order = {name: number for number, name in enumerate(VARIANTS)}
    rows = rows.assign(order=rows["variant"].map(order)).sort_values(["order", "sampling", "speakers", "seed"])
    result = {
        "planted": {name: {"rate": p.rate, "dispersion": p.dispersion} for name, p in PLANTED.items()},
        "disadvantaged": sorted(disadvantaged(description())),
        "seeds": options.seeds,
        "results": summarised(rows),
    }
    write_json(result, options.out.with_suffix(".json"))
    for suffix, render in ((".md", as_markdown), (".svg", as_svg)):
        with atomic_path(options.out.with_suffix(suffix)) as page:
            page.write_text(render(result), encoding="utf-8")


if __name__ == "__main__":
    main()
