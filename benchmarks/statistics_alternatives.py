"""Other intervals of a relative change over speakers, to hold beside that of `isogloss.judging.statistics`.

Shapes: S speakers, R draws; totals are errors and words before and after.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

Array = NDArray[np.float64]

DRAWS = 300
SIGNS = np.array([-1.0, 1.0, 1.0, -1.0])
ALTERNATIVES = ("symmetric studentised", "equal-tailed studentised", "Student", "percentile", "BCa")


def alternatives(totals_SK: Array, rng: np.random.Generator, *, alpha: float = 0.05) -> dict[str, tuple[float, float]]:
    """The intervals of after / before - 1 by each method of `ALTERNATIVES` (Efron & Tibshirani 1993, 12 to 14)."""
    speakers = len(totals_SK)
    sums = totals_SK.sum(axis=0)
    value, influence_S = float(np.log(sums) @ SIGNS), totals_SK @ (SIGNS / sums)
    error = np.sqrt(speakers / (speakers - 1) * (influence_S**2).sum())
    counts_RS = rng.multinomial(speakers, np.full(speakers, 1 / speakers), DRAWS).astype(np.float64)
    sums_RK = counts_RS @ totals_SK
    with np.errstate(divide="ignore", invalid="ignore"):
        values_R = np.log(sums_RK) @ SIGNS
        influence_RS = (SIGNS / sums_RK) @ totals_SK.T
        errors_R = np.sqrt(speakers / (speakers - 1) * (counts_RS * influence_RS**2).sum(axis=1))
        ratios_R = (values_R - value) / errors_R
    ratios_R, values_R = ratios_R[np.isfinite(ratios_R)], values_R[np.isfinite(values_R)]
    reach = float(np.quantile(np.abs(ratios_R), 1 - alpha)) * error
    low, high = np.quantile(ratios_R, [alpha / 2, 1 - alpha / 2])
    student = float(t.ppf(1 - alpha / 2, speakers - 1)) * error
    below = (np.sum(values_R < value) + 0.5 * np.sum(values_R == value)) / len(values_R)
    bias = norm.ppf(np.clip(below, 0.001, 0.999))
    skew = (influence_S**3).sum() / (6 * (influence_S**2).sum() ** 1.5)
    wanted = bias + norm.ppf([alpha / 2, 1 - alpha / 2])
    accelerated = norm.cdf(bias + wanted / (1 - skew * wanted))
    ends = {
        "symmetric studentised": (value - reach, value + reach),
        "equal-tailed studentised": (value - high * error, value - low * error),
        "Student": (value - student, value + student),
        "percentile": tuple(np.quantile(values_R, [alpha / 2, 1 - alpha / 2])),
        "BCa": tuple(np.quantile(values_R, accelerated)),
    }
    return {name: (float(np.expm1(first)), float(np.expm1(last))) for name, (first, last) in ends.items()}
