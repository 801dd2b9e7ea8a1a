"""The charts of an audit as plain data, in the forms of the report's (`isogloss.report.charts`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isogloss.report.charts import BASE_SHAPE, METHOD_SHAPES, Mark, Series
from isogloss.report.map import Area, RegionMap, draw_map
from isogloss.report.scale import Axis, axis_for
from isogloss.report.text import Interval, interval, percent, signed_percent

Content = Mapping[str, Any]
_LANE = 15  # height of one system's line within a row
_PADDING = 6
_BOUNDS = (24.0, -125.5, 50.0, -66.0)  # degrees; the map shows the contiguous United States


@dataclass(frozen=True)
class Row:
    """A cohort's line: rates, difference to the rest, change."""

    cohort: Content
    height: int
    rates: tuple[Mark, ...]
    rest: tuple[Mark, ...]
    changes: tuple[Mark, ...]
    harmed: bool
    gained: bool
    merged: bool


@dataclass(frozen=True)
class Chart:
    """All cohorts of a grouping."""

    rate_axis: Axis
    rest_axis: Axis
    change_axis: Axis
    overall: float | None
    rows: tuple[Row, ...]


def systems(document: Content) -> tuple[Series, ...]:
    """The system, and the second one if there is one."""
    first = Series(index=0, name=document["baseline"], shape=BASE_SHAPE)
    if document["system"] == document["baseline"]:
        return (first,)
    return first, Series(index=1, name=document["system"], shape=METHOD_SHAPES[0])


def cohort_chart(grouping: Content, series: Sequence[Series], *, confidence: float) -> Chart:
    """The chart of one grouping."""
    cohorts = grouping["cohorts"]
    keys = ("before", "after")[: len(series)]
    most = 5 if len(series) == 1 else 3
    rate_axis = _axis([(c[key], c[f"{key}_ci95"]) for c in cohorts for key in keys], ticks=most)
    rest_axis = _axis([_against_rest(c) for c in cohorts], ticks=most)
    change_axis = _axis([(c["relative_change"], c["ci95"]) for c in cohorts], ticks=most)
    rows = []
    for c in cohorts:
        rates = [
            _mark(rate_axis, one, one.index, (c[key], c[f"{key}_ci95"]), hollow=not c["inference"], signed=False)
            for one, key in zip(series, keys, strict=True)
        ]
        middle = (len(series) - 1) / 2
        rest = _mark(rest_axis, series[0], middle, _against_rest(c), hollow=not c["rest"]["worse"], signed=True)
        significant = c["p_holm"] is not None and c["p_holm"] <= 1 - confidence
        change = _mark(
            change_axis, series[-1], middle, (c["relative_change"], c["ci95"]), hollow=not significant, signed=True
        )
        rows.append(
            Row(
                cohort=c,
                height=_LANE * len(series) + 2 * _PADDING,
                rates=_known(rates),
                rest=_known([rest]),
                changes=_known([change]),
                harmed=c["cohort"] in grouping["harmed_cohorts"],
                gained=significant and (c["relative_change"] or 0.0) < 0,
                merged=c["cohort"] == grouping["suppressed"]["merged"],
            )
        )
    return Chart(rate_axis, rest_axis, change_axis, grouping["overall"]["before"], tuple(rows))


def grouping_map(grouping: Content, document: Content) -> RegionMap | None:
    """The maps of a geographic grouping whose regions lie in the contiguous United States; else None."""
    placed = [c for c in grouping["cohorts"] if c["geometry"] is not None]
    corners = [rectangle for c in placed for rectangle in c["geometry"]["rectangles"]]
    south, west, north, east = _BOUNDS
    if not corners or any(s > north or n < south or w > east or e < west for s, w, n, e in corners):
        return None
    areas = [
        Area(
            cohort=c["cohort"],
            number=number,
            label=c["label"],
            mitigated=c["rest"]["worse"],
            rectangles=[tuple(rectangle) for rectangle in c["geometry"]["rectangles"]],
        )
        for number, c in enumerate(grouping["cohorts"], start=1)
        if c["geometry"] is not None
    ]
    keys = zip((one.name for one in systems(document)), ("before", "after"), strict=False)
    rates = {name: {c["cohort"]: c[key] for c in placed} for name, key in keys}
    return draw_map(areas, rates, metric=document["metric"])


def _against_rest(cohort: Content) -> tuple[float | None, Interval | None]:
    """The ratio to all other speakers as a relative difference."""
    ratio, bounds = cohort["rest"]["ratio"], cohort["rest"]["ci95"]
    return None if ratio is None else ratio - 1, None if bounds is None else (bounds[0] - 1, bounds[1] - 1)


def _axis(figures: Sequence[tuple[float | None, Any]], *, ticks: int) -> Axis:
    """An axis for estimates with their intervals."""
    bounds = [(pair[0], pair[1]) for value, pair in figures if value is not None and pair is not None]
    return axis_for([value for value, _ in figures if value is not None], bounds, target_ticks=ticks)


def _known(marks: Sequence[Mark | None]) -> tuple[Mark, ...]:
    """The marks that there are."""
    return tuple(mark for mark in marks if mark is not None)


def _mark(
    axis: Axis, series: Series, lane: float, figure: tuple[float | None, Any], *, hollow: bool, signed: bool
) -> Mark | None:
    """A figure at its place; None where it is unknown."""
    value, bounds = figure
    if value is None:
        return None
    title = f"{series.name}: {signed_percent(value) if signed else percent(value)}"
    title += f" ({interval(tuple(bounds), signed=signed)})" if bounds is not None else "; no interval"
    return Mark(
        series=series,
        x=axis.position(value),
        y=_PADDING + _LANE * (lane + 0.5),
        low=None if bounds is None else axis.position(bounds[0]),
        high=None if bounds is None else axis.position(bounds[1]),
        cut_low=bounds is not None and bounds[0] < axis.low,
        cut_high=bounds is not None and bounds[1] > axis.high,
        hollow=hollow,
        title=title,
    )
