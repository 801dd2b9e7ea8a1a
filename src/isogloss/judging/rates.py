"""Error rates of one or two systems with intervals and p values: of all speakers, of each cohort, and their spread.

They are computed from weighted totals by speaker (`pairing.TOTALS`, two for each system) and the speakers' weights.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.judging.cohort_figures import Change, CohortFigures, Rates
from isogloss.judging.grouping_figures import SpreadFigures
from isogloss.judging.pairing import TOTALS, Totals, totals_of, totals_of_cohorts
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.effective import effective_speakers
from isogloss.judging.statistics.intervals import Estimate, bootstrap
from isogloss.judging.statistics.permutation import sign_flip
from isogloss.judging.statistics.power import detectable_change


def overall_rates(sums: pd.DataFrame, statistics: StatisticsParams) -> Rates:
    """The rates of all speakers together, from their totals (`pairing.sums_by_cohort`)."""
    return cohort_rates([sums], statistics)[0][0]


def cohort_rates(parts: Sequence[pd.DataFrame], statistics: StatisticsParams) -> list[tuple[Rates, bool]]:
    """The rates of each cohort, and whether it has enough speakers and words for inference."""
    totals = [totals_of(part) for part in parts]
    able = [index for index, part in enumerate(parts) if has_inference(part, statistics)]
    wanted = [estimand for group in range(len(able)) for estimand in _estimands(group, totals[able[group]])]
    estimates = estimate([totals[index] for index in able], wanted, statistics)
    rates = [(_rates(part, one), False) for part, one in zip(parts, totals, strict=True)]
    number = len(wanted) // max(1, len(able))
    for position, index in enumerate(able):
        own = estimates[number * position : number * (position + 1)]
        rates[index] = (_inferred(rates[index][0], totals[index], own, statistics), True)
    return rates


def has_inference(part: pd.DataFrame, statistics: StatisticsParams) -> bool:
    """Whether there are enough effective speakers, and reference words for every system."""
    words = part[[name for name in TOTALS[1::2] if name in part]].sum()
    return effective_with_words(part) >= statistics.min_speakers and bool((words > 0).all())


def effective_with_words(part: pd.DataFrame) -> float:
    """Kish's number of the speakers of a cohort; who has no reference word says nothing of its rate."""
    return effective_speakers(part.loc[part["words_before"] > 0, "weight"])


def noninferior(bound: float | None, margin: float) -> bool | None:
    """Whether a harm as large as the margin is excluded; None where no bound is known."""
    return None if bound is None else bound < margin


def _estimands(group: int, totals: Totals) -> list[of.Estimand]:
    """What is estimated of a group: the rate of one system, or both rates, their relative change and difference."""
    first = of.rate(group)
    if totals.shape[1] == 2:
        return [first]
    return [first, of.rate(group, column=2), of.relative_change(group), of.difference(group)]


def _rates(part: pd.DataFrame, totals: Totals) -> Rates:
    """What needs no inference."""
    sums, effective = totals.sum(axis=0), effective_with_words(part)
    before = ratio(sums[0], sums[1])
    if len(sums) == 2:
        return Rates(before=before, effective_speakers=effective)
    after = ratio(sums[2], sums[3])
    return Rates(before=before, after=after, relative_change=change(before, after), effective_speakers=effective)


def _inferred(rates: Rates, totals: Totals, estimates: Sequence[Estimate], statistics: StatisticsParams) -> Rates:
    """The rates with intervals, the p value of the change, and the largest harm that is not excluded."""
    before, judged = bounds(estimates[0]), estimates[2] if len(estimates) > 1 else estimates[0]
    deciding = {"deciding_speakers": shown_number(judged.rests_on)}
    if len(estimates) == 1:
        return rates.model_copy(update={"before_ci95": before, **deciding})
    of_change = bounds(judged)
    bound = None if of_change is None else of_change[1]
    return rates.model_copy(
        update={
            "before_ci95": before,
            "after_ci95": bounds(estimates[1]),
            "ci95": of_change,
            "difference": estimates[3].value,
            "difference_ci95": bounds(estimates[3]),
            "p": _p_of_change(totals, judged, statistics),
            "harm_bound": bound,
            "noninferior": noninferior(bound, statistics.margin),
            **deciding,
        }
    )


def _p_of_change(totals: Totals, judged: Estimate, statistics: StatisticsParams) -> float | None:
    """The p value of the sign-flip test; None if a few speakers decide, since then the test does not hold its level."""
    if judged.rests_on is not None and not is_borne(judged.rests_on, statistics):
        return None
    before, words_before, after, words_after = totals.T
    return sign_flip(
        before,
        after,
        words_before,
        denominator_after=words_after,
        permutations=statistics.permutations,
        seed=statistics.seed,
    )


