"""Tests of claims about the settings of an experiment, which the experiment file states itself (`study.claims`).

A claim is a change from one setting to another, run by run with the same seeds. Its measure is the error rate
of the study's table, whose interval crosses seeds and test speakers, or a further figure of the runs, such as
operations or a latency, whose interval is over seeds alone: a figure is one number for each run.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import Sweep
from isogloss.config.claim import Claim
from isogloss.config.experiment import RATE, PlanParams
from isogloss.errors import PipelineError
from isogloss.judging.statistics import Estimate
from isogloss.judging.statistics.estimands import as_is, relative
from isogloss.judging.statistics.seeds import crossed
from isogloss.studies.claims import Finding, p_value, with_verdicts
from isogloss.studies.systems import pairs_of, relative_change, speaker_totals

Array = NDArray[np.float64]

NOT_MEASURED = Estimate(None, None, None)


def judge_systems(
    sweep: Sweep, tables: Mapping[str, Path], figure: Callable[[str, str], float | None], plan: PlanParams
) -> list[Finding]:
    """Judge every claim of the experiment file.

    Parameters
    ----------
    tables
        Run -> its result table, of the finished runs.
    figure
        A function from a run and a metric to its number.

    Returns
    -------
    A claim without two runs of the same seeds has no change and no verdict. Only error rates have the other estimand.

    Raises
    ------
    PipelineError
        No run is finished, paired runs are on different speakers, or a figure is missing, or not positive where the
        claim is about a relative change.
    """
    if not tables:
        raise PipelineError(f"no run of {sweep.path} is finished; `isogloss sweep {sweep.path}` runs them")
    runs: dict[str, list[str]] = {}
    for run in sweep.runs:
        if run.name in tables:
            runs.setdefault(run.setting.removeprefix(f"{sweep.name}-"), []).append(run.name)
    population, alike = (
        {run: speaker_totals(path, alike=each) for run, path in tables.items()} for each in (False, True)
    )
    main, other = (alike, population) if plan.estimand == "speakers" else (population, alike)
    findings = []
    for claim in sweep.experiment.study.claims:
        pairs = pairs_of(sweep, runs.get(claim.against, []), runs.get(claim.method, []))
        if not pairs:
            findings.append(Finding(claim, NOT_MEASURED, NOT_MEASURED, None, 0, 0))
            continue
        second = NOT_MEASURED
        if claim.measure == RATE:
            change = partial(_change_of_rate, main, pairs)
            second = _change_of_rate(other, pairs, plan.confidence)
        else:
            metric = sweep.experiment.study.figures[claim.measure]
            values = [[figure(run, metric) for run in pair] for pair in pairs]
            change = partial(_change_of_figure, _changes(claim, pairs, values), claim.unit)
        first, p = change(plan.confidence), p_value(change, claim.limit)
        findings.append(Finding(claim, first, second, p, runs=len(pairs), bases=len(pairs)))
    return with_verdicts(findings, plan)


def _change_of_rate(
    totals: Mapping[str, pd.DataFrame], pairs: Sequence[tuple[str, str]], confidence: float
) -> Estimate:
    """The relative change of the error rate, over seeds and speakers."""
    return relative_change(totals, pairs, confidence=confidence)


def _change_of_figure(changes: Array, unit: str, confidence: float) -> Estimate:
    """The mean change of a figure, with Student's interval over seeds."""
    restore = relative if unit == "relative" else as_is
    return crossed(float(changes.mean()), 0.0, changes, 2, restore, confidence=confidence)


def _changes(claim: Claim, pairs: Sequence[tuple[str, str]], values: Sequence[Sequence[float | None]]) -> Array:
    """The change of a figure in each pair of runs: of its logarithm where the claim is about a relative change."""
    is_relative = claim.unit == "relative"
    for pair, numbers in zip(pairs, values, strict=True):
        for run, number in zip(pair, numbers, strict=True):
            if number is None or not np.isfinite(number) or (is_relative and number <= 0):
                needed = "positive numbers" if is_relative else "numbers"
                raise PipelineError(
                    f"the claim {claim.id}: {claim.measure} of run {run} is {number}, and the claim's change needs "
                    f"{needed}; measure something else, or leave the claim out"
                )
    numbers_P2 = np.array(values, dtype=np.float64)
    return np.diff(np.log(numbers_P2) if is_relative else numbers_P2, axis=1)[:, 0]
