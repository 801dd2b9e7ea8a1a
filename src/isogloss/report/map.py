"""The map of a geographic grouping: regions only, coloured by error rate; never the position of a speaker.

A region is a found one, made of rectangles, or a state, where the cohorts of a grouping are named by states.

Small multiples, one map a system, share one scale of discrete steps, which are easier to read back than a gradient.
Rectangles are of latitude and longitude; their edges are bent by the projection, and the drawing clips them to
the outline of the land.

Arrays: `ring_N2` holds N (latitude, longitude) pairs in degrees, `points_N2` likewise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from isogloss.geography import POSTAL_CODES, contains, project, state_named, state_polygons
from isogloss.judging.cohort_figures import CohortFigures
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.record import Rectangle
from isogloss.report.scale import Axis, round_step
from isogloss.report.text import percent

_WIDTH = 720.0  # of the drawing, in user units
_MARGIN = 6.0
_STEPS = 6  # Number of colours of the scale; page.css defines the same number.
_EDGE_POINTS = 25  # Number of points per edge of a rectangle, since the projection bends edges.
_FEWEST_STATES = 3  # cohorts named by states that make a map
_LABELLED = 350.0  # square drawing units of a state that has room for its postal code
_BOUNDS: Rectangle = (24.0, -125.5, 50.0, -66.0)  # degrees; holds the contiguous United States


@dataclass(frozen=True)
class Region:
    """A cohort's area: SVG path data, its number (the rank on discovery, or a postal code) and where that fits."""

    cohort: str
    number: int | str
    marked: bool
    path: str
    label_at: tuple[float, float] | None


@dataclass(frozen=True)
class Shade:
    """A region's colour step on one map (None: no figure), and the text that says its figure."""

    region: Region
    step: int | None
    title: str


@dataclass(frozen=True)
class Panel:
    """The map of one system's error rates."""

    system: str
    shades: tuple[Shade, ...]


@dataclass(frozen=True)
class RegionMap:
    """The maps of one cohort rule, one per system; lengths are in units of the drawing."""

    width: float
    height: float
    land: tuple[str, ...]
    regions: tuple[Region, ...]
    panels: tuple[Panel, ...]
    legend: tuple[str, ...]
    metric: str
    of_states: bool = False


class _Canvas:
    """Converts degrees of longitude and latitude to units of the drawing."""

    def __init__(self, rings: Sequence[np.ndarray]) -> None:
        points = np.concatenate([_projected(ring) for ring in rings])
        self._left, bottom = points.min(axis=0)
        right, self._top = points.max(axis=0)
        self._scale = (_WIDTH - 2 * _MARGIN) / (right - self._left)
        self.height = round(float((self._top - bottom) * self._scale + 2 * _MARGIN), 1)

    def place(self, ring_N2: np.ndarray) -> np.ndarray:
        """Drawing coordinates (x, y) of degrees."""
        points_N2 = _projected(ring_N2)
        x = (points_N2[:, 0] - self._left) * self._scale + _MARGIN
        y = (self._top - points_N2[:, 1]) * self._scale + _MARGIN
        return np.column_stack([x, y])

    def path(self, ring_N2: np.ndarray) -> str:
        """A closed ring as SVG path data."""
        return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in self.place(ring_N2)) + "Z"


@dataclass(frozen=True)
class Area:
    """A region to be drawn: its cohort, the number and text that name it, and its rectangles, or the state it is."""

    cohort: str
    number: int | str
    label: str
    marked: bool
    rectangles: Sequence[Rectangle] = ()
    state: str | None = None

    @property
    def name(self) -> str:
        """The text of the tool tip."""
        return self.label if self.state is not None else f"{self.number}, {self.label}"


