"""Power: the smallest change that a test on the given speakers would detect.

If a comparison finds nothing, its power tells whether it could have found something. On the logarithmic scale of
`intervals` an estimate over its standard error follows about a t distribution, non-central by effect / error;
the least detectable effect is the one at which the two-sided test rejects with the wanted power (our choice:
t approximation instead of simulation; the tests compare it with simulated rejection).
"""

import numpy as np
from numpy.typing import ArrayLike

from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics.intervals import standard_error, totals_of


def detectable_change(
    before: ArrayLike,
    after: ArrayLike,
    denominator: ArrayLike,
    *,
    denominator_after: ArrayLike | None = None,
    speakers: int | None = None,
    effective: float | None = None,
    power: float = 0.8,
    confidence: float = 0.95,
) -> float | None:
    """The smallest relative reduction of a rate that a test on these speakers would detect (0.3 is 30 %).

    Each argument has one number per speaker, summed over their utterances with weights multiplied in; the variance
    between speakers is estimated from them. With `speakers`, the result is for another number of such speakers.
    `effective` is their effective number (`effective_speakers`), which sets the degrees of freedom. None if the
    standard error is undefined.

    Examples
    --------
    "With 14 speakers you could not have seen less than 30 % relative" is `detectable_change(...) == 0.3` for
    14.
    """
    last = denominator if denominator_after is None else denominator_after
    totals = totals_of(before, denominator, after, last)
    error = standard_error([totals], of.relative_change())
    known = len(totals) if effective is None else effective
    wanted = None if speakers is None else known * speakers / len(totals)
    effect = _least_effect(error, known, wanted, power, confidence)
    return None if effect is None else float(-np.expm1(-effect))


def detectable_ratio(
    group: tuple[ArrayLike, ArrayLike],
    other: tuple[ArrayLike, ArrayLike],
    *,
    effective: float | None = None,
    power: float = 0.8,
    confidence: float = 0.95,
) -> float | None:
    """The smallest ratio above 1 of the rates of two groups that a test would detect (1.5: 50 % more errors).

    Each group is (numerators, denominators), one number per speaker. The degrees of freedom are those of the smaller
    group, which is conservative; `effective` is the effective number of its speakers. None if the standard error is
    undefined.
    """
    totals = [totals_of(*group), totals_of(*other)]
    error = standard_error(totals, of.ratio_of_groups())
    known = min(len(part) for part in totals) if effective is None else effective
    effect = _least_effect(error, known, None, power, confidence)
    return None if effect is None else float(np.exp(effect))


def _least_effect(
    error: float | None, speakers: float, wanted: float | None, power: float, confidence: float
) -> float | None:
    """The effect on the logarithmic scale that a two-sided t test finds with the wanted power."""
    from scipy import optimize, stats  # slow to import

    size = speakers if wanted is None else wanted
    if error is None or size < 2:
        return None
    scaled = error * float(np.sqrt(speakers / size))
    critical = float(stats.t.ppf((1 + confidence) / 2, size - 1))

    def lacking(shift: float) -> float:
        return float(stats.nct.sf(critical, size - 1, shift)) - power

    high = critical + 10.0
    while lacking(high) < 0:
        high *= 2
    return scaled * float(optimize.brentq(lacking, 0.0, high))
