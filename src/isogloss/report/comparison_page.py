"""The page of a comparison: parallel coordinates, trade-offs with their Pareto fronts, and all figures as a table.

The page is self-contained like the fairness report and has its style: everything is inline, and a content security
policy forbids other sources. Names and values come from untrusted files, so the template escapes all of them.
"""

from pathlib import Path

from isogloss.report import parallel
from isogloss.report.comparison import Comparison
from isogloss.report.comparison_scales import metric_text, param_text
from isogloss.report.frame import page_environment, page_style
from isogloss.tables import atomic_path


def write_comparison(comparison: Comparison, path: Path | str) -> None:
    """Write the page atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(render_comparison(comparison), encoding="utf-8")


def render_comparison(comparison: Comparison) -> str:
    """The page as HTML."""
    environment = page_environment()
    environment.filters.update(number=metric_text, param=param_text, in_lines=_in_lines)
    return environment.get_template("comparison.html").render(
        style=page_style("page.css", "comparison.css"),
        comparison=comparison,
        settings=comparison.settings,
        front=comparison.front(),
        chart=parallel.parallel_chart(comparison),
        trade_offs=parallel.trade_offs(comparison),
        height=parallel.HEIGHT,
        spacing=parallel.SPACING,
        side=parallel.SIDE,
    )


def _in_lines(name: str, *, most: int = 20) -> list[str]:
    """A name above its axis, divided into two lines at the dot nearest to its middle; long lines keep their end."""
    dots = [place for place, letter in enumerate(name) if letter == "."]
    if len(name) <= most or not dots:
        lines = [name]
    else:
        cut = min(dots, key=lambda place: abs(2 * place + 1 - len(name)))
        lines = [name[: cut + 1], name[cut + 1 :]]
    return [line if len(line) <= most else f"…{line[-most + 1 :]}" for line in lines]
