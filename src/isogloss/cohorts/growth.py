"""Best-first growth of a binary tree over the map.

The next split is always the one that, over all leaves, most reduces the weighted squared error of the rates,

    gain = W_below W_above / (W_below + W_above) * (wer_below - wer_above)^2,

which is CART's criterion (Breiman et al. 1984, section 8.4; scikit-learn's DecisionTreeRegressor with
`max_leaf_nodes` grows the same way). It rises with the WER difference of the two sides and with the words that bear
it out. Each side holds at least `min_speakers` distinct speakers and `min_words` words.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isogloss.cohorts.regions import Boundaries, Region, make_region, refined
from isogloss.cohorts.units import Floats, Units

ROUNDING = 1e-12
"""Relative size below which a gain, or a difference of two gains, is rounding."""


@dataclass(frozen=True)
class Bounds:
    """Least contents of a leaf."""

    min_speakers: int
    min_words: float


@dataclass(frozen=True)
class Split:
    """A cut of a region: rows whose coordinate on `axis` (0 latitude, 1 longitude) is at most `threshold` go below."""

    axis: int
    threshold: float
    cut: int
    gain: float


@dataclass
class Node:
    """A node of the grown tree; `split` None makes it a leaf, else `below` and `above` are indices of nodes."""

    split: Split | None = None
    below: int = -1
    above: int = -1


def split_gain(words_below: Floats, errors_below: Floats, words: float, errors: float) -> Floats:
    """Reduction of the weighted squared error; `words_below` lies strictly between 0 and `words`."""
    words_above = words - words_below
    difference = errors_below / words_below - (errors - errors_below) / words_above
    return words_below * words_above / words * difference**2


def grow_tree(
    units: Units, *, max_leaves: int, bounds: Bounds, accept: Callable[[Region], bool] | None = None
) -> list[Node]:
    """Grow a tree; node 0 is the root, and a node's children follow it.

    Parameters
    ----------
    accept
        Asked once for each region that is about to be split (a significance test); None accepts all.
    """
    nodes = [Node()]
    regions = {0: make_region(units)}
    waiting: list[tuple[float, int, Split]] = []
    _propose(waiting, 0, regions, units, bounds)
    leaves = 1
    while waiting and leaves < max_leaves:
        _, index, split = heapq.heappop(waiting)
        region = regions.pop(index)
        if accept is not None and not accept(region):
            continue
        node = nodes[index]
        node.split, node.below, node.above = split, len(nodes), len(nodes) + 1
        nodes += [Node(), Node()]
        leaves += 1
        for child, side in zip((node.below, node.above), region.cut(split.axis, split.cut), strict=True):
            regions[child] = side
            _propose(waiting, child, regions, units, bounds)
    return nodes


def _propose(
    waiting: list[tuple[float, int, Split]], index: int, regions: dict[int, Region], units: Units, bounds: Bounds
) -> None:
    """Queue the best split of a leaf, and forget the region of a leaf that has none."""
    regions[index] = region = refined(regions[index], units)
    split = best_split(region, units, bounds)
    if split is None:
        del regions[index]
    else:
        heapq.heappush(waiting, (-split.gain, index, split))


def best_split(region: Region, units: Units, bounds: Bounds) -> Split | None:
    """The admissible boundary of largest gain, of equal ones the first on latitude; None if none gains."""
    words, errors, members = region.totals_3
    if words < 2 * bounds.min_words or members < 2 * bounds.min_speakers:
        return None
    best: Split | None = None
    for axis in (0, 1):
        boundaries = region.boundaries(axis)
        gain_K = _admissible_gains(region, units, axis, boundaries, bounds)
        if not len(gain_K):
            continue
        # The first of those that differ by rounding alone, so that the order of summation decides nothing.
        k = int(np.argmax(gain_K >= gain_K.max() * (1 - ROUNDING)))
        least = ROUNDING * errors * errors / words if best is None else best.gain * (1 + ROUNDING)
        if gain_K[k] > least:
            best = Split(axis, float(boundaries.thresholds_K[k]), int(boundaries.cuts_K[k]), float(gain_K[k]))
    return best


def _admissible_gains(region: Region, units: Units, axis: int, boundaries: Boundaries, bounds: Bounds) -> Floats:
    """The gain at each boundary, 0 where a side would be too small."""
    words, errors, members = region.totals_3
    words_K, errors_K, units_K = boundaries.below_3K
    # Speakers with several positions: a side with n units has at least n / most_per_speaker speakers and at most n.
    fewest_K = np.minimum(units_K, members - units_K)
    possible_K = (fewest_K >= bounds.min_speakers) & (np.minimum(words_K, words - words_K) >= bounds.min_words)
    possible_K &= (words_K > 0) & (words_K < words)
    gain_K = np.zeros(len(words_K))
    gain_K[possible_K] = split_gain(words_K[possible_K], errors_K[possible_K], words, errors)
    certain_K = fewest_K >= bounds.min_speakers * units.most_per_speaker
    best_certain = gain_K[certain_K].max(initial=0.0)
    if np.any(gain_K[~certain_K] > best_certain):
        gain_K[~enough_speakers(region, units, axis, boundaries, bounds.min_speakers)] = 0.0
    else:
        gain_K[~certain_K] = 0.0
    return gain_K


def enough_speakers(
    region: Region, units: Units, axis: int, boundaries: Boundaries, min_speakers: int
) -> NDArray[np.bool_]:
    """Whether both sides of each boundary have `min_speakers` distinct speakers, counted exactly."""
    if units.speaker_U is None:
        members_K = boundaries.below_3K[2]
        return np.minimum(members_K, region.totals_3[2] - members_K) >= min_speakers
    members_U = region.members()
    speaker_U = units.speaker_U[members_U]
    starts_S = np.flatnonzero(np.diff(speaker_U, prepend=-1))
    side_U = np.searchsorted(boundaries.thresholds_K, units.coordinates[axis][members_U], side="left")
    first_S = np.minimum.reduceat(side_U, starts_S)
    last_S = np.maximum.reduceat(side_U, starts_S)
    boundaries_count = len(boundaries.thresholds_K)
    # A speaker is below boundary k if some unit of his lies at or before it, above if some unit lies after it.
    below_K = np.cumsum(np.bincount(first_S, minlength=boundaries_count + 1))[:-1]
    above_K = len(starts_S) - np.cumsum(np.bincount(last_S, minlength=boundaries_count + 1))[:-1]
    return np.minimum(below_K, above_K) >= min_speakers
