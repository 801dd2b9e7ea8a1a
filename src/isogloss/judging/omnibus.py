"""One test of whether all cohorts have the same error rate, useful if each cohort has too few speakers for a test."""

import numpy as np
import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.judging.grouping_figures import Omnibus
from isogloss.judging.statistics.effective import effective_speakers
from isogloss.judging.statistics.permutation import exchanges

MOST_CELLS = 40_000_000
"""Largest product of speakers and permutations of a test; at least 1,000 permutations are made nevertheless."""


def omnibus(sums: pd.DataFrame, statistics: StatisticsParams) -> Omnibus | None:
    """Test of "all cohorts have the same error rate", by permuting membership over speakers.

    The statistic is the sum over cohorts of words * (rate - rate of all)^2, divided by the rate of all: a Poisson
    dispersion. Its null distribution comes from the permutations, so that speakers may differ in any way (our choice).
    The test shows that cohorts differ, not which ones.

    Parameters
    ----------
    sums
        Totals by cohort and speaker (`pairing.sums_by_cohort`).
    statistics
        Permutations and seed; all speakers with words together need `min_speakers`, effectively. Those without any
        have no rate, and no part in the test.

    Returns
    -------
    None where a speaker is in several cohorts, there is one cohort, too few speakers, or no error.
    """
    sums = sums[sums["words_before"] > 0]
    cohort_S, names = pd.factorize(sums["cohort"], sort=True)
    totals = sums[["errors_before", "words_before"]].to_numpy(np.float64)
    errors, words = totals.sum(axis=0)
    few = effective_speakers(sums["weight"]) < statistics.min_speakers
    if sums["speaker"].duplicated().any() or len(names) < 2 or few or errors <= 0:
        return None
    rate = errors / words

    def statistic(codes: np.ndarray) -> float:
        n, d = (np.bincount(codes, column, minlength=len(names)) for column in totals.T)
        return float(np.sum((n - rate * d) ** 2 / d) / rate)

    observed = statistic(cohort_S)
    number = min(statistics.permutations, max(1000, MOST_CELLS // len(sums)))
    orders = exchanges(len(sums), number, statistics.seed)
    extreme = sum(statistic(cohort_S.take(order)) >= observed * (1 - 1e-9) for order in orders)
    return Omnibus(cohorts=len(names), p=(1 + extreme) / (1 + number), permutations=number)
