"""Estimates and intervals of verification errors: of all trials, of each cohort, and of the spread over cohorts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import StatisticsParams
from isogloss.judging.figures import change
from isogloss.judging.statistics import estimands as of
from isogloss.judging.verification import measures
from isogloss.judging.verification.errors import P_TARGETS, Errors, errors_of, rates_at
from isogloss.judging.verification.intervals import Inference, bootstrap_errors
from isogloss.judging.verification.measures import Measure
from isogloss.judging.verification.resampling import Resampled, ResampledTrials
from isogloss.judging.verification.trials import ScoredTrials

Value = Callable[[NDArray[np.float64]], Resampled]

SPREADS = {
    "mean": of.mean_rate,
    "max": of.largest_rate,
    "variance": of.variance_of_rates,
    "standard_deviation": measures.standard_deviation,
}

MIN_DCF_SPEAKERS = {0.01: 100, 0.05: 40}
"""Fewest speakers for an interval of a detection cost, by the prior of a target, whatever `statistics.min_speakers`
says. Each draw has a threshold of its own, where a few false alarms decide, and the fewer the rarer targets are. Of
nominal 95 %, intervals held the truth in 39 % (0.01) and 79 % (0.05) of simulations at 20 speakers, in 79 % and 96 % at
40, in 99 % and 95 % at 100 (`benchmarks/results/verification_coverage.md`)."""

SIDES = ("before", "after")
RATES = ("far", "frr")


@dataclass(frozen=True)
class Cohort:
    """A group of speakers, and the trials among them under both verifiers."""

    name: str
    before: ScoredTrials
    after: ScoredTrials
    members: NDArray[np.intp]
    """Its speakers, as numbers into those of all trials."""
    errors: tuple[Errors, Errors]

    @property
    def measurable(self) -> bool:
        """Whether there are targets and non-targets."""
        return self.errors[0].measurable


def cohorts_of(before: ScoredTrials, after: ScoredTrials, sides: list[pd.Series]) -> list[Cohort]:
    """The trials of each cohort, and who is in it."""
    result = []
    for name in sorted({*sides[0].unique(), *sides[1].unique()}):
        first, second = ((side == name).to_numpy() for side in sides)
        members = np.unique(np.concatenate([after.enrol_N[first], after.test_N[second]]))
        pair = before.where(first & second), after.where(first & second)
        result.append(Cohort(str(name), *pair, members, (errors_of(pair[0]), errors_of(pair[1]))))
    return result


def counts(cohort: Cohort) -> dict[str, Any]:
    """What needs no inference; the rest is None."""
    before, after = cohort.errors
    return {
        "cohort": cohort.name,
        "label": cohort.name,
        "merged": False,
        "speakers": len(cohort.members),
        "words": None,
        "targets": before.targets,
        "nontargets": before.nontargets,
        "measurable": cohort.measurable,
        "before": before.eer,
        "before_ci95": None,
        "after": after.eer,
        "after_ci95": None,
        "relative_change": change(before.eer, after.eer),
        "ci95": None,
        "p": None,
        "inference": False,
    }


def has_inference(cohort: Cohort, statistics: StatisticsParams) -> bool:
    """Whether a cohort has trials and speakers enough."""
    return cohort.measurable and len(cohort.members) >= statistics.min_speakers


def infer_overall(everybody: Cohort, statistics: StatisticsParams) -> dict[str, Any]:
    """EER and detection costs of all trials."""
    figure = counts(everybody)
    costs = {p: _cost(*(errors.min_dcf[p] for errors in everybody.errors)) for p in P_TARGETS}
    speakers = len(everybody.members)
    if speakers >= statistics.min_speakers:
        judged = [p for p in P_TARGETS if speakers >= MIN_DCF_SPEAKERS[p]]
        pair = ResampledTrials(everybody.before), ResampledTrials(everybody.after)
        values = [side.equal_error_rate() for side in pair]
        values += [side.min_dcf(p) for p in judged for side in pair]
        wanted = [measures.level(0), measures.level(1), measures.change(0, 1)]
        for first in range(2, len(values), 2):
            wanted += [measures.cost(first), measures.cost(first + 1), measures.change(first, first + 1)]
        strata_S = np.zeros(len(everybody.before.speakers), dtype=np.intp)
        inferred = _bootstrap(values, wanted, strata_S, len(pair[0]), statistics)
        _fill(figure, inferred[:3])
        for number, p in enumerate(judged, 1):
            _fill_intervals(costs[p], inferred[3 * number : 3 * number + 3])
    keys = ("before", "before_ci95", "after", "after_ci95", "relative_change", "ci95", "p")
    return {**{key: figure[key] for key in keys}, "min_dcf": {str(p): cost for p, cost in costs.items()}}


def _cost(before: float | None, after: float | None) -> dict[str, Any]:
    """A detection cost without its intervals."""
    return {
        "before": before,
        "before_ci95": None,
        "after": after,
        "after_ci95": None,
        "relative_change": change(before, after),
        "ci95": None,
    }


def infer_cohorts(
    cohorts: list[Cohort],
    figures: list[dict[str, Any]],
    able: list[int],
    threshold: Mapping[str, float],
    statistics: StatisticsParams,
) -> dict[str, Any]:
    """Fill in the cohorts' intervals, and give the spread over them."""
    for one, figure in zip(cohorts, figures, strict=True):
        figure["at_threshold"] = _at_threshold(one, threshold)
    values: list[Value] = []
    wanted: list[Measure] = []
    early, parts = [], []
    for number in able:
        first, start = len(values), len(wanted)
        values += _values(cohorts[number], threshold)
        wanted += [measures.level(first), measures.level(first + 1), measures.change(first, first + 1)]
        wanted += [measures.share(place) for place in range(first + len(SIDES), len(values))]
        early.append(first)
        parts.append(slice(start, len(wanted)))
    late, own = [place + 1 for place in early], len(wanted)
    if len(able) > 1:
        wanted += [measures.change_of_spread(one, early, late) for one in SPREADS.values()]
    if len(able) == 2:
        gap = (early[0], early[1]), (late[0], late[1])
        wanted += [measures.difference(*gap[0]), measures.difference(*gap[1]), measures.change_of_gap(*gap)]
    trials = max((len(cohorts[number].before) for number in able), default=1)
    inferred = _bootstrap(values, wanted, _strata(cohorts), trials, statistics)
    for number, part in zip(able, parts, strict=True):
        eer, rates = inferred[part][:3], inferred[part][3:]
        _fill(figures[number], eer)
        _fill_rates(figures[number]["at_threshold"], rates)
    return _spread(figures, able, inferred[own:])