def region_map(
    first: GroupingFigures, seconds: Mapping[str, GroupingFigures], *, names: Sequence[str], metric: str
) -> RegionMap | None:
    """The maps of a grouping whose cohorts are regions or states of the contiguous United States; else None.

    Parameters
    ----------
    first
        The figures of the first system; its regions are drawn.
    seconds
        Of each further system the comparison with the first.
    names
        Names of the systems, the first one first.
    """
    south, west, north, east = _BOUNDS
    rates = [{c.cohort: c.before for c in first.cohorts}]
    rates += [{c.cohort: c.after for c in grouping.cohorts} for grouping in seconds.values()]
    states = _states(first)
    if states:
        return draw_map(states, dict(zip(names, rates, strict=True)), metric=metric)
    corners = [rectangle for region in first.regions for rectangle in region.rectangles]
    if not corners or any(s > north or n < south or w > east or e < west for s, w, n, e in corners):
        return None
    shown = {c.cohort: c for c in first.cohorts}
    areas = [
        Area(
            cohort=region.cohort,
            number=region.rank,
            label=shown[region.cohort].label if region.cohort in shown else "",
            marked=region.cohort in shown and _marked(shown[region.cohort]),
            rectangles=region.rectangles,
        )
        for region in first.regions
    ]
    return draw_map(areas, dict(zip(names, rates, strict=True)), metric=metric)


def _states(grouping: GroupingFigures) -> list[Area]:
    """The cohorts as states that can be drawn; empty unless every named cohort is a different state."""
    named = {one.cohort: state_named(one.label) for one in grouping.cohorts if not (one.merged or one.unnamed)}
    if grouping.regions or len(named) < _FEWEST_STATES or None in named.values():
        return []
    if len(set(named.values())) < len(named):
        return []
    return [
        Area(one.cohort, POSTAL_CODES[state], state, _marked(one), state=state)
        for one in grouping.cohorts
        if (state := named.get(one.cohort)) in state_polygons() and state is not None
    ]


def _marked(cohort: CohortFigures) -> bool:
    """Whether a region has a heavy outline: it was mitigated, or is worse than all others."""
    return cohort.mitigated or (cohort.rest is not None and cohort.rest.worse)


def draw_map(areas: Sequence[Area], rates: Mapping[str, Mapping[str, float | None]], *, metric: str) -> RegionMap:
    """One map a system, in the same colours.

    Parameters
    ----------
    areas
        The regions.
    rates
        For each system the error rate of each cohort, as a fraction; a cohort that is left out is not shown.
    """
    states = state_polygons()
    canvas = _Canvas([ring for polygons in states.values() for ring in polygons])
    regions = tuple(
        Region(
            cohort=area.cohort,
            number=area.number,
            marked=area.marked,
            path="".join(canvas.path(ring) for ring in _rings(area)),
            label_at=_label_place(area.rectangles, canvas) if area.state is None else _middle(_rings(area), canvas),
        )
        for area in areas
    )
    limits = _limits([rate for of_system in rates.values() for rate in of_system.values() if rate is not None])
    labels = {area.cohort: area.name for area in areas}
    return RegionMap(
        width=_WIDTH,
        height=canvas.height,
        land=tuple("".join(canvas.path(ring) for ring in polygons) for polygons in states.values()),
        regions=regions,
        panels=tuple(_panel(system, regions, labels, of_system, limits) for system, of_system in rates.items()),
        legend=tuple(_legend(limits)),
        metric=metric,
        of_states=any(area.state is not None for area in areas),
    )


def _rings(area: Area) -> list[np.ndarray]:
    """The outlines of an area, in degrees."""
    if area.state is not None:
        return list(state_polygons()[area.state])
    return [_outline(rectangle) for rectangle in area.rectangles]


def _middle(rings: Sequence[np.ndarray], canvas: _Canvas) -> tuple[float, float] | None:
    """The centroid of the largest ring; None if the ring has no room for two letters."""
    found = []
    for ring_N2 in rings:
        x, y = canvas.place(ring_N2).T
        cross = x * np.roll(y, -1) - np.roll(x, -1) * y
        area = cross.sum() / 2
        centre = [float((cross * (axis + np.roll(axis, -1))).sum() / (6 * area)) for axis in (x, y)]
        found.append((abs(float(area)), round(centre[0], 1), round(centre[1], 1)))
    area, x_middle, y_middle = max(found)
    return (x_middle, y_middle) if area >= _LABELLED else None


