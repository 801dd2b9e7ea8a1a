"""Draws of speakers with replacement, as first and second moments of their totals.

Speakers are the independent units (Liu & Peng 2020, blockwise bootstrap): all utterances of a speaker are drawn
together. A speaker enters as a row of K totals, for instance (errors, words) before and after. A draw of S out of S
speakers is a multinomial vector of counts, so the totals of many draws are one matrix product, and so are the sums of
products that the standard error of each draw needs (`intervals`): no draw is ever stored speaker by speaker.

Shapes: S speakers, K totals of a speaker, P pairs of totals, R draws.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isogloss.errors import TableError

Array = NDArray[np.float64]

CHUNK_CELLS = 1 << 17
"""Number of counts in memory at once (draws x speakers): about 1 MB, which fits the processor's cache."""

MANY_SPEAKERS = 1000
"""With at least this number of speakers, counts are independent Poisson(1) numbers (see `draw_counts`)."""


@dataclass(frozen=True)
class Moments:
    """Totals of one or many draws of the same speakers."""

    speakers: int
    sums: Array
    """Totals of each draw, (R, K)."""
    products: Array
    """Sums over the drawn speakers of x_k x_l, (R, P)."""
    pairs: NDArray[np.intp]
    """The pairs (k, l), k <= l, whose products are not all zero, (P, 2)."""

    def variance(self, gradient_RK: Array) -> Array:
        """Linearised variance of a function of the totals, with its gradient at the totals of each draw.

        S / (S - 1) * sum over speakers of (gradient . x)^2, the infinitesimal jackknife. It is valid for functions that
        do not change when all totals are multiplied by one number (ratios and functions of them), since then the
        influences of the speakers sum to zero. Differences of large sums below rounding count as 0.
        """
        first, second = self.pairs.T
        factor_P = np.where(first == second, 1.0, 2.0)
        terms_RP = gradient_RK[:, first] * gradient_RK[:, second] * self.products * factor_P
        variance_R = terms_RP.sum(axis=1)
        rounding_R = 1e-12 * np.abs(terms_RP).sum(axis=1)
        return np.where(variance_R > rounding_R, variance_R, 0.0) * (self.speakers / max(self.speakers - 1, 1))


def check_totals(values_SK: Array) -> Array:
    """The totals as float64 of shape (S, K).

    Raises
    ------
    TableError
        They are not two-dimensional, there is no speaker, or a total is not finite.
    """
    values = np.ascontiguousarray(values_SK, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] == 0:
        raise TableError(f"totals need the shape (speakers, totals) and at least one speaker, not {values.shape}")
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if wrong.size:
        raise TableError(f"speaker {wrong[0]}: totals {values[wrong[0]].tolist()} are not all finite; drop such rows")
    return values


class Resampler:
    """Draws the speakers of one group repeatedly, from its own stream of random numbers."""

    def __init__(self, values_SK: Array, rng: np.random.Generator) -> None:
        values = check_totals(values_SK)
        self.speakers, self.totals = values.shape
        self._rng = rng
        first, second = np.triu_indices(self.totals)
        present = np.abs(values).T @ np.abs(values)
        keep = present[first, second] > 0
        self.pairs = np.stack([first[keep], second[keep]], axis=1)
        self._columns = np.concatenate([values, values[:, first[keep]] * values[:, second[keep]]], axis=1)

    @property
    def columns(self) -> int:
        """Totals and products of a draw together."""
        return self._columns.shape[1]

    def influences(self, gradient_K: Array) -> Array:
        """The first-order influence of each speaker on a function of the totals, (S,)."""
        return self._columns[:, : self.totals] @ gradient_K

    def observed(self) -> Moments:
        """The moments of the observed speakers: one draw that takes each of them once."""
        return self._moments(self._columns.sum(axis=0, keepdims=True))

    def draw(self, draws: int) -> Moments:
        """The moments of `draws` draws of the speakers with replacement (`draw_counts`)."""
        result = np.empty((draws, self.columns))
        chunk = max(1, CHUNK_CELLS // self.speakers)
        for start in range(0, draws, chunk):
            stop = min(start + chunk, draws)
            np.matmul(draw_counts(stop - start, self.speakers, self._rng), self._columns, out=result[start:stop])
        return self._moments(result)

    def _moments(self, sums: Array) -> Moments:
        """Split the sums of all columns into totals and products."""
        return Moments(self.speakers, sums[:, : self.totals], sums[:, self.totals :], self.pairs)


def draw_counts(draws: int, speakers: int, rng: np.random.Generator) -> Array:
    """How often each draw takes each speaker, (draws, speakers).

    Each draw takes S of S speakers, with equal probabilities. From 1,000 speakers on, each is taken a Poisson(1) number
    of times instead (Hanley & MacGibbon 2006): a draw then has S +- sqrt(S) speakers, which does not affect ratios, and
    it is several times faster.
    """
    if speakers >= MANY_SPEAKERS:
        return _poisson(rng.integers(0, 1 << 16, size=(draws, speakers), dtype=np.uint16))
    taken = rng.integers(0, speakers, size=(draws, speakers), dtype=np.uint16)
    cells = np.add(taken, np.arange(draws)[:, None] * speakers, dtype=np.int64)
    counts = np.bincount(cells.ravel(), minlength=draws * speakers)
    return counts.reshape(draws, speakers).astype(np.float64)


def _poisson(uniform: NDArray[np.uint16]) -> Array:
    """Poisson(1) numbers from 65,536 equally likely integers; each probability is exact to 2e-5.

    Each result is the number of `POISSON_EDGES` that its uniform number reaches. Eight comparisons of whole arrays are
    several times faster than a table look-up for each number.
    """
    counts = (uniform >= POISSON_EDGES[0]).view(np.uint8)
    for edge in POISSON_EDGES[1:]:
        counts += uniform >= edge
    return counts.astype(np.float64)


def _poisson_edges() -> NDArray[np.uint16]:
    """The cumulative probabilities of 0 to 7, in 65,536ths."""
    probabilities = [math.exp(-1) / math.factorial(number) for number in range(8)]
    return np.rint(np.cumsum(probabilities) * (1 << 16)).astype(np.uint16)


POISSON_EDGES = _poisson_edges()
