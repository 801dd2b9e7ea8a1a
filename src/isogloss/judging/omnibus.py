"""Whether many cohorts have one error rate: a single test, where each cohort by itself has too few speakers for one."""

import numpy as np
import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.judging.grouping_figures import Omnibus
from isogloss.judging.statistics.permutation import exchanges

MOST_CELLS = 40_000_000
"""Most speakers times permutations of a test, which has at least 1,000 permutations all the same."""


def omnibus(sums: pd.DataFrame, statistics: StatisticsParams) -> Omnibus | None:
    """Test of "all cohorts have the same error rate", by permuting membership over speakers.

    The statistic is sum over cohorts of words * (rate - rate of all)^2, over the rate of all: a Poisson dispersion,
    whose distribution is that of the permutations, so that speakers may differ as they do (our choice). It says that
    cohorts differ, not which.

    Parameters
    ----------
    sums
        Totals by cohort and speaker (`pairing.sums_by_cohort`).
    statistics
        Permutations and seed; all speakers together need `min_speakers`.

    Returns
    -------
    None where a speaker is in several cohorts, there is one cohort, too few speakers, or no error.
    """
    cohort_S, names = pd.factorize(sums["cohort"], sort=True)
    totals = sums[["errors_before", "words_before"]].to_numpy(np.float64)
    errors, words = totals.sum(axis=0)
    if sums["speaker"].duplicated().any() or len(names) < 2 or len(sums) < statistics.min_speakers or errors <= 0:
        return None
    rate = errors / words

    def statistic(codes: np.ndarray) -> float:
        n, d = (np.bincount(codes, column, minlength=len(names)) for column in totals.T)
        return float(np.sum((n - rate * d) ** 2 / np.maximum(d, 1e-300)) / rate)

    observed = statistic(cohort_S)
    number = min(statistics.permutations, max(1000, MOST_CELLS // len(sums)))
    orders = exchanges(len(sums), number, statistics.seed)
    extreme = sum(statistic(cohort_S.take(order)) >= observed * (1 - 1e-9) for order in orders)
    return Omnibus(cohorts=len(names), p=(1 + extreme) / (1 + number), permutations=number)
