"""A tree as a partition of the map into rectangles: which leaf holds a position, and where a leaf lies.

All thresholds of the tree on both axes divide the map into cells, each wholly inside one leaf. A position finds its
cell by two binary searches and its leaf in a table of cells, however deep the tree.

Shapes: N positions.
"""

from typing import Any

import numpy as np

from isogloss.cohorts.growth import Node
from isogloss.cohorts.rule import Rectangle
from isogloss.cohorts.units import Floats, Integers

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
        """The number of the leaf at each position; NaN goes anywhere."""
        row_N = np.searchsorted(self._thresholds[0], latitude_N, side="left")
        column_N = np.searchsorted(self._thresholds[1], longitude_N, side="left")
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
