"""Estimates and intervals of verification errors: of all trials, of each cohort, and of the spread over cohorts.

For one verifier these are its error rates; for two also those of the second and the changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogloss.config import StatisticsParams
from isogloss.judging.cohort_figures import (
    Change,
    CohortFigures,
    OverallFigures,
    Rates,
    ThresholdFigures,
    ThresholdRates,
)
from isogloss.judging.grouping_figures import Difference, SpreadFigures
from isogloss.judging.pairing import SIDES
from isogloss.judging.rates import bounds, change, change_of, noninferior
from isogloss.judging.record import Interval
from isogloss.judging.statistics import estimands as of
from isogloss.judging.verification import measures
from isogloss.judging.verification.cohorts import Cohort, strata_of
from isogloss.judging.verification.errors import P_TARGETS, rates_at
from isogloss.judging.verification.intervals import Inference, bootstrap_errors
from isogloss.judging.verification.measures import Measure
from isogloss.judging.verification.resampling import Resampled, ResampledTrials

Value = Callable[[NDArray[np.float64]], Resampled]

SPREADS = {
    "mean": of.mean_rate,
    "max": of.largest_rate,
    "variance": of.variance_of_rates,
    "standard_deviation": measures.standard_deviation,
}

MIN_DCF_SPEAKERS = {0.01: 100, 0.05: 40}
"""Fewest effective speakers for an interval of a detection cost, by the prior probability of a target, in addition to
`statistics.min_speakers`. Each draw has its own threshold, which a few false alarms decide, and the rarer targets are,
the fewer these are. In simulations with 20 speakers, 95 % intervals contained the true value in 39 % of cases (prior
0.01) and 79 % (0.05), with 40 speakers in 79 % and 96 %, with 100 in 99 % and 95 %
(`benchmarks/results/verification_coverage.md`)."""

RATES = ("far", "frr")


@dataclass
class _Plan:
    """The quantities of one bootstrap: values that are computed in each draw, and measures of them."""

    values: list[Value] = field(default_factory=list)
    wanted: list[Measure] = field(default_factory=list)

    def levels(self, values: Sequence[Value], level: Callable[[int], Measure]) -> tuple[slice, list[int]]:
        """Add the level under each verifier and the change between two; returns the places of the results."""
        places = [len(self.values) + number for number in range(len(values))]
        self.values += values
        start = len(self.wanted)
        self.wanted += [level(place) for place in places]
        if len(places) > 1:
            self.wanted.append(measures.change(*places))
        return slice(start, len(self.wanted)), places

    def run(self, strata_S: NDArray[np.intp], trials: int, statistics: StatisticsParams) -> list[Inference]:
        """Run the bootstrap with the options of params.yaml."""
        if not self.wanted:
            return []
        return bootstrap_errors(
            self.values,
            self.wanted,
            strata_S=strata_S,
            trials=trials,
            resamples=statistics.resamples,
            confidence=statistics.confidence,
            seed=statistics.seed,
        )


def infer_overall(everybody: Cohort, statistics: StatisticsParams) -> OverallFigures:
    """EER and detection costs of all trials."""
    eer = levels_of(everybody)
    costs = {p: _levels([errors.min_dcf[p] for errors in everybody.errors]) for p in P_TARGETS}
    speakers = min(everybody.effective_speakers, everybody.deciding_speakers)
    if speakers >= statistics.min_speakers:
        judged = [p for p in P_TARGETS if speakers >= MIN_DCF_SPEAKERS[p]]
        trials = [ResampledTrials(side) for side in everybody.sides]
        plan = _Plan()
        own, _ = plan.levels([side.equal_error_rate() for side in trials], measures.level)
        parts = {p: plan.levels([side.min_dcf(p) for side in trials], measures.cost)[0] for p in judged}
        strata_S = np.zeros(len(everybody.sides[0].speakers), dtype=np.intp)
        inferred = plan.run(strata_S, len(trials[0]), statistics)
        eer = eer.model_copy(update=_intervals(inferred[own], statistics, p=True))
        costs |= {p: costs[p].model_copy(update=_intervals(inferred[part], statistics)) for p, part in parts.items()}
    return OverallFigures(**dict(eer), min_dcf={str(p): cost for p, cost in costs.items()})


def infer_cohorts(
    cohorts: Sequence[Cohort],
    figures: Sequence[CohortFigures],
    able: Sequence[int],
    threshold: Mapping[str, float],
    statistics: StatisticsParams,
) -> tuple[list[CohortFigures], SpreadFigures]:
    """The cohorts with intervals where they have inference (`able`), and the spread over them."""
    plan = _Plan()
    parts: list[tuple[slice, slice]] = []
    places: list[list[int]] = []
    for number in able:
        eers, rates = _values(cohorts[number], threshold)
        own, placed = plan.levels(eers, measures.level)
        first, start = len(plan.values), len(plan.wanted)
        plan.values += rates
        plan.wanted += [measures.share(first + place) for place in range(len(rates))]
        parts.append((own, slice(start, len(plan.wanted))))
        places.append(placed)
    own_spread = len(plan.wanted)
    plan.wanted += _spread_measures(places)
    trials = max((len(cohorts[number].sides[0]) for number in able), default=1)
    inferred = plan.run(strata_of(cohorts), trials, statistics)
    result = [
        figure.model_copy(update={"at_threshold": _at_threshold(one, threshold)})
        for one, figure in zip(cohorts, figures, strict=True)
    ]
    for number, (own, of_rates) in zip(able, parts, strict=True):
        at = _at_threshold(cohorts[number], threshold, [bounds(one.estimate) for one in inferred[of_rates]])
        known = {**_intervals(inferred[own], statistics, p=True), "inference": True, "at_threshold": at}
        result[number] = result[number].model_copy(update=known)
    return result, _spread(result, able, inferred[own_spread:], paired=len(cohorts[0].sides) > 1)


def levels_of(cohort: Cohort) -> Rates:
    """The EERs of a cohort, without intervals."""
    levels = _levels([errors.eer for errors in cohort.errors])
    return levels.model_copy(update={"effective_speakers": cohort.effective_speakers})


def _levels(values: Sequence[float | None]) -> Rates:
    """Levels of one verifier or two, and their change."""
    if len(values) == 1:
        return Rates(before=values[0])
    return Rates(before=values[0], after=values[1], relative_change=change(*values))


def _intervals(inferred: Sequence[Inference], statistics: StatisticsParams, *, p: bool = False) -> dict[str, Any]:
    """The intervals of levels and change, in the order of `_Plan.levels`, and the test of the change."""
    names = ("before_ci95", "after_ci95", "ci95")
    found: dict[str, Any] = {name: bounds(one.estimate) for name, one in zip(names, inferred, strict=False)}
    if not p or len(inferred) < 3:
        return found
    harm = None if found["ci95"] is None else found["ci95"][1]
    return found | {"p": inferred[2].p, "harm_bound": harm, "noninferior": noninferior(harm, statistics.margin)}


def _values(cohort: Cohort, threshold: Mapping[str, float]) -> tuple[list[Value], list[Value]]:
    """EER under each verifier; then FAR and FRR of the first, FAR and FRR of the second."""
    named = list(zip(SIDES, cohort.sides, strict=False))
    trials = {side: ResampledTrials(one, thresholds=[threshold[side]]) for side, one in named}
    eers = [one.equal_error_rate() for one in trials.values()]
    rates: list[Value] = []
    for side, one in trials.items():
        rates += [one.false_alarms_at(threshold[side]), one.misses_at(threshold[side])]
    return eers, rates


def _at_threshold(
    cohort: Cohort, threshold: Mapping[str, float], intervals: Sequence[Interval | None] = ()
) -> ThresholdFigures:
    """FAR and FRR of a cohort under each verifier at its own threshold; the intervals are in the order of `_values`."""
    found: dict[str, ThresholdRates] = {}
    known = list(intervals) or [None] * (len(RATES) * len(cohort.sides))
    for number, (side, trials) in enumerate(zip(SIDES, cohort.sides, strict=False)):
        at = rates_at(trials, threshold[side])
        far, frr = known[2 * number : 2 * number + 2]
        found[side] = ThresholdRates(far=at.far, far_ci95=far, frr=at.frr, frr_ci95=frr)
    return ThresholdFigures(**found)


def _spread_measures(places: Sequence[Sequence[int]]) -> list[Measure]:
    """The measures of the spread over cohorts, whose EERs are at these places."""
    wanted: list[Measure] = []
    sides = list(zip(*places, strict=True))
    if len(places) > 1 and len(sides) > 1:
        wanted += [measures.change_of_spread(one, *sides) for one in SPREADS.values()]
    if len(places) == 2:
        gaps = [(side[0], side[1]) for side in sides]
        wanted += [measures.difference(*gap) for gap in gaps]
        wanted += [measures.change_of_gap(*gaps)] if len(gaps) > 1 else []
    return wanted


def _spread(
    figures: Sequence[CohortFigures], able: Sequence[int], inferred: Sequence[Inference], *, paired: bool
) -> SpreadFigures:
    """How far the cohorts are apart; over those with inference, if there are several."""
    measured = [figure for figure in figures if figure.measurable and not figure.merged]
    chosen = [figures[number] for number in able] if len(able) > 1 else measured
    changes = {name: change_of(measure, chosen) for name, measure in SPREADS.items()}
    if inferred and paired:
        for (name, one), found in zip(changes.items(), inferred, strict=False):
            changes[name] = one.model_copy(update={"ci95": bounds(found.estimate)})
    ranked = [figure for figure in chosen if figure.discovery_rank is not None]
    return SpreadFigures(
        cohorts=[figure.cohort for figure in chosen],
        **changes,
        relative_gap=_relative_gap(ranked),
        gap=_gap(chosen, inferred[len(SPREADS) if paired else 0 :]) if len(chosen) == 2 else None,
    )


def _relative_gap(ranked: Sequence[CohortFigures]) -> Change:
    """(EER of the worst cohort - EER of the best) / EER of the best, both by their rank on discovery."""
    if len(ranked) < 2:
        return Change()
    worst, best = ranked[0], ranked[-1]
    return Change(before=change(best.before, worst.before), after=change(best.after, worst.after))


def _gap(chosen: Sequence[CohortFigures], inferred: Sequence[Inference]) -> Difference | None:
    """The distance of two cohorts."""
    early = _distance([one.before for one in chosen])
    late = _distance([one.after for one in chosen])
    if early is None:
        return None
    intervals = [bounds(one.estimate) for one in inferred] + [None] * 3
    return Difference(
        before=early,
        before_ci95=_unsigned(intervals[0]),
        after=late,
        after_ci95=None if late is None else _unsigned(intervals[1]),
        change=None if late is None else late - early,
        ci95=None if late is None else intervals[2],
    )


def _distance(rates: Sequence[float | None]) -> float | None:
    """The size of the difference of two rates."""
    first, second = rates
    return None if first is None or second is None else float(abs(second - first))


def _unsigned(interval: Interval | None) -> Interval | None:
    """The interval of a difference as that of its size."""
    if interval is None:
        return None
    low, high = interval
    if low <= 0 <= high:
        return 0.0, max(-low, high)
    return (low, high) if low > 0 else (-high, -low)
