"""Do intervals and tests hold on the pairs that a run really has, speakers who decide alone and all?

    python benchmarks/statistics_pairs.py [--parts designed random recorded] [--run FOLDER] [--simulations 400]

The speakers of a cohort, each with errors and words before and after, are taken for the whole population: as many are
drawn from them with replacement, again and again, and it is counted how often the interval of the relative change
holds the change of the cohort itself. For the type-I errors the cohort is first given a change of exactly 0, by
multiplying its errors after. Four kinds of cohorts:

- `designed`: with the weights of the first Atlas (1.63 and 0.2, rates 18 times apart) and others, with and without
  speakers who change unlike all others;
- `random`: many populations, by how many speakers decide on the change;
- `recorded`: the 60 speakers of EdAcc (`$ISOGLOSS_DATA/edacc-transcripts`) under each two of five recognisers, with the
  insertion loops of single speakers; each speaker alike, and weighted so that each accent counts the same;
- `run`: with --run, every cohort of every rule and method of a finished pipeline (results/asr, cohorts), under both
  estimands; only the sums of speakers are read.

Written to `benchmarks/results/statistics_pairs.{json,md}`; parts that are not asked for keep their results.
"""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statistics_alternatives import ALTERNATIVES, alternatives
from statistics_pairs_report import as_markdown

from isogloss.config import StatisticsParams, load_params
from isogloss.io.normalise import normalise
from isogloss.judging import word_errors
from isogloss.judging.pairing import cohorts_of, pair_utterances, sums_by_cohort, totals_of
from isogloss.judging.statistics import bootstrap, effective_speakers, sign_flip
from isogloss.judging.statistics import estimands as of
from isogloss.judging.system import of_split, read_rules
from isogloss.tables import atomic_path, read_json, read_parquet, write_json

Array = NDArray[np.float64]

RESULTS = Path(__file__).parent / "results" / "statistics_pairs"
DRAWS, PERMUTATIONS = 300, 200
LIMITS = StatisticsParams()
PARTS = ("designed", "random", "recorded")
DESIGNS: dict[str, dict[str, Any]] = {
    "10 speakers of weight 1.63 and 26 of 0.2, rates x 18": {"heavy": 10, "light": 26},
    "the same, one heavy speaker changes alone": {"heavy": 10, "light": 26, "alone": 1},
    "the same, each speaker alike": {"heavy": 10, "light": 26, "alone": 1, "alike": True},
    "20 and 40 speakers of these weights": {"heavy": 20, "light": 40},
    "the same, one heavy speaker changes alone (20 and 40)": {"heavy": 20, "light": 40, "alone": 1},
    "40 and 80 speakers of these weights": {"heavy": 40, "light": 80},
    "30 speakers alike": {"heavy": 30, "light": 0, "rate": 0.1, "alike": True},
    "the same, one speaker changes alone (30)": {"heavy": 30, "light": 0, "rate": 0.1, "alone": 1, "alike": True},
    "100 speakers alike": {"heavy": 100, "light": 0, "rate": 0.1, "alike": True},
}


@dataclass(frozen=True)
class Cohort:
    """Totals of some speakers before and after, weights multiplied in, and the weights."""

    name: str
    totals_SK: Array
    weight_S: Array


def draw_cohort(
    name: str,
    seed: int,
    *,
    heavy: int,
    light: int,
    weights: tuple[float, float] = (1.63, 0.2),
    rate: float = 0.03,
    times: float = 18.0,
    words: int = 30,
    alone: int = 0,
    alike: bool = False,
) -> Cohort:
    """Speakers of two strata; a quarter of the errors is other after than before; `alone` heavy ones gain 10 errors."""
    rng = np.random.default_rng(seed)
    weight_S = np.repeat(weights, (heavy, light))
    rate_S = np.minimum(np.repeat([rate, rate * times], (heavy, light)) * rng.gamma(2.0, 0.5, heavy + light), 0.95)
    words_S = rng.poisson(words, heavy + light) + 3
    before_S = rng.binomial(words_S, rate_S)
    after_S = rng.binomial(before_S, 0.75) + rng.poisson(0.25 * words_S * rate_S)
    after_S[:alone] = before_S[:alone] + 10
    totals_SK = np.stack([before_S, words_S, after_S, words_S], axis=1).astype(np.float64)
    weight_S = np.ones(len(weight_S)) if alike else weight_S
    return Cohort(name, totals_SK * weight_S[:, None], weight_S)


