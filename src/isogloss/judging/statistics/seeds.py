"""Intervals over training seeds and speakers together.

Runs that differ in their seed are judged on the same test speakers, so they are not independent samples of speakers;
and a mean over few seeds stays uncertain with any number of speakers. The two sources are crossed: the variance of an
estimate from all runs is the variance over speakers, with every speaker's totals averaged over the runs, plus the
variance over runs divided by their number. Both parts include the interaction of seed and speaker, so that it is
counted twice and the interval is somewhat too wide (the third term of Cameron, Gelbach & Miller 2011, which would be
subtracted, is left out). The quantile is Student's with the degrees of freedom of Welch and Satterthwaite.

Runs that adapt the same base model show the effect of the mitigation's seed, but not that of the base model. If runs
share base models, the variance over runs is that within base models, with as many degrees of freedom as there are more
runs than base models, and the interval is conditional on these base models (our choice).
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.judging.statistics.estimands import Estimand
from isogloss.judging.statistics.intervals import Estimate, point, standard_error

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


def mean_over_seeds(
    runs: Sequence[tuple[Sequence[Array], Estimand]],
    *,
    bases: Sequence[Hashable] | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """The mean of the estimates of several runs with different groups, on the working scale of the estimand.

    This is for runs with different base models, each of which discovered its own cohorts among the same speakers. The
    variance over speakers is the mean over base models; averaging over these is not assumed to reduce it.

    Parameters
    ----------
    runs
        Groups and estimand of each run; the estimands measure the same, of groups that need not be the same.
    bases
        An identifier of each run's base model; by default each run has its own. Runs of one base model have the same
        speakers in the same groups and rows. They are averaged first, then the base models with equal weight; if any
        base model is shared, the interval is conditional on these base models.

    Raises
    ------
    TableError
        There is no run, or runs of one base model differ in their groups.
    """
    if not runs:
        raise TableError("there is no run to estimate from")
    labels = list(range(len(runs)) if bases is None else bases)
    of_base = [[run for run, label in zip(runs, labels, strict=True) if label == one] for one in dict.fromkeys(labels)]
    values = [np.array([point(groups, estimand) for groups, estimand in same]) for same in of_base]
    errors = [standard_error(_mean_of([groups for groups, _ in same]), same[0][1]) for same in of_base]
    known = [error for error in errors if error is not None]
    of_speakers = float(np.sqrt(np.mean(np.square(known)))) if len(known) == len(errors) else None
    speakers = min(len(groups[group]) for groups, estimand in runs for group in estimand.groups)
    value, restore = float(np.mean([one.mean() for one in values])), runs[0][1].restore
    if len(of_base) == len(runs):
        return crossed(value, of_speakers, np.concatenate(values), speakers, restore, confidence=confidence)
    freedom = len(runs) - len(of_base)
    within = sum(float(((one - one.mean()) ** 2).sum()) for one in values) / freedom
    of_seeds = within * sum(1 / len(one) for one in values) / len(of_base) ** 2
    return _estimate(value, of_speakers, speakers, (of_seeds, freedom), restore, confidence=confidence)


def _mean_of(runs: Sequence[Sequence[Array]]) -> list[Array]:
    """Totals averaged over runs in the same groups of the same speakers."""
    if len({tuple(group.shape for group in run) for run in runs}) > 1:
        raise TableError("runs of one base model are on different groups of speakers; judge all of them on the same")
    return [np.mean([run[group] for run in runs], axis=0) for group in range(len(runs[0]))]


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
        The estimate of each run alone, (R,).
    speakers
        Number of speakers behind the standard error.
    restore
        From the working scale to the reported one.
    """
    if len(of_runs) < 2:
        return Estimate(restore(value) if np.isfinite(value) else None, None, None)
    of_seeds = of_runs.var(ddof=1) / len(of_runs), len(of_runs) - 1
    return _estimate(value, of_speakers, speakers, of_seeds, restore, confidence=confidence)


def _estimate(
    value: float,
    of_speakers: float | None,
    speakers: int,
    of_seeds: tuple[float, int],
    restore: Callable[[float], float],
    *,
    confidence: float,
) -> Estimate:
    """An estimate with its interval; `of_seeds` is the variance from seeds, and the degrees of freedom that it has."""
    from scipy.stats import t

    restored = restore(value) if np.isfinite(value) else None
    if of_speakers is None or not np.isfinite([value, of_seeds[0]]).all():
        return Estimate(restored, None, None)
    variances = np.array([of_speakers**2, of_seeds[0]])
    total = variances.sum()
    if total == 0:
        return Estimate(restored, restored, restored)
    freedom = total**2 / (variances**2 / np.array([speakers - 1, of_seeds[1]])).sum()
    reach = t.ppf(0.5 + confidence / 2, freedom) * np.sqrt(total)
    return Estimate(restored, restore(value - reach), restore(value + reach))
