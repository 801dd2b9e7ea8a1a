"""A study for `docs/`: a table in Markdown with the commands that made it, its numbers as JSON, its chart."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from isogloss.config import Sweep
from isogloss.report.text import interval, percent, signed_percent
from isogloss.studies.scatter import Point, scatter
from isogloss.studies.systems import SystemRow
from isogloss.tables import atomic_path, write_json


def write_study(sweep: Sweep, rows: Sequence[SystemRow], revisions: Sequence[str], folder: Path) -> list[Path]:
    """Write `<name>.md` and `<name>.json`, and `<name>.svg` where the study names a figure for an axis.

    Parameters
    ----------
    revisions
        The commits at which the runs were made.

    Returns
    -------
    The files, in that order.
    """
    files = [folder / f"{sweep.name}.md", folder / f"{sweep.name}.json"]
    drawn = picture(sweep, rows)
    if drawn is not None:
        files.append(folder / f"{sweep.name}.svg")
        with atomic_path(files[-1]) as temporary:
            temporary.write_text(drawn, encoding="utf-8")
    content = {"experiment": sweep.path.as_posix(), "revisions": revisions, "rows": [asdict(row) for row in rows]}
    write_json(content, files[1])
    with atomic_path(files[0]) as temporary:
        temporary.write_text(_markdown(sweep, rows, revisions, pictured=drawn is not None), encoding="utf-8")
    return files


def table_rows(sweep: Sweep, rows: Sequence[SystemRow]) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of the table, as text."""
    headings = ["setting", "runs", "WER on test", "against " + _reference(rows), *sweep.experiment.study.figures]
    cells = []
    for row in rows:
        change = (
            "" if row.change is None else f"{signed_percent(row.change.value)} {_bounds(row.change.interval, True)}"
        )
        cells.append(
            [
                row.setting,
                str(row.runs),
                f"{percent(row.rate.value)} {_bounds(row.rate.interval, False)}",
                change.strip(),
                *map(_figure, row.figures.values()),
            ]
        )
    return headings, cells


def _figure(value: float | None) -> str:
    """A number with a suitable number of digits; empty if there is none."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _bounds(bounds: list[float] | None, signed: bool) -> str:
    """An interval in brackets, or nothing."""
    return "" if bounds is None else f"({interval((bounds[0], bounds[1]), signed=signed)})"


def _reference(rows: Sequence[SystemRow]) -> str:
    """The setting that the others are compared with."""
    return next((row.setting for row in rows if row.change is None), "reference")


def made_at(revisions: Sequence[str]) -> str:
    """The sentence that names the commits of a study's runs."""
    return f"Runs were made at {', '.join(revision[:10] for revision in revisions)}."


def _markdown(sweep: Sweep, rows: Sequence[SystemRow], revisions: Sequence[str], *, pictured: bool) -> str:
    """The page."""
    headings, cells = table_rows(sweep, rows)
    lines = [f"# {sweep.experiment.description.strip()}", ""]
    lines += ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(row) + " |" for row in cells]
    lines += [
        "",
        "Word error rates are weighted to the population. Intervals (95 %) cross seeds and speakers; changes are"
        " relative and paired by seed and speaker.",
        "",
        made_at(revisions),
    ]
    if pictured:
        lines += ["", f"![{sweep.experiment.description.strip()}]({sweep.name}.svg)"]
    lines += [
        "",
        "Made by",
        "",
        f"    isogloss sweep {sweep.path.as_posix()}",
        f"    isogloss study {sweep.path.as_posix()}",
    ]
    return "\n".join([*lines, ""])


def picture(sweep: Sweep, rows: Sequence[SystemRow]) -> str | None:
    """The error rate against the figure that the study names for the horizontal axis."""
    x = sweep.experiment.study.x
    if x is None:
        return None
    points = []
    for row in rows:
        place, rate, bounds = row.figures[x], row.rate.value, row.rate.interval
        if place is not None and rate is not None:
            interval_y = None if bounds is None else (bounds[0], bounds[1])
            points.append(Point(row.setting, row.setting.partition("-")[0], place, rate, y_interval=interval_y))
    if not points:
        return None
    return scatter(
        points, title=sweep.experiment.description.strip(), x_title=x, y_title="WER on test, per cent", joined=True
    )
