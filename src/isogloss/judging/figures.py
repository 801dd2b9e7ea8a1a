"""Estimates, intervals and p values of all speakers, of each cohort, and of the spread over cohorts.

Built from weighted totals by speaker (`pairing.TOTALS`) into plain numbers for JSON, None for what is
unknown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import StatisticsParams
from isogloss.judging.pairing import totals_by_speaker, totals_by_speaker_and_cohort
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.intervals import Estimate, bootstrap
from isogloss.judging.statistics.multiple import holm
from isogloss.judging.statistics.permutation import sign_flip

Totals = NDArray[np.float64]

COHORT_KEYS = (
    "cohort",
    "label",
    "mitigated",
    "speakers",
    "utterances",
    "words",
    "discovery_rank",
    "discovery",
    "before",
    "before_ci95",
    "after",
    "after_ci95",
    "relative_change",
    "ci95",
    "p",
    "p_holm",
    "inference",
)
"""Keys of an item of `cohorts`, in their order."""


def cohort_figures(names: list[str], totals: list[Totals], statistics: StatisticsParams) -> list[dict[str, Any]]:
    """Estimates of each cohort, with intervals and p values where it has enough speakers, and words."""
    able = [index for index, part in enumerate(totals) if _has_inference(part, statistics)]
    wanted = [
        estimand
        for group in range(len(able))
        for estimand in (of.rate(group), of.rate(group, column=2), of.relative_change(group))
    ]
    estimates = estimate([totals[index] for index in able], wanted, statistics)
    figures = [_figures(name, part) for name, part in zip(names, totals, strict=True)]
    for position, index in enumerate(able):
        _infer(figures[index], totals[index], estimates[3 * position : 3 * position + 3], statistics)
    for figure, adjusted in zip(figures, holm([figure["p"] for figure in figures]), strict=True):
        figure["p_holm"] = adjusted
    return figures


def overall_figures(totals: Totals, statistics: StatisticsParams) -> dict[str, Any]:
    """The same for all speakers together."""
    figure = _figures("all", totals)
    if _has_inference(totals, statistics):
        wanted = [of.rate(), of.rate(column=2), of.relative_change()]
        _infer(figure, totals, estimate([totals], wanted, statistics), statistics)
    keys = ("before", "before_ci95", "after", "after_ci95", "relative_change", "ci95", "p")
    return {key: figure[key] for key in keys}


def _has_inference(totals: Totals, statistics: StatisticsParams) -> bool:
    """Whether there are enough speakers, and reference words on both sides: without these there is no rate to judge."""
    return len(totals) >= statistics.min_speakers and bool((totals[:, 1::2].sum(axis=0) > 0).all())


def _figures(name: str, totals: Totals) -> dict[str, Any]:
    """What needs no inference; the rest is None."""
    errors_before, words_before, errors_after, words_after = totals.sum(axis=0)
    figure: dict[str, Any] = dict.fromkeys(COHORT_KEYS)
    before, after = _ratio(errors_before, words_before), _ratio(errors_after, words_after)
    figure |= {"cohort": name, "speakers": len(totals), "inference": False, "before": before, "after": after}
    figure["relative_change"] = change(before, after)
    return figure


def _infer(figure: dict[str, Any], totals: Totals, estimates: Sequence[Estimate], statistics: StatisticsParams) -> None:
    """Fill in intervals and p value."""
    figure["before_ci95"], figure["after_ci95"], figure["ci95"] = (one.interval for one in estimates)
    errors_before, words_before, errors_after, words_after = totals.T
    figure["p"] = sign_flip(
        errors_before,
        errors_after,
        words_before,
        denominator_after=words_after,
        permutations=statistics.permutations,
        seed=statistics.seed,
    )
    figure["inference"] = True


def spread_figures(
    pairs: pd.DataFrame, cohorts: Sequence[Mapping[str, Any]], statistics: StatisticsParams
) -> dict[str, dict[str, Any]]:
    """How far the cohorts are apart, before and after."""
    able = [cohort for cohort in cohorts if cohort["inference"]]
    judged = len(able) > 1
    chosen = [c for c in (able if judged else cohorts) if c["before"] is not None]
    rates = np.array([[c["before"] for c in chosen], [c["after"] for c in chosen]], dtype=np.float64)
    measures: dict[str, of.Spread | None] = {
        "mean": of.mean_rate,
        "max": of.largest_rate,
        "variance": of.variance_of_rates,
        "relative_gap": None,
    }
    ranked = [index for index, cohort in enumerate(chosen) if cohort["discovery_rank"] is not None]
    if len(ranked) > 1:
        measures["relative_gap"] = of.relative_gap(ranked[0], ranked[-1])
    result: dict[str, dict[str, Any]] = {}
    for name, measure in measures.items():
        first, second = (finite(measure(side[:, None])[0][0]) for side in rates) if measure and chosen else (None, None)
        result[name] = {
            "before": first,
            "after": second,
            "relative_change": change(first, second),
            "ci95": None,
        }
    if judged:
        names = [c["cohort"] for c in chosen]
        defined = {name: measure for name, measure in measures.items() if measure is not None}
        wanted = [of.change_of_spread(measure, range(len(names))) for measure in defined.values()]
        estimates = estimate(_groups(pairs, names), wanted, statistics)
        for name, one in zip(defined, estimates, strict=True):
            result[name]["ci95"] = one.interval
    return result


def _groups(pairs: pd.DataFrame, names: list[str]) -> list[Totals] | Totals:
    """Totals by cohort; together, if a speaker is in several."""
    rows = pairs[pairs["cohort"].isin(names)]
    if rows.groupby("speaker_id", observed=True)["cohort"].nunique().max() > 1:
        return totals_by_speaker_and_cohort(rows, names)
    return [totals_by_speaker(rows[rows["cohort"] == name]) for name in names]


def estimate(
    groups: list[Totals] | Totals, wanted: Sequence[of.Estimand], statistics: StatisticsParams
) -> list[Estimate]:
    """The bootstrap as the parameters have it."""
    return bootstrap(
        groups, wanted, resamples=statistics.resamples, confidence=statistics.confidence, seed=statistics.seed
    )


def _ratio(numerator: float, denominator: float) -> float | None:
    """A ratio, or None over nothing."""
    return float(numerator / denominator) if denominator > 0 else None


def change(before: float | None, after: float | None) -> float | None:
    """after / before - 1; undefined unless something positive changes."""
    return None if before is None or after is None or before <= 0 else float(after / before - 1)


def finite(value: float | None) -> float | None:
    """A plain float, or None for NaN and the infinities."""
    return float(value) if value is not None and np.isfinite(value) else None
