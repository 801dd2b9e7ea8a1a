"""Parallel coordinates and trade-offs of a comparison, as plain data that a template draws.

Every metric's axis has its better end on top (or on the right). Lengths are in units of the drawing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from isogloss.report.comparison import ComparedRun, Comparison, Setting
from isogloss.report.comparison_scales import MetricScale, OrdinalScale, metric_text, param_text

HEIGHT = 280
"""Height of the axes of the parallel coordinates, in units of the drawing."""
SPACING = 170
"""Distance between two axes of the parallel coordinates, in units of the drawing."""
SIDE = 260
"""Side of the square of a trade-off, in units of the drawing."""
Point = tuple[float, float]


@dataclass(frozen=True)
class Label:
    """A tick's label and its position along the axis, in units of the drawing."""

    at: float
    text: str


@dataclass(frozen=True)
class DrawnAxis:
    """An axis of one param or metric."""

    name: str
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Line:
    """A setting or a run across the axes; a missing value breaks its line into several `parts`."""

    title: str
    parts: tuple[tuple[Point, ...], ...]
    on_front: bool


@dataclass(frozen=True)
class ParallelChart:
    """All axes, the runs (thin) and the means of the settings (bold; those on the front are drawn last, on top)."""

    axes: tuple[DrawnAxis, ...]
    runs: tuple[Line, ...]
    settings: tuple[Line, ...]


@dataclass(frozen=True)
class Dot:
    """A setting or a run in a trade-off, by its values of the two metrics."""

    at: Point
    title: str
    label: str
    on_front: bool


@dataclass(frozen=True)
class TradeOff:
    """Two metrics against each other, and the border of the area that their Pareto front dominates."""

    x: DrawnAxis
    y: DrawnAxis
    runs: tuple[Dot, ...]
    settings: tuple[Dot, ...]
    border: tuple[Point, ...]


def parallel_chart(comparison: Comparison) -> ParallelChart:
    """The chart of the params that differ between settings and of all metrics."""
    params = [OrdinalScale(key, [s.params.get(key) for s in comparison.settings]) for key in comparison.setting_params]
    metrics = [_metric_scale(comparison, name) for name in comparison.metrics]
    front = comparison.front()

    def line(item: Setting | ComparedRun, setting: str) -> Line:
        places = [scale.place(item.params.get(scale.name)) for scale in params]
        places += [scale.place(item.metrics[scale.name]) for scale in metrics]
        return Line(_title(comparison, item), _parts(places), setting in front)

    return ParallelChart(
        axes=(
            *(_drawn(scale, scale.name, upwards=HEIGHT) for scale in params),
            *(_drawn(scale, comparison.labels[scale.name], upwards=HEIGHT) for scale in metrics),
        ),
        runs=tuple(line(run, run.setting) for run in comparison.runs),
        settings=tuple(sorted((line(s, s.name) for s in comparison.settings), key=lambda drawn: drawn.on_front)),
    )


def trade_offs(comparison: Comparison, *, most: int = 3) -> tuple[TradeOff, ...]:
    """The first metric against each of the next ones, `most` of them."""
    return tuple(_trade_off(comparison, other) for other in comparison.metrics[1 : most + 1])


def _trade_off(comparison: Comparison, other: str) -> TradeOff:
    """The first metric (upwards) against another one (to the right)."""
    first = comparison.metrics[0]
    x, y = _metric_scale(comparison, other, target_ticks=3), _metric_scale(comparison, first)
    front = comparison.front([first, other])

    def dots(items: Sequence[tuple[Setting | ComparedRun, str]]) -> tuple[Dot, ...]:
        found = []
        for item, setting in items:
            across, up = x.place(item.metrics[other]), y.place(item.metrics[first])
            if across is not None and up is not None:
                at = (round(SIDE * across, 2), round(SIDE * (1 - up), 2))
                label = setting.removeprefix(f"{comparison.title}-")
                found.append(Dot(at, _title(comparison, item), label, setting in front))
        return tuple(found)

    settings = dots([(setting, setting.name) for setting in comparison.settings])
    return TradeOff(
        x=_drawn(x, comparison.labels[other], upwards=None),
        y=_drawn(y, comparison.labels[first], upwards=SIDE),
        runs=dots([(run, run.setting) for run in comparison.runs]),
        settings=settings,
        border=_border([dot.at for dot in settings if dot.on_front]),
    )


def _border(front: list[Point]) -> tuple[Point, ...]:
    """The step line around the area that the front dominates, from the left edge to the bottom."""
    steps: list[Point] = []
    left = 0.0
    for x, y in sorted(front):
        steps += [(left, y), (x, y)]
        left = x
    return (*steps, (left, SIDE)) if steps else ()


def _metric_scale(comparison: Comparison, name: str, *, target_ticks: int = 5) -> MetricScale:
    """The axis of a metric over all runs."""
    values = [run.metrics[name] for run in comparison.runs]
    return MetricScale(name, values, maximise=name in comparison.maximise, target_ticks=target_ticks)


def _parts(places: list[float | None]) -> tuple[tuple[Point, ...], ...]:
    """Places on successive axes as unbroken lines."""
    parts: list[list[Point]] = [[]]
    for rank, place in enumerate(places):
        if place is None:
            parts.append([])
        else:
            parts[-1].append((rank * SPACING, round(HEIGHT * (1 - place), 2)))
    return tuple(tuple(part) for part in parts if part)


def _drawn(scale: OrdinalScale | MetricScale, name: str, *, upwards: int | None) -> DrawnAxis:
    """An axis with its labels; `upwards` is its height, None stands for an axis to the right."""
    labels = [
        Label(round(SIDE * tick.place if upwards is None else upwards * (1 - tick.place), 2), tick.label)
        for tick in scale.ticks
    ]
    return DrawnAxis(name, tuple(labels))


def _title(comparison: Comparison, item: Setting | ComparedRun) -> str:
    """Name, params and metrics on one line."""
    params = [f"{key} = {param_text(value)}" for key, value in item.params.items() if key in comparison.params]
    metrics = [f"{label} = {metric_text(item.metrics[name])}" for name, label in comparison.labels.items()]
    return f"{item.name}: {', '.join([*params, *metrics])}"
