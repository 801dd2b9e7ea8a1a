"""The effective number of speakers of a weighted figure: Kish's effective sample size."""

import numpy as np
from numpy.typing import ArrayLike

ROUNDING = 1e-9
"""A number that is less than this below a whole number counts as the whole number."""


def effective_speakers(weights: ArrayLike) -> float:
    """Kish's effective number of speakers, (sum w)^2 / sum w^2 (Kish 1965, section 11.7).

    If the weights are independent of the measured values, a weighted mean over the speakers has the variance of an
    unweighted mean over this number of speakers. It equals the number of speakers if all weights are equal, and is
    never larger.

    Parameters
    ----------
    weights
        One a speaker, not negative.

    Returns
    -------
    The effective number; 0 if there is no speaker or all weights are 0.

    Examples
    --------
    >>> effective_speakers([1.0, 1.0, 1.0])
    3.0
    >>> round(effective_speakers([1.63] * 10 + [0.2] * 26), 1)
    16.7
    """
    values = np.asarray(weights, dtype=np.float64)
    squares = float((values**2).sum())
    if squares == 0:
        return 0.0
    number = float(values.sum()) ** 2 / squares
    return float(round(number)) if abs(number - round(number)) < ROUNDING * number else number
