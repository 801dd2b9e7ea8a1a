"""Tests of the mitigation papers' claims on the runs of an experiment: our figure, its interval, a verdict.

Each run adapts one base model with one mitigation seed by every method. A claim is a relative change of one measure
between two systems on the same test speakers. Runs of one base model are averaged; the interval crosses base models and
speakers. Cohorts are those of the run's own base model, found on discovery. Measures: `overall`, `worst` (the worst
cohort on discovery), `variance` (over cohorts), `gap` (of the worst and the best cohort).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config.claim import BASE, Claim
from isogloss.config.experiment import PlanParams
from isogloss.errors import PipelineError
from isogloss.judging.pairing import cohorts_of, pair_utterances, sums_by_cohort, totals_of
from isogloss.judging.stage_files import read_summary
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics import mean_over_seeds
from isogloss.judging.statistics.estimands import Estimand
from isogloss.judging.system import of_split
from isogloss.judging.word_errors import ERROR_COLUMNS
from isogloss.studies.claims import Finding, p_value, with_verdicts
from isogloss.studies.deciding import mean_by_deciding_speakers
from isogloss.tables import read_parquet

Array = NDArray[np.float64]


@dataclass(frozen=True)
class JudgedRun:
    """The outputs of one run: result tables of its systems on test, and the cohorts of its base model.

    Attributes
    ----------
    tables
        System -> its result table.
    assignments
        `utterance_id, cohort`.
    summary
        The rule's summary.json.
    """

    tables: Mapping[str, pd.DataFrame]
    assignments: pd.DataFrame
    summary: Mapping[str, Any]


def read_run(output: Callable[[str], Path], *, methods: Sequence[str], rule: str) -> JudgedRun:
    """Read the outputs of a run; `output` returns the local file of an output's path."""
    return JudgedRun(
        tables={name: read_parquet(output(f"results/asr/{name}/utterances.parquet")) for name in (BASE, *methods)},
        assignments=read_parquet(output(f"cohorts/{rule}/assignments.parquet")),
        summary=read_summary(output(f"cohorts/{rule}/summary.json")),
    )


def judge(
    claims: Sequence[Claim], runs: Sequence[JudgedRun], plan: PlanParams, *, min_deciding: float | None = None
) -> list[Finding]:
    """Judge every claim whose systems all runs have.

    Parameters
    ----------
    min_deciding
        If given, degrees of freedom are counted by deciding speakers, and claims on which fewer decide have no interval
        (`isogloss.studies.deciding`); else by heads, as plans have had it.

    Raises
    ------
    PipelineError
        There is no run, or runs of one base model have different cohorts.
    """
    if not runs:
        raise PipelineError("no run is finished, so no claim can be judged; `isogloss sweep` runs the experiment")
    bases = bases_of(runs)
    mean = mean_over_seeds if min_deciding is None else partial(mean_by_deciding_speakers, min_deciding=min_deciding)
    findings = []
    for claim in claims:
        if not all({claim.method, claim.against} <= set(run.tables) for run in runs):
            continue
        first, other = (
            averaged([totals_for(run, claim.against, claim.method, claim.measure, alike=alike) for run in runs], bases)
            for alike in (plan.estimand == "speakers", plan.estimand != "speakers")
        )
        findings.append(
            Finding(
                claim,
                mean(first, confidence=plan.confidence),
                mean(other, confidence=plan.confidence),
                p_value(lambda level, parts=first: mean(parts, confidence=level), claim.limit),  # type: ignore[misc]
                len(runs),
                len(set(bases)),
            )
        )
    return with_verdicts(findings, plan)


def averaged(parts: Sequence[tuple[list[Array], Estimand]], bases: Sequence[int]) -> list[tuple[list[Array], Estimand]]:
    """Speakers' totals of each base model, averaged over its runs, so that base models are crossed with speakers."""
    found = []
    for base in dict.fromkeys(bases):
        same = [part for part, of_run in zip(parts, bases, strict=True) if of_run == base]
        groups = [np.mean([run[number] for run, _ in same], axis=0) for number in range(len(same[0][0]))]
        found.append((groups, same[0][1]))
    return found


def bases_of(runs: Sequence[JudgedRun]) -> list[int]:
    """The base model of each run, as the number of the first run with it; base models with equal errors are one.

    Raises
    ------
    PipelineError
        Runs of one base model have different cohorts.
    """
    seen: dict[bytes, int] = {}
    bases = []
    for number, run in enumerate(runs):
        table = run.tables[BASE].sort_values("utterance_id")[["utterance_id", "speaker_id", *ERROR_COLUMNS]]
        key = pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes()
        first = seen.setdefault(key, number)
        if not _same_cohorts(runs[first], run):
            raise PipelineError(
                f"runs {first + 1} and {number + 1} share a base model, but not its cohorts; discover them anew"
            )
        bases.append(first)
    return bases


def _same_cohorts(one: JudgedRun, other: JudgedRun) -> bool:
    """Whether two runs put all utterances in the same cohorts, ranked alike."""
    cohorts = [run.assignments.set_index("utterance_id")["cohort"].sort_index() for run in (one, other)]
    return cohorts[0].equals(cohorts[1]) and list(one.summary["worst"]) == list(other.summary["worst"])


def totals_for(
    run: JudgedRun, before: str, after: str, measure: str, *, alike: bool = False
) -> tuple[list[Array], Estimand]:
    """Speakers' totals of two systems in the groups that a measure needs, and the measure's estimand.

    With `alike` every speaker has the weight 1, else that of the population.
    """
    sides = [of_split(run.tables[name], "test") for name in (before, after)]
    if alike:
        sides = [side.assign(weight=1.0) for side in sides]
    pairs = pair_utterances(*sides)
    cohorts = cohorts_of(pairs["utterance_id"], run.assignments)
    if measure == "overall":
        everybody = pd.Series("all", index=pairs.index)
        return [totals_of(sums_by_cohort(pairs, everybody))], of.relative_change()
    sums = sums_by_cohort(pairs, cohorts)
    ranked = [name for name in run.summary["worst"] if (sums["cohort"] == name).any()]
    groups = [totals_of(sums[sums["cohort"] == name]) for name in ranked]
    if measure == "worst":
        return groups[:1], of.relative_change()
    spread = of.variance_of_rates if measure == "variance" else of.relative_gap(0, len(ranked) - 1)
    return groups, of.change_of_spread(spread, range(len(groups)))
