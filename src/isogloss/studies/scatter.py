"""A self-contained scatter plot of two figures of several settings, with their intervals.

It is an SVG with its style inside. On both axes less is better, so the best settings are at the lower left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from isogloss.report.charts import BASE_SHAPE, METHOD_SHAPES
from isogloss.report.scale import round_step

Bounds = tuple[float, float] | None

WIDTH, HEIGHT = 760.0, 460.0
LEFT, RIGHT, TOP, BOTTOM = 70.0, 20.0, 44.0, 56.0
BESIDE = 210.0
"""Width of the space for names beside the drawing, in units of the drawing."""
COLOURS = ("#1b6ca8", "#c1440e", "#2e7d32", "#7b4fa3", "#8a6d00", "#00808a", "#b0307a")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#222}.t{font-weight:600}.q{fill:#555}"
    "line.g{stroke:#ddd}line.a{stroke:#777}line.l{stroke:#999;stroke-width:.6}line.i{stroke-width:1.4;opacity:.55}path.s{fill:none;stroke-width:1.2;opacity:.5}"
)


@dataclass(frozen=True)
class Point:
    """One setting: its label, its series and its position."""

    label: str
    series: str
    x: float
    y: float
    x_interval: Bounds = None
    y_interval: Bounds = None


def scatter(
    points: Sequence[Point],
    *,
    title: str,
    x_title: str,
    y_title: str,
    scale: float = 100.0,
    joined: bool = False,
    legend: bool = True,
    names_beside: bool = False,
) -> str:
    """The picture as SVG.

    Parameters
    ----------
    points
        Settings; series differ in colour and marker, in the order of their first point.
    title, x_title, y_title
        Titles of the plot and of its axes.
    scale
        Factor of the y values for the labels: 100 for per cent.
    joined
        Whether the points of a series are joined, in the order of x.
    legend
        Whether the series are named above the drawing; points always have their own names.
    names_beside
        Whether the points' names stand in a column beside the drawing, with a line to each: for many close points.
    """
    xs = _axis([v for p in points for v in (p.x, *(p.x_interval or ()))])
    ys = _axis([scale * v for p in points for v in (p.y, *(p.y_interval or ()))])
    width = WIDTH + (BESIDE if names_beside else 0.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {HEIGHT:g}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{width:g}" height="{HEIGHT:g}" fill="#fff"/>',
        f'<text class="t" x="{LEFT:g}" y="20">{escape(title)}</text>',
        *_grid(xs, ys, x_title, y_title),
    ]
    names = list(dict.fromkeys(point.series for point in points))
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        shape = (BASE_SHAPE, *METHOD_SHAPES)[number % (1 + len(METHOD_SHAPES))]
        own = sorted((point for point in points if point.series == name), key=lambda point: point.x)
        if joined and len(own) > 1:
            steps = "L".join(f"{_x(xs, p.x):.1f},{_y(ys, scale * p.y):.1f}" for p in own)
            parts.append(f'<path class="s" d="M{steps}" stroke="{colour}"/>')
        for point in own:
            parts += _mark(point, xs, ys, scale, colour, shape)
            if not names_beside:
                parts.append(_label(point, xs, ys, scale))
        if legend and len(names) > 1:
            parts.append(_legend(number, name, colour, shape))
    if names_beside:
        parts += _column(points, xs, ys, scale)
    return "\n".join([*parts, "</svg>", ""])


def _axis(values: Sequence[float]) -> list[float]:
    """Round ticks around all values; 0 and 1 where there are none."""
    if not values:
        return [0.0, 1.0]
    low, high = min(values), max(values)
    step = round_step(max(high - low, 1e-9 + abs(high) * 1e-3) / 5)
    first, last = int(low // step), -int(-high // step)
    return [round(step * tick, 10) for tick in range(first, max(last, first + 1) + 1)]


def _x(ticks: list[float], value: float) -> float:
    """The horizontal position of a value."""
    return LEFT + (WIDTH - LEFT - RIGHT) * (value - ticks[0]) / (ticks[-1] - ticks[0])


def _y(ticks: list[float], value: float) -> float:
    """The vertical position of a value."""
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - ticks[0]) / (ticks[-1] - ticks[0])


def _grid(xs: list[float], ys: list[float], x_title: str, y_title: str) -> list[str]:
    """Axes, ticks and titles."""
    floor = HEIGHT - BOTTOM
    parts = []
    for tick in xs:
        x = _x(xs, tick)
        parts.append(f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP:g}" y2="{floor:g}"/>')
        parts.append(f'<text class="q" text-anchor="middle" x="{x:.1f}" y="{floor + 18:g}">{tick:g}</text>')
    for tick in ys:
        y = _y(ys, tick)
        parts.append(f'<line class="g" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="q" text-anchor="end" x="{LEFT - 8:g}" y="{y + 4:.1f}">{tick:g}</text>')
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + floor) / 2
    parts.append(f'<text text-anchor="middle" x="{middle_x:g}" y="{HEIGHT - 12:g}">{escape(x_title)}</text>')
    parts.append(
        f'<text text-anchor="middle" transform="translate(16 {middle_y:g}) rotate(-90)">{escape(y_title)}</text>'
    )
    return parts


def _mark(point: Point, xs: list[float], ys: list[float], scale: float, colour: str, shape: str) -> list[str]:
    """A point with its intervals."""
    x, y = _x(xs, point.x), _y(ys, scale * point.y)
    parts = []
    if point.x_interval:
        low, high = (_x(xs, bound) for bound in point.x_interval)
        parts.append(f'<line class="i" stroke="{colour}" x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
    if point.y_interval:
        low, high = (_y(ys, scale * bound) for bound in point.y_interval)
        parts.append(f'<line class="i" stroke="{colour}" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>')
    parts.append(f'<path d="{shape}" transform="translate({x:.1f} {y:.1f})" fill="{colour}"/>')
    return parts


def _label(point: Point, xs: list[float], ys: list[float], scale: float) -> str:
    """A point's name beside it."""
    x, y = _x(xs, point.x), _y(ys, scale * point.y)
    anchor, label_x = ("start", x + 8) if x < WIDTH - 150 else ("end", x - 8)
    return f'<text text-anchor="{anchor}" x="{label_x:.1f}" y="{y - 6:.1f}">{escape(point.label)}</text>'


def _column(points: Sequence[Point], xs: list[float], ys: list[float], scale: float) -> list[str]:
    """The points' names from top to bottom in the order of the points, spread over the drawing's height."""
    parts = []
    ordered = sorted(points, key=lambda point: -point.y)
    step = (HEIGHT - TOP - BOTTOM) / max(len(ordered), 1)
    for number, point in enumerate(ordered):
        x, y, level = _x(xs, point.x), _y(ys, scale * point.y), TOP + step * (number + 0.5)
        parts.append(f'<line class="l" x1="{x + 6:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT + 6:g}" y2="{level:.1f}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 10:g}" y="{level + 4:.1f}">{escape(point.label)}</text>')
    return parts


def _legend(number: int, name: str, colour: str, shape: str) -> str:
    """One series' marker and name, in a row above the drawing."""
    x = LEFT + 160 * number
    return (
        f'<path d="{shape}" transform="translate({x + 6:g} 33)" fill="{colour}"/>'
        f'<text class="q" x="{x + 16:g}" y="37">{escape(name)}</text>'
    )
