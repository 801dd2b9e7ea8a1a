"""Rectangles of the map that can say what lies to the left of every boundary, quickly.

A region holds units (speakers at positions). For an axis (0 latitude, 1 longitude) it lists the boundaries at which it
could be cut, with the words, errors and units below each. Two kinds:

- `PointRegion` sorts its units: exact, for at most `EXACT_UNITS` of them.
- `GridRegion` is a rectangle of cells of a `Grid`, quantile bins on either axis with a summed-area table (Crow 1984) of
  words, errors and units. What lies below each boundary of a rectangle is then a difference of two lines of the table,
  whatever the number of units; a grid serves all descendants of a region until they have too few bins left, and then
  these get a finer grid of their own.

Histograms with quantile bins are how LightGBM (Ke et al. 2017) and scikit-learn's HistGradientBoosting find splits; the
summed-area table, possible because there are just two axes, is our choice.

Shapes: U units, K boundaries, B bins, 3 = (words, errors, units).
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isogloss.cohorts.units import Floats, Integers, Units

EXACT_UNITS = 2048
"""Regions of at most so many units are cut exactly, at any boundary between two values."""
GRID_BINS = (128, 1024)
"""Least and most bins of a grid on one axis; between them the square root of the number of units."""
FEWEST_BINS = 32
"""A rectangle with fewer bins on an axis gets a grid of its own."""
FINE_PER_BIN = 32
"""Bins of equal width of which a quantile bin is made on average, at most."""


@dataclass(frozen=True)
class Boundaries:
    """Where a region could be cut on one axis: thresholds_K, and the sums below each in `below_3K`."""

    thresholds_K: Floats
    below_3K: Floats
    cuts_K: Integers
    """What `Region.cut` wants to know."""


class Region(ABC):
    """A rectangle of the map with the units in it."""

    totals_3: Floats

    @abstractmethod
    def boundaries(self, axis: int) -> Boundaries:
        """The boundaries on an axis; coordinates at most the threshold are below."""

    @abstractmethod
    def cut(self, axis: int, cut: int) -> tuple["Region", "Region"]:
        """The two sides of a boundary."""

    @abstractmethod
    def members(self) -> Integers:
        """Indices of the region's units, ascending."""


def make_region(units: Units, members_U: Integers | None = None) -> Region:
    """The exact kind of region for few units, the gridded for many; `members_U` None means all units."""
    if members_U is None:
        members_U = np.arange(len(units))
    if len(members_U) <= EXACT_UNITS:
        return PointRegion(units, members_U)
    return _whole_grid(units, members_U)


def refined(region: Region, units: Units) -> Region:
    """The region on a finer grid (or exact) where it has become too coarse to be cut well."""
    if not isinstance(region, GridRegion) or region.is_whole_grid:
        return region
    if region.totals_3[2] > EXACT_UNITS and min(high - low for low, high in region.box) >= FEWEST_BINS:
        return region
    return make_region(units, region.members())


class PointRegion(Region):
    """Units, sorted anew on each axis."""

    def __init__(self, units: Units, members_U: Integers) -> None:
        self._units = units
        self._members_U = members_U
        self.totals_3 = np.array(
            [units.words_U[members_U].sum(), units.errors_U[members_U].sum(), float(len(members_U))]
        )

    def boundaries(self, axis: int) -> Boundaries:
        """Midpoints between neighbouring distinct values; a cut is the number of units below."""
        values_U = self._units.coordinates[axis][self._members_U]
        order_U = np.argsort(values_U, kind="stable")
        values_U = values_U[order_U]
        last_K = np.flatnonzero(values_U[1:] > values_U[:-1])
        sorted_members_U = self._members_U[order_U]
        below_3K = np.empty((3, len(last_K)))
        below_3K[0] = np.cumsum(self._units.words_U[sorted_members_U])[last_K]
        below_3K[1] = np.cumsum(self._units.errors_U[sorted_members_U])[last_K]
        below_3K[2] = last_K + 1
        return Boundaries(_midpoints(values_U[last_K], values_U[last_K + 1]), below_3K, last_K + 1)

    def cut(self, axis: int, cut: int) -> tuple[Region, Region]:
        """The `cut` units with the smallest coordinates, and the others."""
        order_U = np.argsort(self._units.coordinates[axis][self._members_U], kind="stable")
        low_U, high_U = np.sort(order_U[:cut]), np.sort(order_U[cut:])
        return PointRegion(self._units, self._members_U[low_U]), PointRegion(self._units, self._members_U[high_U])

    def members(self) -> Integers:
        """Indices of the region's units, ascending."""
        return self._members_U


@dataclass(frozen=True)
class Grid:
    """Cells over some units: the bin of each unit on both axes, bin edges, and the summed-area table."""

    members_U: Integers
    bins: tuple[NDArray[np.uint16], NDArray[np.uint16]]
    edges: tuple[Floats, Floats]
    """Of each axis, B + 1 values; bin b holds what is above edges[b] and at most edges[b + 1]."""
    table: Floats
    """(3, B_latitude + 1, B_longitude + 1): sums over all cells before a corner."""


