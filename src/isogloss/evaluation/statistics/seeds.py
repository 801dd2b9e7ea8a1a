"""Intervals over training seeds and speakers together.

Runs that differ in their seed are judged on the same test speakers, so they are no independent samples of speakers; and
however many speakers there are, a mean over few seeds stays uncertain. The two sources are crossed: the variance of
an estimate from all runs is taken as that over speakers, with every speaker's totals averaged over the runs, plus that
over runs divided by their number. Each part holds a share of the interaction of seed and speaker, so that it is counted
twice and the interval errs on the wide side (of the three terms of Cameron, Gelbach & Miller 2011, the third is left
out, which would be subtracted). The quantile is Student's with the degrees of freedom of Welch and Satterthwaite.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.evaluation.statistics.estimands import Estimand
from isogloss.evaluation.statistics.intervals import Estimate, point, standard_error

Array = NDArray[np.float64]


def over_seeds(runs: Sequence[Sequence[Array]], estimand: Estimand, *, confidence: float = 0.95) -> Estimate:
    """Estimate a function of speakers' totals from several runs on the same speakers.

    Parameters
    ----------
    runs
        For each run its groups of speakers, each of shape (S, K) as `bootstrap` takes them; a speaker stands in the
        same row in every run.
    estimand
        What to estimate.
    confidence
        Level of the interval. A single run has none: nothing is known of its seed.

    Raises
    ------
    TableError
        There is no run, or the runs differ in their groups or speakers.
    """
    from scipy.stats import t

    shapes = {tuple(group.shape for group in run) for run in runs}
    if len(shapes) != 1:
        raise TableError(
            "there is no run to estimate from"
            if not runs
            else f"the runs are on different speakers ({len(shapes)} kinds); judge all of them on the same test set"
        )
    mean = [np.mean([run[group] for run in runs], axis=0) for group in range(len(runs[0]))]
    value = point(mean, estimand)
    restored = estimand.restore(value) if np.isfinite(value) else None
    of_speakers = standard_error(mean, estimand)
    of_runs = np.array([point(run, estimand) for run in runs])
    if len(runs) < 2 or of_speakers is None or not np.isfinite(value) or not np.isfinite(of_runs).all():
        return Estimate(restored, None, None)
    variances = np.array([of_speakers**2, of_runs.var(ddof=1) / len(runs)])
    freedoms = np.array([min(len(mean[group]) for group in estimand.groups) - 1, len(runs) - 1])
    total = variances.sum()
    if total == 0:
        return Estimate(restored, restored, restored)
    freedom = total**2 / (variances**2 / freedoms).sum()
    reach = t.ppf(0.5 + confidence / 2, freedom) * np.sqrt(total)
    return Estimate(restored, estimand.restore(value - reach), estimand.restore(value + reach))