def _panel(
    system: str,
    regions: Sequence[Region],
    labels: Mapping[str, str],
    rates: Mapping[str, float | None],
    limits: Sequence[float],
) -> Panel:
    """The colours of one system."""
    shades = []
    for region in regions:
        rate = rates.get(region.cohort)
        title = f"{region.number}: not shown, too few speakers"
        if region.cohort in rates:
            title = f"{labels[region.cohort]}: {percent(rate)} with {system}"
        shades.append(Shade(region=region, step=_step(rate, limits), title=title))
    return Panel(system=system, shades=tuple(shades))


def _limits(rates: Sequence[float]) -> list[float]:
    """The limits of the colour steps: round numbers that hold every rate of every system."""
    low, high = (min(rates), max(rates)) if rates else (0.0, 1.0)
    step = round_step(max(high - low, 0.01) / (_STEPS - 1))
    first = np.floor(low / step + 1e-9) * step
    return [round(float(first + i * step), 10) for i in range(_STEPS + 1)]


def _legend(limits: Sequence[float]) -> list[str]:
    """The limits of the colour steps as an axis would write them."""
    axis = Axis(low=limits[0], high=limits[-1], ticks=tuple(limits))
    return [axis.label(limit) for limit in limits]


def _step(rate: float | None, limits: Sequence[float]) -> int | None:
    """The colour step of a rate."""
    if rate is None:
        return None
    return int(np.clip(np.searchsorted(limits, rate, side="right") - 1, 0, _STEPS - 1))


def _projected(ring_N2: np.ndarray) -> np.ndarray:
    """Projected (x, y) of (latitude, longitude)."""
    return np.column_stack(project(ring_N2[:, 0], ring_N2[:, 1]))


def _clip(rectangle: Rectangle) -> Rectangle:
    """A rectangle cut to the map, since an outermost leaf may reach to the poles."""
    south, west, north, east = rectangle
    return max(south, _BOUNDS[0]), max(west, _BOUNDS[1]), min(north, _BOUNDS[2]), min(east, _BOUNDS[3])


def _outline(rectangle: Rectangle) -> np.ndarray:
    """A rectangle's ring with enough points to follow the projection."""
    south, west, north, east = _clip(rectangle)
    along = np.linspace(0.0, 1.0, _EDGE_POINTS, endpoint=False)
    latitudes = [np.full_like(along, south), south + along * (north - south)]
    latitudes += [np.full_like(along, north), north + along * (south - north)]
    longitudes = [west + along * (east - west), np.full_like(along, east)]
    longitudes += [east + along * (west - east), np.full_like(along, west)]
    return np.column_stack([np.concatenate(latitudes), np.concatenate(longitudes)])


def _label_place(rectangles: Sequence[Rectangle], canvas: _Canvas, *, cells: int = 28) -> tuple[float, float] | None:
    """The point of a region's land that lies deepest inside it, on a grid; None where it holds no land."""
    south, west, north, east = _clip(max(rectangles, key=lambda r: _area(_clip(r))))
    rows = south + (np.arange(-1, cells + 1) + 0.5) * (north - south) / cells
    columns = west + (np.arange(-1, cells + 1) + 0.5) * (east - west) / cells
    grid_N2 = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    within = (grid_N2[:, 0] > south) & (grid_N2[:, 0] < north) & (grid_N2[:, 1] > west) & (grid_N2[:, 1] < east)
    inside = within & contains(grid_N2[:, 0], grid_N2[:, 1])
    if not inside.any():
        return None
    places = canvas.place(grid_N2)
    gaps = places[inside][:, None] - places[~inside][None]
    # A number is wider than it is high, so room to the sides is worth less than room above and below.
    depth = np.hypot(gaps[..., 0] / 1.3, gaps[..., 1]).min(axis=1)
    x, y = places[inside][int(depth.argmax())]
    return round(float(x), 1), round(float(y), 1)


def _area(rectangle: Rectangle) -> float:
    """Square degrees."""
    south, west, north, east = rectangle
    return max(north - south, 0.0) * max(east - west, 0.0)
