"""Intervals of claims with the degrees of freedom of a report: by the speakers who decide, and not by heads.

A change of the worst cohort rests on few speakers where some have large weights or most of the errors. Reports count
the degrees of freedom of their intervals by these speakers, and give no interval where too few decide
(`isogloss.judging.statistics.intervals`). Here the same is done for a mean over base models: the deciding speakers and
the degrees of freedom are harmonic means over base models, which are judged on the same speakers (our choice).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isogloss.judging.statistics.estimands import Estimand

# Its name is private, but a second copy of the formula could come to differ from the reports' intervals.
from isogloss.judging.statistics.intervals import Estimate, _freedom, bootstrap, point, standard_error
from isogloss.judging.statistics.seeds import crossed

Array = NDArray[np.float64]


def mean_by_deciding_speakers(
    parts: Sequence[tuple[Sequence[Array], Estimand]], *, min_deciding: float, confidence: float = 0.95
) -> Estimate:
    """The mean of the estimates of base models, as `mean_over_seeds`, with degrees of freedom by deciding speakers.

    Parameters
    ----------
    parts
        Groups and estimand of each base model.
    min_deciding
        Deciding speakers below which there is no interval.
    """
    values = np.array([point(groups, estimand) for groups, estimand in parts])
    restore = parts[0][1].restore
    mean = float(values.mean())
    errors = [standard_error(groups, estimand) for groups, estimand in parts]
    deciding = [bootstrap(groups, [estimand], resamples=1)[0].rests_on for groups, estimand in parts]
    speakers = [sum(len(groups[number]) for number in estimand.groups) for groups, estimand in parts]
    known = [
        (error, one, _freedom(one, number))
        for error, one, number in zip(errors, deciding, speakers, strict=True)
        if error is not None and one is not None
    ]
    if len(known) < len(parts) or _harmonic([one for _, one, _ in known]) < min_deciding:
        return Estimate(restore(mean) if np.isfinite(mean) else None, None, None)
    freedom = _harmonic([each or 1.0 for _, _, each in known])
    error = float(np.sqrt(np.mean([error**2 for error, _, _ in known])))
    return crossed(mean, error, values, 1 + int(freedom), restore, confidence=confidence)


def _harmonic(values: Sequence[float]) -> float:
    """The harmonic mean."""
    return len(values) / sum(1 / value for value in values)
