"""Intervals over training seeds and speakers together.

Runs that differ in their seed are judged on the same test speakers, so they are no independent samples of speakers; and
however many speakers there are, a mean over few seeds stays uncertain. The two sources are crossed: the variance of
an estimate from all runs is taken as that over speakers, with every speaker's totals averaged over the runs, plus that
over runs divided by their number. Each part holds a share of the interaction of seed and speaker, so that it is counted
twice and the interval errs on the wide side (of the three terms of Cameron, Gelbach & Miller 2011, the third is left
out, which would be subtracted). The quantile is Student's with the degrees of freedom of Welch and Satterthwaite.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.evaluation.statistics.estimands import Estimand
from isogloss.evaluation.statistics.intervals import Estimate, point, standard_error

Array = NDArray[np.float64]


def over_seeds(runs: Sequence[Sequence[Array]], estimand: Estimand, *, confidence: float = 0.95) -> Estimate:
    """Estimate a function of speakers' totals from several runs on the same speakers in the same groups.

    The estimate is that of the totals of all runs together.

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
    shapes = {tuple(group.shape for group in run) for run in runs}
    if len(shapes) != 1:
        raise TableError(
            "there is no run to estimate from"
            if not runs
            else f"the runs are on different speakers ({len(shapes)} kinds); judge all of them on the same test set"
        )
    mean = [np.mean([run[group] for run in runs], axis=0) for group in range(len(runs[0]))]
    speakers = min(len(mean[group]) for group in estimand.groups)
    of_runs = np.array([point(run, estimand) for run in runs])
    of_speakers = standard_error(mean, estimand)
    return crossed(point(mean, estimand), of_speakers, of_runs, speakers, estimand.restore, confidence=confidence)


def mean_over_seeds(runs: Sequence[tuple[Sequence[Array], Estimand]], *, confidence: float = 0.95) -> Estimate:
    """The mean of what several runs estimate, each in groups of its own, on the working scale of the estimand.

    For runs whose base models differ, so that each discovered cohorts of its own among the same speakers. The variance
    over speakers is taken as the runs' mean: averaging over runs is not assumed to lessen it.

    Parameters
    ----------
    runs
        Groups and estimand of each run; the estimands measure the same, of groups that need not be the same.

    Raises
    ------
    TableError
        There is no run.
    """
    if not runs:
        raise TableError("there is no run to estimate from")
    values = np.array([point(groups, estimand) for groups, estimand in runs])
    errors = [standard_error(groups, estimand) for groups, estimand in runs]
    known = [error for error in errors if error is not None]
    of_speakers = float(np.sqrt(np.mean(np.square(known)))) if len(known) == len(runs) else None
    speakers = min(len(groups[group]) for groups, estimand in runs for group in estimand.groups)
    restore = runs[0][1].restore
    return crossed(float(values.mean()), of_speakers, values, speakers, restore, confidence=confidence)


def crossed(
    value: float,
    of_speakers: float | None,
    of_runs: Array,
    speakers: int,
    restore: Callable[[float], float],
    *,
    confidence: float = 0.95,
) -> Estimate:
    """An estimate from several runs with both sources of variance, back on the reported scale.

    Parameters
    ----------
    value
        The estimate on its working scale.
    of_speakers
        Its standard error over speakers; None where it is not known.
    of_runs
        What each run says alone, (R,).
    speakers
        How many speakers the standard error rests on.
    restore
        From the working scale to the reported one.
    """
    from scipy.stats import t

    restored = restore(value) if np.isfinite(value) else None
    if len(of_runs) < 2 or of_speakers is None or not np.isfinite(value) or not np.isfinite(of_runs).all():
        return Estimate(restored, None, None)
    variances = np.array([of_speakers**2, of_runs.var(ddof=1) / len(of_runs)])
    total = variances.sum()
    if total == 0:
        return Estimate(restored, restored, restored)
    freedom = total**2 / (variances**2 / np.array([speakers - 1, len(of_runs) - 1])).sum()
    reach = t.ppf(0.5 + confidence / 2, freedom) * np.sqrt(total)
    return Estimate(restored, restore(value - reach), restore(value + reach))
