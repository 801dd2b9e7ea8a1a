"""Tests of claims about cohort rules: which rule finds the larger gap among the same test speakers?

Each run is a base model with the cohorts that every rule found for it on discovery. The gap of a rule is that between
its worst and its best cohort on discovery, relative to the rate of the best, measured on test (Dheram et al. 2022,
2207.11345). As in a report, both are among the cohorts with enough effective speakers in test. A claim compares the
gaps of two rules. Errors over speakers are the jackknife's, since a speaker may be in cohorts of both; intervals cross
base models and speakers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config.claim import BASE, Claim
from isogloss.config.experiment import PlanParams
from isogloss.errors import PipelineError
from isogloss.judging.pairing import cohorts_of, pair_utterances, sums_by_cohort
from isogloss.judging.rates import effective_with_words
from isogloss.judging.statistics import Estimate
from isogloss.judging.system import of_split
from isogloss.studies.claims import Finding, p_value, with_verdicts
from isogloss.studies.jackknife import leave_one_out, mean_over_bases
from isogloss.studies.recognition_claims import JudgedRun, bases_of

Array = NDArray[np.float64]
RuleRun = Mapping[str, JudgedRun]
"""Rule -> the base model's table with the cohorts of that rule."""


@dataclass(frozen=True)
class RuleRow:
    """A rule over base models.

    Attributes
    ----------
    gap
        The relative gap between the bottom and the top cohort, on test.
    share
        The bottom cohort's share of the words of test.
    """

    rule: str
    gap: Estimate
    share: Estimate


def judge_rules(
    claims: Sequence[Claim], runs: Sequence[RuleRun], plan: PlanParams, *, min_speakers: int, min_deciding: float
) -> list[Finding]:
    """Judge every claim.

    Parameters
    ----------
    min_speakers
        Effective speakers in test that a cohort needs.
    min_deciding
        Deciding speakers below which a change has no interval.

    Raises
    ------
    PipelineError
        No run is finished, or runs share a base model or differ in their test speakers.
    """
    _check(runs)
    findings = []
    for claim in claims:
        main, other = (
            gaps_of(runs, claim.method, min_speakers, alike=alike)
            - gaps_of(runs, claim.against, min_speakers, alike=alike)
            for alike in (plan.estimand == "speakers", plan.estimand != "speakers")
        )
        change = partial(_at, main, min_deciding)
        findings.append(
            Finding(
                claim,
                change(plan.confidence),
                _at(other, min_deciding, plan.confidence),
                p_value(change, claim.limit),
                runs=len(runs),
                bases=len(runs),
            )
        )
    return with_verdicts(findings, plan)


def rule_rows(runs: Sequence[RuleRun], *, min_speakers: int, min_deciding: float, alike: bool = False) -> list[RuleRow]:
    """Every rule's gap and the share of its bottom cohort, over base models."""
    _check(runs)
    rows = []
    for rule in runs[0]:
        share_BJ = np.stack([_bottom_and_top(run[rule], min_speakers, alike=alike)[1] for run in runs])
        gap_BJ = gaps_of(runs, rule, min_speakers, alike=alike)
        gap, share = (mean_over_bases(value_BJ, min_deciding=min_deciding) for value_BJ in (gap_BJ, share_BJ))
        rows.append(RuleRow(rule, gap, share))
    return rows


def gaps_of(runs: Sequence[RuleRun], rule: str, min_speakers: int, *, alike: bool) -> Array:
    """The relative gap of a rule for each base model, (B, J); NaN where fewer than two cohorts are large enough."""
    return np.stack([_bottom_and_top(run[rule], min_speakers, alike=alike)[0] for run in runs])


def _at(value_BJ: Array, min_deciding: float, confidence: float) -> Estimate:
    """The estimate at a confidence."""
    return mean_over_bases(value_BJ, min_deciding=min_deciding, confidence=confidence)


def _check(runs: Sequence[RuleRun]) -> None:
    """Raises unless there are runs, each of another base model, on the same test speakers."""
    if not runs:
        raise PipelineError("no run is finished, so no claim can be judged; `isogloss sweep` runs the experiment")
    first = [next(iter(run.values())) for run in runs]
    if len(set(bases_of(first))) < len(runs):
        raise PipelineError("two runs have the same base model; give every run its own asr.seed")
    speakers = {tuple(sorted(set(of_split(run.tables[BASE], "test")["speaker_id"]))) for run in first}
    if len(speakers) > 1:
        raise PipelineError("runs are on different test speakers; give them one prepare.seed")


def _bottom_and_top(run: JudgedRun, min_speakers: int, *, alike: bool) -> tuple[Array, Array]:
    """The relative gap, and the bottom cohort's share of the words, (J,) each."""
    test = of_split(run.tables[BASE], "test")
    pairs = pair_utterances(test.assign(weight=1.0) if alike else test)
    sums = sums_by_cohort(pairs, cohorts_of(pairs["utterance_id"], run.assignments))
    place_N, speakers = pd.factorize(sums["speaker"], sort=True)
    large = {name for name, rows in sums.groupby("cohort") if effective_with_words(rows) >= min_speakers}
    ranked = [name for name in run.summary["worst"] if name in large]
    if len(ranked) < 2:
        missing_J = np.full(len(speakers) + 1, np.nan)
        return missing_J, missing_J
    totals = []
    for name in (ranked[0], ranked[-1]):
        inside_N = (sums["cohort"] == name).to_numpy()
        rows_S2 = np.zeros((len(speakers), 2))
        rows_S2[place_N[inside_N]] = sums.loc[inside_N, ["errors_before", "words_before"]].to_numpy(np.float64)
        totals.append(leave_one_out(rows_S2))
    words_S = np.zeros(len(speakers))
    np.add.at(words_S, place_N, sums["words_before"].to_numpy(np.float64))
    bottom_J2, top_J2 = totals
    share_J = bottom_J2[:, 1] / leave_one_out(words_S)
    return (bottom_J2[:, 0] / bottom_J2[:, 1]) / (top_J2[:, 0] / top_J2[:, 1]) - 1, share_J