def designed() -> Iterator[Cohort]:
    """The cohorts of `DESIGNS`, two of each."""
    for name, design in DESIGNS.items():
        for seed in (1, 2):
            yield draw_cohort(name, seed, **design)


def random_cohorts(number: int) -> Iterator[Cohort]:
    """Populations of all kinds: sizes, weights, rates, and speakers who change alone."""
    rng = np.random.default_rng(11)
    while number:
        heavy, light = int(rng.integers(8, 60)), int(rng.integers(0, 60))
        options: dict[str, Any] = {
            "weights": (1.0, 1 / float(rng.choice([1, 2, 4, 8]))),
            "rate": float(rng.choice([0.03, 0.08, 0.2])),
            "times": float(rng.choice([1, 3, 10])),
            "alone": int(rng.choice([0, 0, 0, 1, 2, 3])),
            "words": int(rng.choice([15, 30, 80])),
        }
        cohort = draw_cohort("random", int(rng.integers(1 << 30)), heavy=heavy, light=light, **options)
        if effective_speakers(cohort.weight_S) >= LIMITS.min_speakers:
            number -= 1
            yield cohort


def recorded_cohorts() -> Iterator[Cohort]:
    """The speakers of EdAcc under each two of its recognisers."""
    folder = Path(os.environ.get("ISOGLOSS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    table = pd.read_json(folder / "edacc-transcripts" / "transcripts.jsonl.gz", lines=True)
    table = table[~table["ref"].str.contains("<FOREIGN>|IGNORE_TIME_SEGMENT_IN_SCORING")]
    steps = ("lower", "brackets", "punctuation")
    references, speaker = normalise(table["ref"].tolist(), steps), table["speaker_id"].to_numpy()
    sums = {}
    for name in [column for column in table if column.startswith("hyp_")]:
        counts = word_errors(references, normalise(table[name].tolist(), steps))
        errors = counts.drop(columns="words").sum(axis=1)
        by_speaker = pd.DataFrame({"errors": errors, "words": counts["words"]}).groupby(speaker).sum()
        sums[name.removeprefix("hyp_")] = by_speaker.to_numpy(np.float64)
    accent = table.groupby("speaker_id")["accent"].first()
    each_accent = 1 / accent.map(accent.value_counts()).to_numpy(np.float64)
    for first, second in combinations(sums, 2):
        totals = np.concatenate([sums[first], sums[second]], axis=1)
        for said, weight_S in (("speakers alike", np.ones(len(totals))), ("accents alike", each_accent)):
            yield Cohort(f"{first} to {second}, {said}", totals * weight_S[:, None], weight_S)


def cohorts_of_run(root: Path) -> Iterator[Cohort]:
    """Every cohort of every rule and method of a pipeline on test, under both estimands."""
    params = load_params(root / "params.yaml")
    base = of_split(read_parquet(root / "results/asr/base/utterances.parquet", ["utterance_id"]), "test")
    for method in params.mitigation.methods:
        after = of_split(read_parquet(root / f"results/asr/{method}/utterances.parquet", ["utterance_id"]), "test")
        for estimand in ("population", "speakers"):
            pairs = pair_utterances(base, after, alike=estimand == "speakers")
            for rule, found in read_rules(root / "cohorts", params).items():
                sums = sums_by_cohort(pairs, cohorts_of(pairs["utterance_id"], found.assignments))
                for number, name in enumerate(sorted(sums["cohort"].unique()), start=1):
                    part = sums[sums["cohort"] == name]
                    if len(part) >= LIMITS.min_speakers:
                        label = f"{method}, {rule} cohort {number}, {estimand}"
                        yield Cohort(label, totals_of(part), part["weight"].to_numpy(np.float64))


def study(job: tuple[Cohort, int]) -> dict[str, Any]:
    """What intervals and claims do on resamples of one cohort."""
    cohort, simulations = job
    rng = np.random.default_rng(len(cohort.totals_SK))
    totals = cohort.totals_SK
    whole = bootstrap([totals], [of.relative_change()], resamples=DRAWS)[0]
    null = totals.copy()
    null[:, 2] *= (totals[:, 0].sum() / totals[:, 1].sum()) / (totals[:, 2].sum() / totals[:, 3].sum())
    held: dict[str, list[bool]] = {name: [] for name in ("ours", *ALTERNATIVES)}
    claims: dict[str, list[bool]] = {name: [] for name in ("improved", "harmed", "flips improved", "flips harmed")}
    for number in range(simulations):
        taken = rng.integers(0, len(totals), len(totals))
        found = bootstrap([totals[taken]], [of.relative_change()], resamples=DRAWS, seed=number)[0].interval
        if found is not None and whole.value is not None:
            held["ours"].append(found[0] <= whole.value <= found[1])
            for name, (low, high) in alternatives(totals[taken], rng).items():
                held[name].append(low <= whole.value <= high)
        for name, said in _claims(null[taken], number).items():
            claims[name].append(said)
    effective = effective_speakers(cohort.weight_S)
    deciding = whole.rests_on or 0.0
    return {
        "cohort": cohort.name,
        "speakers": len(totals),
        "effective": round(effective, 1),
        "deciding": round(deciding, 1),
        "inference": effective >= LIMITS.min_speakers and deciding >= LIMITS.min_deciding,
        "coverage": {name: round(float(np.mean(values)), 4) for name, values in held.items()},
        "claims": {name: round(float(np.mean(values)), 4) for name, values in claims.items()},
        "simulations": simulations,
    }


def _claims(totals: Array, seed: int) -> dict[str, bool]:
    """What a page would say of a cohort, by interval and sign flips together, and by sign flips alone."""
    estimate = bootstrap([totals], [of.relative_change()], resamples=DRAWS, seed=seed)[0]
    before, words, after, _ = totals.T
    p = sign_flip(before, after, words, permutations=PERMUTATIONS, seed=seed)
    low, high = estimate.interval or (-1.0, 1.0)
    change = estimate.value or 0.0
    return {
        "improved": p <= 0.05 and high < 0,
        "harmed": p <= 0.05 and low > 0,
        "flips improved": p <= 0.05 and change < 0,
        "flips harmed": p <= 0.05 and change > 0,
    }


def main() -> None:
    """Study the cohorts that are asked for and keep the results of the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="a repository whose pipeline has run")
    parser.add_argument("--simulations", type=int, default=400)
    parser.add_argument("--populations", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="the others keep their results")
    options = parser.parse_args()
    path = RESULTS.with_suffix(".json")
    result: dict[str, Any] = read_json(path) if path.exists() else {}
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    makers = {"designed": designed, "random": lambda: random_cohorts(options.populations), "recorded": recorded_cohorts}
    parts = {part: makers[part]() for part in options.parts}
    if options.run is not None:
        parts["run"] = cohorts_of_run(options.run)
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for part, cohorts in parts.items():
            simulations = options.simulations // 2 if part == "random" else options.simulations
            result[part] = list(pool.map(study, [(cohort, simulations) for cohort in cohorts]))
            write_json(result, path)
            with atomic_path(RESULTS.with_suffix(".md")) as page:
                page.write_text(as_markdown(result), encoding="utf-8")


if __name__ == "__main__":
    main()
