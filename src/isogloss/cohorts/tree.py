"""A binary tree over positions, grown best-first by scikit-learn, as nodes that can be written down.

The next split is always the one that, over all leaves, most reduces the weighted squared error of the speakers' rates,

    gain = W_below W_above / (W_below + W_above) * (wer_below - wer_above)^2,

which is CART's criterion (Breiman et al. 1984, section 8.4): the squared difference of the WERs of the two sides,
weighted by their words. scikit-learn's `DecisionTreeRegressor` on speakers, weighted by their words, does just this:
its minimum samples of a leaf are speakers, and its minimum weight words. If speakers have different weights in the
population, leaves count effective speakers (`_Enough`).

scikit-learn gets ranks instead of degrees, since it rounds features to 32 bits, in which two speakers of one street may
have the same position, and only the order matters. Thresholds are then placed midway between the two degrees.

Shapes: S speakers, N positions.
"""

import heapq
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from isogloss.cohorts.rule import Rectangle
from isogloss.cohorts.speaker_sums import Floats, Integers, SpeakerSums
from isogloss.judging.statistics.effective import effective_speakers

ROUNDING = 1e-12
"""Relative size below which a gain, or a difference of two gains, is rounding."""
Node = dict[str, Any]
"""A split has `axis` (0 latitude, 1 longitude), `threshold`, and `below` and `above`, the indices of its children: a
coordinate of at most the threshold is below. A leaf has `cohort`."""


def split_gain(words_below: Floats, errors_below: Floats, words: float, errors: float) -> Floats:
    """Reduction of the weighted squared error; `words_below` lies strictly between 0 and `words`."""
    words_above = words - words_below
    difference = errors_below / words_below - (errors - errors_below) / words_above
    return words_below * words_above / words * difference**2


def grow_tree(
    speakers: SpeakerSums,
    *,
    max_leaves: int,
    min_speakers: int,
    min_words: float,
    accept: Callable[[Integers], bool] | None = None,
) -> list[Node]:
    """Grow a tree; node 0 is the root, and a node's children follow it.

    Leaves are numbered depth first, the south or west side before the other: `geo-001` and so on.

    Parameters
    ----------
    accept
        A significance test, called with the speakers (ascending indices) of each region that is about to be split, best
        split first. None accepts all splits.
    """
    nodes: list[Node] = [{}]
    words, errors = speakers.words_S.sum(), speakers.errors_S.sum()
    if max_leaves > 1 and len(speakers) >= 2 * min_speakers and words >= 2 * min_words and errors > 0:
        # A rejected split is replaced by the next best one, so all splits must be known.
        weighted = bool(np.ptp(speakers.weight_S) > 0)
        most = max_leaves if accept is None and not weighted else None
        ranks = [np.unique(values_S, return_inverse=True) for values_S in speakers.position_S2.T]
        scale = words / errors
        tree = _fitted(speakers, ranks, most, min_speakers, min_words, scale)
        enough = _Enough(speakers, ranks, min_speakers, min_words, scale) if weighted else None
        _take_best(nodes, tree, ranks, max_leaves, accept, enough)
    for number, index in enumerate(_leaves(nodes), start=1):
        nodes[index]["cohort"] = f"geo-{number:03d}"
    return nodes


def leaf_of(nodes: list[Node], position_N2: Floats) -> Integers:
    """The number of the leaf (from 0, in the order of names) at each position; no coordinate may be NaN."""
    leaf_N = np.zeros(len(position_N2), dtype=np.int64)
    numbers = {index: number for number, index in enumerate(_leaves(nodes))}
    waiting = [(0, np.arange(len(position_N2)))]
    while waiting:
        index, row_N = waiting.pop()
        if index in numbers:
            leaf_N[row_N] = numbers[index]
            continue
        below_N = position_N2[row_N, nodes[index]["axis"]] <= nodes[index]["threshold"]
        waiting += [(nodes[index]["below"], row_N[below_N]), (nodes[index]["above"], row_N[~below_N])]
    return leaf_N


def leaf_names(nodes: list[Node]) -> list[str]:
    """The names of the leaves, in the order of their numbers; sorted as text, `geo-1000` would precede `geo-101`."""
    return [nodes[index]["cohort"] for index in _leaves(nodes)]


def rectangles(nodes: list[Node], outline: Rectangle) -> list[Rectangle]:
    """The rectangles of the leaves within an outline of (south, west, north, east)."""
    found: dict[int, Rectangle] = {}
    waiting = [(0, outline)]
    while waiting:
        index, sides = waiting.pop()
        node = nodes[index]
        if "cohort" in node:
            found[index] = sides
            continue
        south_west, north_east = list(sides), list(sides)
        south_west[node["axis"] + 2] = north_east[node["axis"]] = node["threshold"]
        waiting += [(node["below"], tuple(south_west)), (node["above"], tuple(north_east))]  # type: ignore[list-item]
    return [found[index] for index in _leaves(nodes)]


