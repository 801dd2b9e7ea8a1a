"""Any number of systems on the same speakers: their rates in every cohort, and which do not differ significantly.

In each cohort all pairs of systems are compared at once: the logarithm of the ratio of two rates has the linearised
standard error over speakers (all systems of a speaker together, so that what makes a speaker hard for all of them
cancels), and the critical value is that of the largest |t| over all pairs under a multivariate t distribution with
their estimated correlation (Hothorn, Bretz & Westfall 2008), at a level divided by the number of cohorts of the
grouping (Bonferroni). So with probability `confidence` all intervals of a grouping hold together. Few effective
speakers have few degrees of freedom, and wide intervals. Where all speakers have the same ratio, or a few of them
decide on it (`statistics.intervals.deciding_speakers`), there is no interval. A few are less than a tenth of the
speakers (our choice), and `min_deciding` at most: fewer speakers have fewer degrees of freedom, which count here.

Shapes: S speakers, Y systems, P pairs of systems.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import StatisticsParams
from isogloss.judging.document import PairRatio, SideBySide, SystemRate, SystemsRow
from isogloss.judging.pairing import pair_utterances, sums_by_cohort, totals_of
from isogloss.judging.rates import effective_with_words, has_inference, speakers_by_words
from isogloss.judging.record import Interval
from isogloss.judging.statistics.intervals import deciding_speakers

Array = NDArray[np.float64]

DRAWS = 20_000
"""Number of draws from the multivariate t distribution."""
LEAST_SHARE = 0.1
"""Share of the effective speakers who must decide on a figure for it to have an interval (`min_deciding` speakers are
always enough)."""


def side_by_side(
    systems: Mapping[str, pd.DataFrame],
    groupings: Sequence[tuple[str, pd.Series, Mapping[str, str]]],
    statistics: StatisticsParams,
    *,
    speakers_known: bool = True,
) -> SideBySide:
    """The rates of all systems, of all speakers and of each cohort.

    Parameters
    ----------
    systems
        Tables of word errors with the same rows in the same order.
    groupings
        Name, the shown cohort of each row (NaN where there is none), and labels by cohort.
    statistics
        Confidence, seed and estimand; a cohort without inference (`rates.has_inference`) has neither intervals nor
        ties.
    """
    pairs = [pair_utterances(table, alike=statistics.estimand == "speakers") for table in systems.values()]
    everybody = pd.Series("all", index=pairs[0].index)
    rows = []
    for name, cohorts, labels in [("", everybody, {"all": "all speakers"}), *groupings]:
        sums = [sums_by_cohort(table, cohorts) for table in pairs]
        found = sorted(sums[0]["cohort"].unique())
        for cohort in found:
            parts = [one[one["cohort"] == cohort] for one in sums]
            errors_SY = np.stack([part["errors_before"].to_numpy(np.float64) for part in parts], axis=1)
            words_S = parts[0]["words_before"].to_numpy(np.float64)
            effective = effective_with_words(parts[0])
            able = speakers_known and effective >= 2 and has_inference(parts[0], statistics)
            least = min(statistics.min_deciding, effective * LEAST_SHARE)
            able = able and speakers_by_words([totals_of(parts[0])], [0]) >= least
            level = (1 - statistics.confidence) / len(found)
            freedom = effective - 1 if able else None
            rates, ratios = _compare(errors_SY, words_S, list(systems), level, statistics, freedom=freedom, least=least)
            speakers = len(words_S) if speakers_known else None
            words = int(parts[0]["words"].sum())
            rows.append(
                SystemsRow(
                    grouping=name,
                    cohort=cohort,
                    label=labels.get(cohort, cohort),
                    speakers=speakers,
                    words=words,
                    rates=rates,
                    ratios=ratios,
                    best=_best(rates, ratios) if able else [],
                )
            )
    return SideBySide(systems=list(systems), rows=rows)


def _compare(
    errors_SY: Array,
    words_S: Array,
    names: list[str],
    level: float,
    statistics: StatisticsParams,
    *,
    freedom: float | None,
    least: float,
) -> tuple[list[SystemRate], list[PairRatio]]:
    """The rate of each system with its interval, and the ratio of each pair with a simultaneous one.

    Neither has an interval where there are no degrees of freedom, or fewer than `least` speakers decide.
    """
    errors_Y, words = errors_SY.sum(axis=0), words_S.sum()
    if words <= 0:
        return [SystemRate(rate=None) for _ in names], []
    rates_Y = errors_Y / words
    plain = [SystemRate(rate=float(rate)) for rate in rates_Y]
    pairs = list(itertools.combinations(range(len(names)), 2))
    if freedom is None or (errors_Y <= 0).any():
        return plain, []
    from scipy import stats  # slow to import

    influence_SY = errors_SY / errors_Y - (words_S / words)[:, None]
    reach = float(stats.t.ppf((1 + statistics.confidence) / 2, freedom))
    error_Y, borne_Y = _standard_error(influence_SY), _borne(influence_SY, least)
    bounded = [
        SystemRate(rate=float(rate), ci95=_around(rate, reach * error) if borne else None)
        for rate, error, borne in zip(rates_Y, error_Y, borne_Y, strict=True)
    ]
    influence_SP = np.stack([influence_SY[:, one] - influence_SY[:, other] for one, other in pairs], axis=1)
    error_P, borne_P = _standard_error(influence_SP), _borne(influence_SP, least)
    critical = _critical(influence_SP[:, error_P > 0], level, freedom, statistics.seed)
    ratios = []
    for (one, other), error, borne in zip(pairs, error_P, borne_P, strict=True):
        ratio = float(rates_Y[one] / rates_Y[other])
        bounds = _around(ratio, critical * error) if error > 0 and borne else None
        ratios.append(PairRatio(first=names[one], second=names[other], ratio=ratio, ci95=bounds))
    return bounded, ratios


def _around(value: float, reach: float) -> Interval:
    """The interval of a value whose logarithm may be off by `reach` either way."""
    return float(value * np.exp(-reach)), float(value * np.exp(reach))


def _borne(influence_SK: Array, least: float) -> list[bool]:
    """Of each column, whether enough speakers decide on the sum of these influences."""
    return [(deciding_speakers(influence_S) or 0.0) >= least for influence_S in influence_SK.T]


def _standard_error(influence_SK: Array) -> Array:
    """Of the sums of influences over speakers, (K,); differences below rounding count as 0."""
    speakers = len(influence_SK)
    error = np.sqrt(speakers / (speakers - 1) * (influence_SK**2).sum(axis=0))
    return np.where(error > 1e-12, error, 0.0)


def _critical(influence_SP: Array, level: float, freedom: float, seed: int) -> float:
    """The value that the largest |t| of all pairs exceeds with probability `level`, if no pair differs."""
    speakers, number = influence_SP.shape
    if number == 0:
        return 0.0
    from scipy import stats

    if number == 1:
        return float(stats.t.ppf(1 - level / 2, freedom))
    scaled = influence_SP / np.sqrt((influence_SP**2).sum(axis=0))
    rng = np.random.default_rng(seed)
    largest = np.abs(rng.standard_normal((DRAWS, speakers)) @ scaled).max(axis=1)
    largest /= np.sqrt(rng.chisquare(freedom, DRAWS) / freedom)
    return float(np.quantile(largest, 1 - level))


def _best(rates: Sequence[SystemRate], ratios: Sequence[PairRatio]) -> list[str]:
    """The system with the lowest rate, and those that do not differ significantly from it."""
    if not ratios:
        return []
    names = list(dict.fromkeys(name for one in ratios for name in (one.first, one.second)))
    lowest = min(zip(names, rates, strict=True), key=lambda pair: pair[1].rate or 0.0)[0]
    apart = {
        name
        for one in ratios
        if lowest in (one.first, one.second) and one.ci95 is not None and not one.ci95[0] <= 1 <= one.ci95[1]
        for name in (one.first, one.second)
    }
    return [name for name in names if name == lowest or name not in apart]
