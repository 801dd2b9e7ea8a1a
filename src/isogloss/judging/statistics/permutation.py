"""Permutation tests with speakers as the units that are exchanged.

`sign_flip`: if two systems do not differ, the two outcomes of a speaker may be swapped. `exchange_groups`: if
two groups of speakers do not differ, a speaker may be in either. Both are two-sided, enumerate all
arrangements where these are no more than the permutations asked for, and otherwise count (1 + as extreme) /
(1 + drawn), which is never 0 (Phipson & Smyth 2010).
"""

import itertools
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isogloss.errors import TableError

Array = NDArray[np.float64]

CHUNK_CELLS = 1 << 20
"""Swaps or memberships that are held at once (arrangements x speakers)."""

TIE = 1e-9
"""Relative difference below which two statistics count as equal, against rounding."""

EXTREME = 1e12
"""The statistic of a group without any error."""


def sign_flip(
    before: ArrayLike,
    after: ArrayLike,
    denominator: ArrayLike,
    *,
    denominator_after: ArrayLike | None = None,
    permutations: int = 10000,
    seed: int = 1,
) -> float:
    """p value of "the two systems do not differ", with the speakers' outcomes swapped at random.

    One number a speaker each, as in `intervals.paired_change`. The statistic is |rate after - rate before|.
    Speakers whose outcomes are equal change nothing and are left out; when all are, p is 1. An arrangement without a
    rate, because nothing is left to divide by, counts as extreme; without an observed one p is 1.
    """
    first = np.stack([np.asarray(before, dtype=np.float64), np.asarray(denominator, dtype=np.float64)], axis=1)
    last = denominator if denominator_after is None else denominator_after
    second = np.stack([np.asarray(after, dtype=np.float64), np.asarray(last, dtype=np.float64)], axis=1)
    total, swing = (first + second).sum(axis=0), second - first
    swing = swing[(swing != 0).any(axis=1)]
    speakers = len(swing)
    if speakers == 0:
        return 1.0

    def statistic(turned: NDArray[np.uint8]) -> Array:
        moved = swing.sum(axis=0) - 2 * (turned.astype(np.float64) @ swing)
        higher, lower = (total + moved) / 2, (total - moved) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.abs(higher[:, 0] / higher[:, 1] - lower[:, 0] / lower[:, 1])

    observed = statistic(np.zeros((1, speakers), dtype=np.uint8))[0]
    chunk = max(1, CHUNK_CELLS // speakers)
    if 2 ** min(speakers - 1, 60) <= permutations:
        # Turning all signs at once leaves the statistic as it is: half of the arrangements are enough.
        count, number = 0, 2 ** (speakers - 1)
        for start in range(0, number, chunk):
            codes = np.arange(start, min(start + chunk, number))[:, None]
            turned = ((codes >> np.arange(speakers)) & 1).astype(np.uint8)
            count += _as_extreme(statistic(turned), observed)
        return count / number
    rng, count = np.random.default_rng(seed), 0
    for start in range(0, permutations, chunk):
        rows = min(chunk, permutations - start)
        bits = np.unpackbits(rng.integers(0, 256, size=(rows, -(-speakers // 8)), dtype=np.uint8), axis=1)
        count += _as_extreme(statistic(bits[:, :speakers]), observed)
    return (1 + count) / (1 + permutations)


def exchange_groups(
    group: tuple[ArrayLike, ArrayLike],
    other: tuple[ArrayLike, ArrayLike],
    *,
    permutations: int = 10000,
    seed: int = 1,
    one_sided: bool = False,
) -> float:
    """p value of "the rates of two groups of speakers do not differ", with their membership exchanged.

    Each group is (numerators, denominators), one number a speaker. The statistic is the logarithm of the ratio of the
    rates over its linearised standard error: studentised, the test also holds asymptotically where the groups have the
    same rate but differ in spread or size (Chung & Romano 2013). Error counts are skewed, so a small group's high rate
    comes with a large standard error: a difference studentised as it is would hardly ever call a small group worse.
    Two-sided means twice the smaller tail, so that either direction has half of the level. `one_sided` asks whether
    `group` is worse than `other`.

    Raises
    ------
    TableError
        A group has fewer than two speakers: it has no standard error.
    """
    parts = [
        np.stack([np.asarray(n, dtype=np.float64), np.asarray(d, dtype=np.float64)], axis=1) for n, d in (group, other)
    ]
    totals, size = np.concatenate(parts), len(parts[0])
    codes = np.repeat([0, 1], [size, len(parts[1])])
    if min(size, len(totals) - size) < 2:
        raise TableError(f"groups of {size} and {len(totals) - size} speakers: each needs two at least")
    if math.comb(len(totals), size) > permutations:
        p = exchange_cohorts(totals, codes, permutations=permutations, seed=seed, one_sided=one_sided)[0]
        return 1.0 if p is None else p
    columns = _columns(totals)
    arrangements = np.array(list(itertools.combinations(range(len(totals)), size)))
    values = _against_rest(
        columns[arrangements].sum(axis=1)[:, None], columns.sum(axis=0), np.array([size]), len(totals)
    )
    higher, lower = _tails(values, values[0]) / len(values)
    return float(higher[0] if one_sided else min(1.0, 2 * min(higher[0], lower[0])))


def exchange_cohorts(
    totals_S2: ArrayLike,
    cohorts: ArrayLike,
    *,
    permutations: int = 10000,
    seed: int = 1,
    one_sided: bool = False,
) -> list[float | None]:
    """p values of each cohort against all other speakers, as `exchange_groups`, from the same random
    exchanges.

    Parameters
    ----------
    totals_S2
        (S, 2) numerators and denominators, a row a speaker.
    cohorts
        (S,) cohort of each speaker as a number from 0; a speaker has one.
    permutations, seed, one_sided
        As in `exchange_groups`.

    Returns
    -------
    A p value for each cohort number; None for a cohort with fewer than two speakers or no denominator in it or
    outside it.
    """
    codes = np.asarray(cohorts)
    sizes, speakers = np.bincount(codes), len(codes)
    columns = _columns(np.asarray(totals_S2, dtype=np.float64)[np.argsort(codes, kind="stable")])
    starts, everything = np.concatenate([[0], np.cumsum(sizes)[:-1]]), columns.sum(axis=0)

    inside = np.add.reduceat(columns, starts, axis=0)
    observed = _against_rest(inside[None], everything, sizes, speakers)[0]
    rng, counts = np.random.default_rng(seed), np.zeros((2, len(sizes)), dtype=np.int64)
    chunk = max(1, CHUNK_CELLS // (len(sizes) * columns.shape[1]))
    for start in range(0, permutations, chunk):
        rows = min(chunk, permutations - start)
        sums = np.empty((rows, len(sizes), columns.shape[1]))
        for row in range(rows):  # one at a time: what a permutation gathers stays in the processor's cache
            np.add.reduceat(columns.take(rng.permutation(speakers), axis=0), starts, axis=0, out=sums[row])
        counts += _tails(_against_rest(sums, everything, sizes, speakers), observed)
    higher, lower = (1 + counts) / (1 + permutations)
    p_values = higher if one_sided else np.minimum(1.0, 2 * np.minimum(higher, lower))
    able = (np.minimum(sizes, speakers - sizes) >= 2) & (np.minimum(inside, everything - inside)[:, 1] > 0)
    return [float(p) if judged else None for p, judged in zip(p_values, able, strict=True)]


def _columns(totals: Array) -> Array:
    """n, d, n^2, d^2, n d of each speaker."""
    return np.concatenate([totals, totals**2, totals[:, :1] * totals[:, 1:]], axis=1)


def _against_rest(inside: Array, everything: Array, sizes: NDArray[np.int64], speakers: int) -> Array:
    """Studentised log ratio of cohorts and their rest, (arrangements, cohorts), from sums of `_columns`.

    A group without any error is below all others; two such groups are equal.
    """
    rate, variance = _rate_and_variance(inside, sizes)
    rate_outside, variance_outside = _rate_and_variance(everything - inside, speakers - sizes)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(variance / rate**2 + variance_outside / rate_outside**2)
        values = (np.log(rate) - np.log(rate_outside)) / error
    values = np.where(np.isnan(values), 0.0, np.clip(values, -EXTREME, EXTREME))
    none, none_outside = rate <= TIE * rate_outside, rate_outside <= TIE * rate
    return np.select([none & none_outside, none, none_outside], [0.0, -EXTREME, EXTREME], values)


def _rate_and_variance(sums: Array, speakers: NDArray[np.int64]) -> tuple[Array, Array]:
    """Ratio of sums and its linearised variance, from sums of (n, d, n^2, d^2, n d)."""
    numerator, denominator, square_n, square_d, product = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = numerator / denominator
        residuals = square_n - 2 * rate * product + rate**2 * square_d
        return rate, np.maximum(residuals, 0) / denominator**2 * (speakers / np.maximum(speakers - 1, 1))


def _as_extreme(values: Array, observed: float) -> int:
    """How many are at least as extreme as what was observed; what is undefined is."""
    with np.errstate(invalid="ignore"):
        return int(np.count_nonzero(~(values < observed - TIE * abs(observed))))


def _tails(values: Array, observed: Array) -> NDArray[np.int64]:
    """How many of the arrangements are at least as high, and at least as low, as what was observed, (2, cohorts)."""
    slack = TIE * np.abs(observed)
    return np.stack([(values >= observed - slack).sum(axis=0), (values <= observed + slack).sum(axis=0)])