def _fitted(
    speakers: SpeakerSums,
    ranks: list[tuple[Floats, Integers]],
    max_leaves: int | None,
    min_speakers: int,
    min_words: float,
    scale: float,
) -> Any:
    """scikit-learn's tree of all splits, or of the best `max_leaves` - 1; its rates are multiplied by `scale`."""
    rank_S2 = np.column_stack([rank_S for _, rank_S in ranks])
    rate_S = speakers.errors_S / speakers.words_S
    # Speakers are sorted, so that sums round in the same way for any order of rows; rates are relative to the overall
    # rate of the whole map, so that the minimum gain is relative too, and gains of different regions can be compared.
    order_S = np.lexsort((rate_S, speakers.words_S, rank_S2[:, 1], rank_S2[:, 0]))
    words = speakers.words_S.sum()
    tree = DecisionTreeRegressor(
        max_leaf_nodes=max_leaves,
        min_samples_leaf=min_speakers,
        min_weight_fraction_leaf=min(min_words / words * (1 - ROUNDING), 0.5),
        min_impurity_decrease=ROUNDING,
        random_state=0,
    )
    relative_S = rate_S * scale
    return tree.fit(rank_S2[order_S], relative_S[order_S], speakers.words_S[order_S]).tree_


class _Enough:
    """Ensures enough effective speakers on both sides of a split if speakers have different weights.

    scikit-learn counts speakers without weights. If a side of a split has too few effective speakers, the split is
    searched again among those with more speakers on both sides, a quarter more each time, until one has enough or none
    is left (our choice).
    """

    GROWTH = 1.25

    def __init__(
        self,
        speakers: SpeakerSums,
        ranks: list[tuple[Floats, Integers]],
        min_speakers: int,
        min_words: float,
        scale: float,
    ) -> None:
        self._speakers, self._ranks, self._scale = speakers, ranks, scale
        self._min_speakers, self._min_words = min_speakers, min_words

    def holds(self, *sides: Integers) -> bool:
        """Whether each side, given by its speakers, has enough effective speakers."""
        return min(effective_speakers(self._speakers.weight_S[side]) for side in sides) >= self._min_speakers

    def other_split(self, member_S: Integers, heads: int) -> Any:
        """scikit-learn's tree of a region with more than `heads` speakers in each leaf; None if there is none."""
        least = math.ceil(self.GROWTH * (heads + 1))
        region = self._speakers.where(member_S)
        if len(member_S) < 2 * least or region.errors_S.sum() == 0 or region.words_S.sum() < 2 * self._min_words:
            return None
        ranks = [(degrees, rank_S[member_S]) for degrees, rank_S in self._ranks]
        return _fitted(region, ranks, None, least, self._min_words, self._scale)


def _take_best(
    nodes: list[Node],
    tree: Any,
    ranks: list[tuple[Floats, Integers]],
    max_leaves: int,
    accept: Callable[[Integers], bool] | None,
    enough: _Enough | None,
) -> None:
    """Take over the splits of a tree, best first, with thresholds in degrees."""
    waiting: list[tuple[float, int, int, Any, Integers]] = []

    def propose(index: int, source: int, tree: Any, member_S: Integers) -> None:
        below, above = tree.children_left[source], tree.children_right[source]
        if below < 0:
            return
        words, rates = tree.weighted_n_node_samples, tree.value[:, 0, 0]
        errors = words[below] * rates[below] + words[above] * rates[above]
        gain = split_gain(words[below], words[below] * rates[below], words[source], errors)
        heapq.heappush(waiting, (-float(gain), index, int(source), tree, member_S))

    propose(0, 0, tree, np.arange(len(ranks[0][1])))
    leaves = 1
    while waiting and leaves < max_leaves:
        _, index, source, tree, member_S = heapq.heappop(waiting)
        axis = int(tree.feature[source])
        degrees, rank_S = ranks[axis][0], ranks[axis][1][member_S]
        below_S = rank_S <= tree.threshold[source]
        if enough is not None and not enough.holds(member_S[below_S], member_S[~below_S]):
            heads = int(min(below_S.sum(), (~below_S).sum()))
            if (other := enough.other_split(member_S, heads)) is not None:
                propose(index, 0, other, member_S)
            continue
        if accept is not None and not accept(member_S):
            continue
        left, right = degrees[rank_S[below_S].max()], degrees[rank_S[~below_S].min()]
        middle = left + (right - left) / 2
        nodes[index] |= {
            "axis": axis,
            # Two adjacent floating-point numbers have no number between them.
            "threshold": float(middle if middle < right else left),
            "below": len(nodes),
            "above": len(nodes) + 1,
        }
        nodes += [{}, {}]
        leaves += 1
        propose(len(nodes) - 2, tree.children_left[source], tree, member_S[below_S])
        propose(len(nodes) - 1, tree.children_right[source], tree, member_S[~below_S])


def _leaves(nodes: list[Node]) -> list[int]:
    """The indices of the leaves, depth first."""
    leaves, waiting = [], [0]
    while waiting:
        index = waiting.pop()
        if "axis" in nodes[index]:
            waiting += [nodes[index]["above"], nodes[index]["below"]]
        else:
            leaves.append(index)
    return leaves
