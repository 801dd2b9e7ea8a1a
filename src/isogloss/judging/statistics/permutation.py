"""Permutation tests whose exchangeable units are speakers.

`sign_flip`: if two systems do not differ, the two outcomes of a speaker may be swapped. `exchange_cohorts`: if two
groups of speakers do not differ, a speaker may be in either. Both count (1 + as extreme) / (1 + drawn), which is never
0 (Phipson & Smyth 2010); sign flips are enumerated where they are no more than the permutations asked for.
"""

import functools
import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

CHUNK_CELLS = 1 << 20
"""Number of swaps or memberships in memory at once (arrangements x speakers)."""

TIE = 1e-9
"""Relative difference below which two statistics count as equal, against rounding."""

HELD_CELLS = 64_000_000
"""Largest product of speakers and permutations whose orders are kept for the next test, at 2 or 4 bytes each."""

EXTREME = 1e12
"""Absolute value of the statistic where a cohort, or all others, have no errors; larger values are clipped to it."""


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

    Each argument has one number per speaker, summed over their utterances with weights multiplied in. The statistic is
    |rate after - rate before|. Speakers whose outcomes are equal change nothing and are left out; when all are, p is 1.
    An arrangement without a rate, because nothing is left to divide by, counts as extreme; without an observed one p is
    1.
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
        # Flipping all signs does not change the statistic, so half of the arrangements are enough.
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


def exchange_cohorts(
    totals_S2: ArrayLike,
    cohorts: ArrayLike,
    *,
    permutations: int = 10000,
    seed: int = 1,
) -> list[float | None]:
    """p values of "a cohort and all other speakers have the same rate", with membership exchanged at random.

    The statistic is the logarithm of the ratio of the rates over its linearised standard error: studentised, the test
    also holds asymptotically where both have the same rate but differ in spread or size (Chung & Romano 2013). Error
    counts are skewed, so a small cohort's high rate comes with a large standard error: a difference studentised as it
    is would hardly ever call a small cohort worse. Two-sided means twice the smaller tail, so that either direction has
    half of the level. All cohorts are judged from the same exchanges.

    Parameters
    ----------
    totals_S2
        (S, 2) numerators and denominators, a row a speaker.
    cohorts
        (S,) cohort of each speaker as a number from 0; a speaker has one.
    permutations, seed
        As in `sign_flip`.

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
    orders, counts = exchanges(speakers, permutations, seed), np.zeros((2, len(sizes)), dtype=np.int64)
    chunk = max(1, CHUNK_CELLS // (len(sizes) * columns.shape[1]))
    for start in range(0, permutations, chunk):
        rows = min(chunk, permutations - start)
        sums = np.empty((rows, len(sizes), columns.shape[1]))
        for row in range(rows):  # One permutation at a time, so that its data stay in the processor's cache.
            np.add.reduceat(columns.take(next(orders), axis=0), starts, axis=0, out=sums[row])
        counts += _tails(_against_rest(sums, everything, sizes, speakers), observed)
    higher, lower = (1 + counts) / (1 + permutations)
    p_values = np.minimum(1.0, 2 * np.minimum(higher, lower))
    able = (np.minimum(sizes, speakers - sizes) >= 2) & (np.minimum(inside, everything - inside)[:, 1] > 0)
    return [float(p) if judged else None for p, judged in zip(p_values, able, strict=True)]


def exchanges(speakers: int, permutations: int, seed: int) -> Iterator[NDArray[np.integer]]:
    """Orders of the numbers below `speakers`, as `default_rng(seed).permutation(speakers)` gives them one by one.

    Tests of several groupings of the same speakers use the same orders, and drawing them takes longer than using them,
    so they are kept if they are few enough (`HELD_CELLS`).
    """
    if speakers * permutations > HELD_CELLS:
        rng = np.random.default_rng(seed)
        return (rng.permutation(speakers) for _ in range(permutations))
    held = _held(speakers, seed)
    return (held.order(number) for number in range(permutations))


class _Held:
    """Keeps the permutations that were drawn, so that several threads can use them again."""

    def __init__(self, speakers: int, seed: int) -> None:
        self._speakers, self._rng, self._lock = speakers, np.random.default_rng(seed), threading.Lock()
        self._orders: list[NDArray[np.integer]] = []

    def order(self, number: int) -> NDArray[np.integer]:
        """The permutation of this number, counted from 0."""
        with self._lock:
            while len(self._orders) <= number:
                small = np.uint16 if self._speakers <= 1 << 16 else np.uint32
                self._orders.append(self._rng.permutation(self._speakers).astype(small))
        return self._orders[number]


_held = functools.lru_cache(maxsize=1)(_Held)


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
    """How many values are at least as extreme as the observed one; undefined values count as extreme."""
    with np.errstate(invalid="ignore"):
        return int(np.count_nonzero(~(values < observed - TIE * abs(observed))))


def _tails(values: Array, observed: Array) -> NDArray[np.int64]:
    """How many of the arrangements are at least as high, and at least as low, as what was observed, (2, cohorts)."""
    slack = TIE * np.abs(observed)
    return np.stack([(values >= observed - slack).sum(axis=0), (values <= observed + slack).sum(axis=0)])