def _at_threshold(cohort: Cohort, threshold: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """FAR and FRR of a cohort under both verifiers, each at its own threshold."""
    result = {}
    for side, trials in zip(SIDES, (cohort.before, cohort.after), strict=True):
        at = rates_at(trials, threshold[side])
        result[side] = {"far": at.far, "far_ci95": None, "frr": at.frr, "frr_ci95": None}
    return result


def _values(cohort: Cohort, threshold: Mapping[str, float]) -> list[Value]:
    """EER before and after, then FAR and FRR before, FAR and FRR after."""
    pair = [
        ResampledTrials(trials, thresholds=[threshold[side]])
        for side, trials in zip(SIDES, (cohort.before, cohort.after), strict=True)
    ]
    result = [trials.equal_error_rate() for trials in pair]
    for side, trials in zip(SIDES, pair, strict=True):
        result += [trials.false_alarms_at(threshold[side]), trials.misses_at(threshold[side])]
    return result


def _spread(figures: list[dict[str, Any]], able: list[int], inferred: list[Inference]) -> dict[str, Any]:
    """How far the cohorts are apart, before and after; over those with inference, if there are several."""
    measured = [figure for figure in figures if figure["measurable"] and not figure["merged"]]
    chosen = [figures[number] for number in able] if len(able) > 1 else measured
    rates = {side: np.array([figure[side] for figure in chosen])[:, None] for side in ("before", "after")}
    result: dict[str, Any] = {"cohorts": [figure["cohort"] for figure in chosen]}
    for place, (name, measure) in enumerate(SPREADS.items()):
        early, late = (float(measure(rates[side])[0][0]) if chosen else None for side in ("before", "after"))
        interval = inferred[place].estimate.interval if inferred else None
        result[name] = {"before": early, "after": late, "relative_change": change(early, late), "ci95": interval}
    ranked = [figure for figure in chosen if figure["discovery_rank"] is not None]
    result["relative_gap"] = _relative_gap(ranked)
    if len(chosen) == 2:
        early, late = (float(abs(rates[side][1, 0] - rates[side][0, 0])) for side in ("before", "after"))
        result["gap"] = {"before": early, "after": late, "change": late - early, "ci95": None}
        if inferred:
            signed = inferred[len(SPREADS) :]
            result["gap"]["before_ci95"] = _unsigned(signed[0].estimate.interval)
            result["gap"]["after_ci95"] = _unsigned(signed[1].estimate.interval)
            result["gap"]["ci95"] = signed[2].estimate.interval
    return result


def _relative_gap(ranked: list[dict[str, Any]]) -> dict[str, float | None]:
    """(EER of the worst cohort - EER of the best) / EER of the best, both by their rank on discovery."""
    gap: dict[str, float | None] = {"before": None, "after": None}
    if len(ranked) > 1:
        for side in gap:
            worst, best = ranked[0][side], ranked[-1][side]
            gap[side] = worst / best - 1 if best > 0 else None
    return gap


def _bootstrap(
    values: list[Value], wanted: list[Measure], strata_S: NDArray[np.intp], trials: int, statistics: StatisticsParams
) -> list[Inference]:
    """The bootstrap as the parameters have it."""
    if not wanted:
        return []
    return bootstrap_errors(
        values,
        wanted,
        strata_S=strata_S,
        trials=trials,
        resamples=statistics.resamples,
        confidence=statistics.confidence,
        seed=statistics.seed,
    )


def _strata(cohorts: list[Cohort]) -> NDArray[np.intp]:
    """The cohort of each speaker, who is drawn with it; one for all where a speaker is in several."""
    strata_S = np.full(len(cohorts[0].before.speakers), -1, dtype=np.intp)
    for number, one in enumerate(cohorts):
        if (strata_S[one.members] >= 0).any():
            return np.zeros(len(strata_S), dtype=np.intp)
        strata_S[one.members] = number
    return strata_S


def _fill(figure: dict[str, Any], inferred: list[Inference]) -> None:
    """Intervals and p value of level before, level after and change."""
    _fill_intervals(figure, inferred)
    figure["p"], figure["inference"] = inferred[2].p, True


def _fill_intervals(figure: dict[str, Any], inferred: list[Inference]) -> None:
    """Intervals of level before, level after and change."""
    for key, one in zip(("before_ci95", "after_ci95", "ci95"), inferred, strict=True):
        figure[key] = one.estimate.interval


def _fill_rates(at: dict[str, dict[str, Any]], inferred: list[Inference]) -> None:
    """Intervals of FAR and FRR, in the order of `_values`."""
    for (side, rate), one in zip(product(SIDES, RATES), inferred, strict=True):
        at[side][f"{rate}_ci95"] = one.estimate.interval


def _unsigned(interval: list[float] | None) -> list[float] | None:
    """The interval of a difference as that of its size."""
    if interval is None:
        return None
    low, high = interval
    return [0.0, max(-low, high)] if low <= 0 <= high else sorted([abs(low), abs(high)])
