"""The search for slices: conjunctions of conditions whose rows have a higher error rate than all others.

A condition is a value of an attribute, or one side of a quartile of a measure. All conjunctions of up to a given number
of conditions on different columns are tried; a statistic for each is the difference of the error rates inside and
outside, over its standard error over speakers (linearised, a speaker inside and outside counting once). Since very many
are tried, the best one must remain significant after Bonferroni's adjustment: its one-sided p value times the number
tried is at most alpha. The rows of a found slice are removed and the search continues among the rest, so that slices
form an ordered list and every row is in one (sequential covering; our choice, so that a row has one cohort, after slice
finding as in Chung et al. 2020, "Automated Data Slicing for Model Validation").

Shapes: N rows, S speakers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isogloss.cohorts.speaker_sums import Floats, Integers

Mask = NDArray[np.bool_]
QUARTILES = (0.25, 0.5, 0.75)
MOST_VALUES = 50
"""An attribute with more values is left out: each value would be a condition, and few have enough speakers."""

ROUNDING = 1e-12
"""A standard error below this share of the error rate is rounding: all speakers of a side have the same rate."""


@dataclass(frozen=True, order=True)
class Condition:
    """One condition on a column: `is` a value, or `at_most` or `above` a number."""

    column: str
    kind: Literal["is", "at_most", "above"]
    value: str | float

    def holds(self, values_N: NDArray) -> Mask:
        """A mask of the rows that meet the condition; a missing value meets no condition."""
        if self.kind == "is":
            return np.asarray(values_N == self.value, dtype=bool)
        numbers_N, limit = values_N.astype(np.float64), float(self.value)
        return numbers_N <= limit if self.kind == "at_most" else numbers_N > limit


@dataclass(frozen=True)
class Slice:
    """A conjunction that was found, with the number of conjunctions that were tried."""

    conditions: tuple[Condition, ...]
    searched: int
    p: float
    """One-sided p value, before it is multiplied by `searched`."""


@dataclass(frozen=True)
class Rows:
    """The data of a search: columns; errors, words and speaker (0 to S - 1) of each row; the weight of each speaker."""

    columns: dict[str, NDArray]
    errors_N: Floats
    words_N: Floats
    speaker_N: Integers
    weight_S: Floats


def find_slices(
    rows: Rows,
    *,
    max_slices: int,
    max_conditions: int,
    min_speakers: float,
    min_words: float,
    alpha: float,
) -> list[Slice]:
    """Slices in the order in which they were found, the most certain first.

    Parameters
    ----------
    min_speakers
        Effective speakers (Kish's number by their weights) inside and outside of a slice.
    """
    conditions = list(conditions_of(rows.columns))
    masks = [condition.holds(rows.columns[condition.column]) for condition in conditions]
    left_N = np.ones(len(rows.words_N), dtype=bool)
    found: list[Slice] = []
    while len(found) < max_slices:
        best, searched = None, 0
        for chosen in _conjunctions(conditions, max_conditions):
            inside_N = left_N & np.logical_and.reduce([masks[number] for number in chosen])
            p = one_sided_p(rows, inside_N, left_N, min_speakers=min_speakers, min_words=min_words)
            if p is None:
                continue
            searched += 1
            # Conjunctions of fewer conditions come first and are kept if more do not improve the p value.
            if best is None or p < best[0]:
                best = p, chosen, inside_N
        if best is None or best[0] * searched > alpha:
            return found
        found.append(Slice(tuple(conditions[number] for number in best[1]), searched, best[0]))
        left_N = left_N & ~best[2]
    return found


def conditions_of(columns: dict[str, NDArray]) -> Iterator[Condition]:
    """Every condition that the columns allow: values of text, quartiles of numbers."""
    for column, values_N in columns.items():
        if values_N.dtype.kind == "f":
            known = values_N[np.isfinite(values_N)]
            for value in np.unique(np.quantile(known, QUARTILES)) if len(known) else ():
                if known.min() <= value < known.max():
                    yield Condition(column, "at_most", float(value))
                    yield Condition(column, "above", float(value))
            continue
        values = sorted({value for value in values_N if value is not None})
        if 1 < len(values) <= MOST_VALUES:
            yield from (Condition(column, "is", value) for value in values)


def one_sided_p(rows: Rows, inside_N: Mask, among_N: Mask, *, min_speakers: float, min_words: float) -> float | None:
    """The p value of "the rate inside is not higher than outside".

    None if either side is too small, or if all speakers of a side have the same rate: then there is no standard error.
    """
    from scipy.stats import t

    speakers = len(rows.weight_S)
    influence_S = np.zeros(speakers)
    rates = []
    fewest = np.inf
    for side_N, sign in ((inside_N, 1.0), (among_N & ~inside_N, -1.0)):
        speaker_R = rows.speaker_N[side_N]
        words_S = np.bincount(speaker_R, rows.words_N[side_N], minlength=speakers).astype(np.float64)
        words = words_S.sum()
        if words < min_words or words == 0 or _effective(rows.weight_S[words_S > 0]) < min_speakers:
            return None
        errors_S = np.bincount(speaker_R, rows.errors_N[side_N], minlength=speakers)
        rate = errors_S.sum() / words
        influence_S += sign * (errors_S - rate * words_S) / words
        rates.append(rate)
        fewest = min(fewest, _effective(words_S))
    error = float(np.sqrt((influence_S**2).sum()))
    if error <= ROUNDING * max(rates):
        return None
    return float(t.sf((rates[0] - rates[1]) / error, max(fewest - 1, 1)))


def _effective(weight_S: Floats) -> float:
    """Kish's effective number, (sum w)^2 / sum w^2."""
    return float(weight_S.sum() ** 2 / (weight_S**2).sum())


def _conjunctions(conditions: Sequence[Condition], most: int) -> Iterator[tuple[int, ...]]:
    """Numbers of conditions on different columns, or both sides of one measure, fewer conditions first."""
    for size in range(1, most + 1):
        for chosen in combinations(range(len(conditions)), size):
            held = [(conditions[number].column, conditions[number].kind) for number in chosen]
            attributes = [column for column, kind in held if kind == "is"]
            if len(set(held)) == size and len(set(attributes)) == len(attributes):
                yield chosen
