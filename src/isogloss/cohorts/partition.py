"""A tree as a partition of the map into rectangles: which leaf holds a position, and where a leaf lies.

All thresholds of the tree on both axes divide the map into cells, each wholly inside one leaf. A position finds its
cell by two look-ups and its leaf in a table of cells, however deep the tree.

Shapes: N positions.
"""

from typing import Any

import numpy as np

from isogloss.cohorts.growth import Node
from isogloss.cohorts.rule import Rectangle
from isogloss.cohorts.units import Floats, Integers

TABLE_BINS = 4096
"""Bins of the table of `thresholds_below`."""

LEAST_RANGE = 1e-6
"""Range of thresholds, in degrees, that a table can divide without loss of precision."""

Box = tuple[tuple[int, int], tuple[int, int]]
"""Of both axes, the first cell and the one after the last."""


class Partition:
    """Leaves of a tree in the form of `described`.

    Attributes
    ----------
    cohorts : list of str
        The leaves, in the order of their numbers.
    """

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        self.cohorts = sorted(node["cohort"] for node in nodes if "cohort" in node)
        self._thresholds = [
            np.unique(np.array([node["threshold"] for node in nodes if node.get("axis") == axis], dtype=np.float64))
            for axis in (0, 1)
        ]
        boxes = self._boxes(nodes)
        self._boxes_of_leaves = [boxes[cohort] for cohort in self.cohorts]
        self._leaf_of_cell = np.zeros([len(thresholds) + 1 for thresholds in self._thresholds], dtype=np.int64)
        for number, (rows, columns) in enumerate(self._boxes_of_leaves):
            self._leaf_of_cell[slice(*rows), slice(*columns)] = number

    def leaf_of(self, latitude_N: Floats, longitude_N: Floats) -> Integers:
        """The number of the leaf at each position; no coordinate may be NaN."""
        row_N = thresholds_below(latitude_N, self._thresholds[0])
        column_N = thresholds_below(longitude_N, self._thresholds[1])
        return self._leaf_of_cell[row_N, column_N]

    def rectangle(self, number: int, outline: tuple[tuple[float, float], tuple[float, float]]) -> Rectangle:
        """Where a leaf lies, clipped to an outline of (south, north), (west, east)."""
        sides = [
            [low, *thresholds.tolist(), high] for thresholds, (low, high) in zip(self._thresholds, outline, strict=True)
        ]
        (south, north), (west, east) = self._boxes_of_leaves[number]
        return sides[0][south], sides[1][west], sides[0][north], sides[1][east]

    def _boxes(self, nodes: list[dict[str, Any]]) -> dict[str, Box]:
        """The cells that each leaf covers."""
        boxes: dict[str, Box] = {}
        waiting: list[tuple[int, Box]] = []
        if nodes:
            waiting = [(0, ((0, len(self._thresholds[0]) + 1), (0, len(self._thresholds[1]) + 1)))]
        while waiting:
            index, box = waiting.pop()
            node = nodes[index]
            if "cohort" in node:
                boxes[node["cohort"]] = box
                continue
            axis = node["axis"]
            cell = int(np.searchsorted(self._thresholds[axis], node["threshold"])) + 1
            low, high = box[axis]
            for child, cells in (("below", (low, cell)), ("above", (cell, high))):
                waiting.append((node[child], (cells, box[1]) if axis == 0 else (box[0], cells)))
        return boxes


def thresholds_below(values_N: Floats, thresholds: Floats) -> Integers:
    """How many of the ascending thresholds each value exceeds, as `np.searchsorted(thresholds, values_N)` counts.

    For many values and few thresholds a table does it several times faster than binary search: over bins of equal
    width it holds the thresholds in earlier bins, and the few in a value's own bin are compared one by one.
    """
    if len(values_N) < TABLE_BINS or len(thresholds) < 2 or thresholds[-1] - thresholds[0] < LEAST_RANGE:
        return np.searchsorted(thresholds, values_N, side="left")
    low, per_unit = thresholds[0], TABLE_BINS / (thresholds[-1] - thresholds[0])
    bin_N = _table_bins(values_N, low, per_unit)
    in_bin_B = np.bincount(_table_bins(thresholds, low, per_unit), minlength=TABLE_BINS + 2)
    before_B = np.cumsum(in_bin_B) - in_bin_B
    count_N = before_B[bin_N]
    ascending = np.append(thresholds, np.inf)
    for _ in range(int(in_bin_B.max())):
        count_N += values_N > ascending[count_N]
    return count_N


def _table_bins(values_N: Floats, low: float, per_unit: float) -> Integers:
    """Bins of equal width, one more on either side; order is kept, since floating-point rounding is monotone."""
    scaled_N = values_N - low
    scaled_N *= per_unit
    scaled_N += 1
    np.clip(scaled_N, 0, TABLE_BINS + 1, out=scaled_N)
    return scaled_N.astype(np.intp)


def described(nodes: list[Node]) -> list[dict[str, Any]]:
    """A grown tree as JSON-compatible content: `axis`, `threshold`, `below`, `above` of a split, `cohort` of a leaf.

    Leaves are numbered depth first, the south or west side before the other: `geo-001` and so on.
    """
    leaves, waiting = [], [0]
    while waiting:
        index = waiting.pop()
        if nodes[index].split is None:
            leaves.append(index)
        else:
            waiting += [nodes[index].above, nodes[index].below]
    number = {index: position for position, index in enumerate(leaves, start=1)}
    return [
        {"cohort": f"geo-{number[index]:03d}"}
        if node.split is None
        else {
            "axis": node.split.axis,
            "threshold": node.split.threshold,
            "below": node.below,
            "above": node.above,
        }
        for index, node in enumerate(nodes)
    ]
