"""The power of a non-inferiority test on given speakers, and the number of speakers that it needs.

A change passes where the upper bound of its interval lies under the margin. On the working scale of the interval (the
logarithm for relative changes) the estimate over its standard error follows about a t distribution, so the probability
of passing is a non-central t, as in `power` (Julious 2004 has it for trials).
"""

import numpy as np

MOST_SPEAKERS = 10_000_000
"""Largest number of speakers for which a margin is planned."""
MANY_SPEAKERS = 500
"""With at least this number of speakers, the t distribution is replaced by the normal one."""


def noninferiority_power(
    error: float, speakers: int, *, margin: float, effect: float = 0.0, level: float, wanted: int | None = None
) -> float:
    """Probability that the upper bound of a change lies under its margin.

    Parameters
    ----------
    error
        Standard error of the change with the given speakers, on its working scale.
    speakers
        How many these are.
    margin, effect
        The largest harm that would not matter, and the true change, on the same scale.
    level
        One-sided, of the bound.
    wanted
        Another number of such speakers for which the power is computed.
    """
    from scipy import stats  # slow to import

    size = speakers if wanted is None else wanted
    if size < 2:
        return 0.0
    shift = (margin - effect) / (error * np.sqrt(speakers / size)) if error > 0 else np.inf * np.sign(margin - effect)
    critical = float(stats.t.ppf(1 - level, size - 1))
    if size >= MANY_SPEAKERS or abs(shift) > 30:
        return float(stats.norm.sf(critical - shift))
    return float(stats.nct.sf(critical, size - 1, shift))


def speakers_for_margin(
    error: float, speakers: int, *, margin: float, effect: float = 0.0, level: float, power: float = 0.8
) -> int | None:
    """The least number of such speakers that pass with probability `power`; None where no number does.

    Parameters as for `noninferiority_power`.
    """

    def reached(size: int) -> bool:
        found = noninferiority_power(error, speakers, margin=margin, effect=effect, level=level, wanted=size)
        return found >= power

    if effect >= margin:
        return None
    high = 2
    while not reached(high):
        high *= 2
        if high > MOST_SPEAKERS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return max(high, 2)
