"""The figures of a grouping under one estimand: rates, changes, tests, and each cohort against all others."""

from collections.abc import Sequence
from typing import TypeVar

import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.judging.cohort_figures import CohortFigures, CohortRates, OverallFigures, Rates, Rest
from isogloss.judging.disparity import Disparity, disparities_of_sums
from isogloss.judging.rates import cohort_rates, detectable, overall_rates
from isogloss.judging.statistics.multiple import holm

AnyRates = TypeVar("AnyRates", bound=Rates)


def estimate_cohorts(
    sums: pd.DataFrame, names: Sequence[str], statistics: StatisticsParams, *, grouping: str, against_rest: bool
) -> list[CohortRates]:
    """The figures of each of the named cohorts.

    Parameters
    ----------
    sums
        Totals by cohort and speaker (`pairing.sums_by_cohort`), with the weights of the estimand multiplied in.
    names
        The cohorts, in the order of the result.
    grouping
        Name of the grouping in error messages.
    against_rest
        Whether each cohort is also compared with all other speakers.
    """
    parts = [sums[sums["cohort"] == name] for name in names]
    rates = cohort_rates(parts, statistics)
    adjusted = holm([one.p for one, _ in rates])
    rest: dict[str, Disparity] = {}
    if against_rest and len(names) > 1:
        found = disparities_of_sums(sums, cohort=grouping, statistics=statistics)
        rest = {one.cohort: one for one in found}
    return [
        CohortRates(
            **dict(figures),
            inference=inference,
            p_holm=p_holm,
            detectable_change=detectable(part, statistics) if inference else None,
            rest=_rest(rest[name], statistics) if name in rest else None,
        )
        for name, part, (figures, inference), p_holm in zip(names, parts, rates, adjusted, strict=True)
    ]


def estimate_overall(sums: pd.DataFrame, alike: pd.DataFrame | None, statistics: StatisticsParams) -> OverallFigures:
    """All speakers together under both estimands; `alike` is None where the other one is the same."""
    first = overall_rates(sums, statistics)
    other = first if alike is None else overall_rates(alike, statistics)
    return OverallFigures(**dict(first), other=other)


def under_other(cohort: CohortFigures) -> CohortFigures:
    """A cohort with the figures of the other estimand in the place of the first ones."""
    return cohort if cohort.other is None else cohort.model_copy(update=dict(cohort.other))


def without_effective(rates: AnyRates) -> AnyRates:
    """The rates without numbers of effective speakers, which are unknown if the speakers are."""
    other = getattr(rates, "other", None)
    nobody = {"effective_speakers": None}
    return rates.model_copy(update=nobody if other is None else {**nobody, "other": other.model_copy(update=nobody)})


def _rest(one: Disparity, statistics: StatisticsParams) -> Rest:
    """A cohort against all other speakers."""
    return Rest(
        ratio=one.ratio,
        ci95=None if one.ratio_interval is None else (one.ratio_interval[0], one.ratio_interval[1]),
        p=one.p,
        p_holm=one.p_holm,
        detectable_ratio=one.detectable_ratio,
        difference=one.difference,
        difference_ci95=(
            None if one.difference_interval is None else (one.difference_interval[0], one.difference_interval[1])
        ),
        worse=one.worse(confidence=statistics.confidence),
    )
