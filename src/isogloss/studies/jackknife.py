"""A mean over base models of a figure of the same test speakers, with the jackknife's error over speakers.

Shapes: B base models, S speakers of test, J = 1 + S: the figure of all speakers, then those of all but one.
"""

import numpy as np
from numpy.typing import NDArray

from isogloss.judging.statistics import Estimate
from isogloss.judging.statistics.estimands import as_is

# The name is private, but a second copy of the formula could come to differ from the reports' intervals.
from isogloss.judging.statistics.intervals import _freedom, deciding_speakers
from isogloss.judging.statistics.seeds import crossed

Array = NDArray[np.float64]


def leave_one_out(rows_S: Array) -> Array:
    """Sums over speakers, (J, ...): of all of them, then of all but each."""
    return rows_S.sum(axis=0) - np.concatenate([np.zeros_like(rows_S[:1]), rows_S])


def mean_over_bases(value_BJ: Array, *, min_deciding: float, confidence: float = 0.95) -> Estimate:
    """The mean over base models, with an interval that crosses these and the speakers.

    It has no value if the figure of a base model is not finite, and no interval if that of a base model without one
    speaker is not, or if fewer than `min_deciding` speakers decide. Degrees of freedom are counted by these, as in a
    report.
    """
    if not np.isfinite(value_BJ[:, 0]).all():
        return Estimate(None, None, None)
    mean_J = value_BJ.mean(axis=0)
    without_S, speakers = mean_J[1:], len(mean_J) - 1
    influence_S = without_S - without_S.mean()
    deciding = deciding_speakers(influence_S)
    freedom = _freedom(deciding, speakers)
    if deciding is None or freedom is None or deciding < min_deciding:
        return Estimate(float(mean_J[0]), None, None)
    error = float(np.sqrt((speakers - 1) / speakers * (influence_S**2).sum()))
    return crossed(float(mean_J[0]), error, value_BJ[:, 0], 1 + int(freedom), as_is, confidence=confidence)