class GridRegion(Region):
    """A rectangle of cells: bins box[axis][0] to box[axis][1] (exclusive) on each axis."""

    def __init__(self, grid: Grid, box: tuple[tuple[int, int], tuple[int, int]]) -> None:
        self._grid = grid
        self.box = box
        self.totals_3 = self._sums_below(0)[:, -1]

    @property
    def is_whole_grid(self) -> bool:
        """Whether the rectangle covers its grid, which a new grid would only repeat."""
        return all(
            low == 0 and high == len(bin_edges) - 1
            for (low, high), bin_edges in zip(self.box, self._grid.edges, strict=True)
        )

    def _sums_below(self, axis: int) -> Floats:
        """(3, B + 1): sums of the rectangle below each of its bin edges on an axis."""
        (south, north), (west, east) = self.box
        table = self._grid.table
        if axis == 0:
            lines_3B = table[:, south : north + 1, east] - table[:, south : north + 1, west]
        else:
            lines_3B = table[:, north, west : east + 1] - table[:, south, west : east + 1]
        return lines_3B - lines_3B[:, :1]

    def boundaries(self, axis: int) -> Boundaries:
        """Bin edges between two bins with units, in the middle of the empty bins between them; a cut is a bin."""
        low = self.box[axis][0]
        below_3B = self._sums_below(axis)
        filled_K = np.flatnonzero(np.diff(below_3B[2]) > 0.5)
        edges_B = self._grid.edges[axis]
        upper_K, lower_K = edges_B[low + filled_K[:-1] + 1], edges_B[low + filled_K[1:]]
        cuts_K = filled_K[:-1] + 1
        return Boundaries(_midpoints(upper_K, lower_K), below_3B[:, cuts_K], low + cuts_K)

    def cut(self, axis: int, cut: int) -> tuple[Region, Region]:
        """The bins before `cut`, and the others."""
        low, high = self.box[axis]
        if axis == 0:
            boxes = ((low, cut), self.box[1]), ((cut, high), self.box[1])
        else:
            boxes = (self.box[0], (low, cut)), (self.box[0], (cut, high))
        return GridRegion(self._grid, boxes[0]), GridRegion(self._grid, boxes[1])

    def members(self) -> Integers:
        """Indices of the region's units, ascending."""
        inside_U = np.ones(len(self._grid.members_U), dtype=bool)
        for bins_U, (low, high) in zip(self._grid.bins, self.box, strict=True):
            inside_U &= bins_U >= low
            inside_U &= bins_U < high
        return self._grid.members_U[inside_U]


def _whole_grid(units: Units, members_U: Integers) -> GridRegion:
    """A grid over these units, as fine as their number pays for."""
    most_bins = int(np.clip(np.sqrt(len(members_U)), *GRID_BINS))
    everything = len(members_U) == len(units)
    words_U = units.words_U if everything else units.words_U[members_U]
    errors_U = units.errors_U if everything else units.errors_U[members_U]
    bins, edges = [], []
    for values_U in units.coordinates:
        axis_bins_U, axis_edges = _quantile_bins(values_U if everything else values_U[members_U], most_bins)
        bins.append(axis_bins_U)
        edges.append(axis_edges)
    rows, columns = len(edges[0]) - 1, len(edges[1]) - 1
    cell_U = bins[0] * np.intp(columns)
    cell_U += bins[1]
    table = np.zeros((3, rows + 1, columns + 1))
    for sums, weights_U in zip(table, (words_U, errors_U, None), strict=True):
        counts = np.bincount(cell_U, weights_U, minlength=rows * columns).reshape(rows, columns)
        np.cumsum(counts, axis=0, out=sums[1:, 1:])
        np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    grid = Grid(members_U, (bins[0], bins[1]), (edges[0], edges[1]), table)
    return GridRegion(grid, ((0, rows), (0, columns)))


def _quantile_bins(values_U: Floats, most_bins: int) -> tuple[NDArray[np.uint16], Floats]:
    """The bin of each value and the B + 1 edges of at most `most_bins` bins of about equal counts.

    Quantile bins are runs of fine bins of equal width. The width is a power of two and the bins are counted from 0, so
    that multiplication and floor are exact and `x <= edge` agrees with the bins to the last bit.
    """
    low, high = float(values_U.min()), float(values_U.max())
    if low == high:
        return np.zeros(len(values_U), dtype=np.uint16), np.array([-np.inf, np.inf])
    per_degree = 2.0 ** min(math.floor(math.log2(FINE_PER_BIN * most_bins / (high - low))), 1000)
    scaled_U = values_U * per_degree
    np.floor(scaled_U, out=scaled_U)
    first = math.floor(low * per_degree)
    scaled_U -= first
    fine_U = scaled_U.astype(np.intp)
    counts_F = np.bincount(fine_U)
    bin_F = np.cumsum(counts_F)
    bin_F -= counts_F
    bin_F = bin_F * most_bins // len(values_U)
    begins_F = bin_F[1:] > bin_F[:-1]
    begin_B = np.flatnonzero(begins_F) + 1
    # Numbered by the bins begun so far, since a crowded fine bin may take the shares of several.
    bin_F[0] = 0
    np.cumsum(begins_F, out=bin_F[1:])
    edges = np.nextafter((begin_B + first) / per_degree, -np.inf)
    return bin_F.astype(np.uint16)[fine_U], np.concatenate([[-np.inf], edges, [np.inf]])


def _midpoints(left_K: Floats, right_K: Floats) -> Floats:
    """Thresholds that left values do not exceed and right values do (the left value where no float is between)."""
    middle_K = left_K + (right_K - left_K) / 2
    return np.where(middle_K < right_K, middle_K, left_K)