def detectable(part: pd.DataFrame, statistics: StatisticsParams) -> float | None:
    """The least relative reduction that the speakers of a cohort would have shown; None for one system, and where few
    speakers have nearly all words."""
    totals = totals_of(part)
    if totals.shape[1] == 2 or not is_borne(speakers_by_words([totals], [0]), statistics):
        return None
    before, words_before, after, words_after = totals.T
    return detectable_change(
        before,
        after,
        words_before,
        denominator_after=words_after,
        effective=effective_with_words(part),
        confidence=statistics.confidence,
    )


def spread_over(cohorts: Sequence[CohortFigures], sums: pd.DataFrame, statistics: StatisticsParams) -> SpreadFigures:
    """How far the cohorts are apart: those with inference if there are several, else all, then without intervals.

    Parameters
    ----------
    cohorts
        Those that count, the worst on discovery first.
    sums
        The totals of the speakers in them (`pairing.sums_by_cohort`).
    """
    able = [cohort for cohort in cohorts if cohort.inference]
    judged = len(able) > 1
    chosen = [one for one in (able if judged else cohorts) if one.before is not None]
    ranked = [index for index, cohort in enumerate(chosen) if cohort.discovery_rank is not None]
    measures: dict[str, of.Spread | None] = {
        "mean": of.mean_rate,
        "max": of.largest_rate,
        "variance": of.variance_of_rates,
        "relative_gap": of.relative_gap(ranked[0], ranked[-1]) if len(ranked) > 1 else None,
    }
    changes: dict[str, Any] = {name: change_of(measure, chosen) for name, measure in measures.items()}
    paired = any(one.after is not None for one in chosen)
    if judged and paired:
        defined = {name: measure for name, measure in measures.items() if measure is not None}
        wanted = [of.change_of_spread(measure, range(len(chosen))) for measure in defined.values()]
        drawn = totals_of_cohorts(sums, [one.cohort for one in chosen])
        for name, one in zip(defined, estimate(drawn, wanted, statistics), strict=True):
            changes[name] = changes[name].model_copy(update={"ci95": bounds(one)})
    return SpreadFigures(cohorts=[one.cohort for one in chosen], **changes)


def change_of(measure: of.Spread | None, cohorts: Sequence[CohortFigures]) -> Change:
    """A measure of spread under each system, without an interval."""
    sides = []
    for rates in ([one.before for one in cohorts], [one.after for one in cohorts]):
        known = measure is not None and bool(cohorts) and all(rate is not None for rate in rates)
        sides.append(finite(measure(np.array(rates, dtype=np.float64)[:, None])[0][0]) if known and measure else None)
    return Change(before=sides[0], after=sides[1], relative_change=change(*sides))


def estimate(
    groups: Sequence[Totals] | Totals, wanted: Sequence[of.Estimand], statistics: StatisticsParams
) -> list[Estimate]:
    """The bootstrap as the parameters have it; without an interval where a few speakers decide.

    A rate is nearly that of a speaker who has nearly all words. Such a speaker decides on it, but their influence is
    taken from where the rate is, so it is about 0, and an interval from the influences is far too short. So the words
    must be those of `min_deciding` speakers as well, by Kish's number.
    """
    found = bootstrap(
        groups, wanted, resamples=statistics.resamples, confidence=statistics.confidence, seed=statistics.seed
    )
    result = []
    for one, estimand in zip(found, wanted, strict=True):
        holding = speakers_by_words(groups, estimand.groups)
        if not is_borne(holding, statistics):
            one = replace(one, rests_on=holding if one.rests_on is None else min(one.rests_on, holding))
        result.append(one if is_borne(one.rests_on, statistics) else replace(one, low=None, high=None))
    return result


def speakers_by_words(groups: Sequence[Totals] | Totals, used: Sequence[int]) -> float:
    """Kish's number of speakers by their weighted words, in that one of some groups where it is the least."""
    parts = [groups[:, number] if isinstance(groups, np.ndarray) else groups[number] for number in used]
    return min(effective_speakers(words) for part in parts for words in part.T[1::2])


def is_borne(deciding: float | None, statistics: StatisticsParams) -> bool:
    """Whether enough speakers decide on a figure for its interval and test to hold their level."""
    return deciding is not None and deciding >= statistics.min_deciding


def shown_number(value: float | None) -> float | None:
    """A number of speakers for a document: None if it is unknown or infinite."""
    return None if value is None else finite(value)


def bounds(estimate: Estimate) -> tuple[float, float] | None:
    """The interval of an estimate, if it has one."""
    return None if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)


def ratio(numerator: float, denominator: float) -> float | None:
    """A ratio, or None over nothing."""
    return float(numerator / denominator) if denominator > 0 else None


def change(before: float | None, after: float | None) -> float | None:
    """after / before - 1; undefined unless something positive changes."""
    return None if before is None or after is None or before <= 0 else float(after / before - 1)


def finite(value: float) -> float | None:
    """A plain float, or None for NaN and the infinities."""
    return float(value) if np.isfinite(value) else None
