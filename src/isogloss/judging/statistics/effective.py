"""How many speakers a weighted figure rests on: Kish's effective sample size."""

import numpy as np
from numpy.typing import ArrayLike

ROUNDING = 1e-9
"""So much below a whole number is still that number."""


def effective_speakers(weights: ArrayLike) -> float:
    """Kish's effective number of speakers, (sum w)^2 / sum w^2 (Kish 1965, section 11.7).

    A weighted mean over speakers has the variance that an unweighted one over so many would have, where weights have
    nothing to do with what is measured. It is the number of speakers where all weigh the same, and never more.

    Parameters
    ----------
    weights
        One a speaker, not negative.

    Returns
    -------
    The effective number; 0 where there is no speaker or nobody has any weight.

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
