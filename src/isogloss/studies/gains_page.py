"""A study of gains for `docs/`: tables with their provenance, numbers as JSON, and a chart of gain against cost."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from isogloss.config import Sweep
from isogloss.judging.statistics import Estimate
from isogloss.report.text import interval, percent, signed_percent
from isogloss.studies.gains import OTHERS, Gain
from isogloss.studies.scatter import Point, scatter
from isogloss.studies.writing import made_at
from isogloss.tables import atomic_path, write_json

HEADINGS = ["system", "group", "speakers", "WER base", "change", "each speaker alike", "largest harm not excluded"]


def write_gains(sweep: Sweep, rows: Sequence[Gain], revisions: Sequence[str], folder: Path) -> list[Path]:
    """Write `<name>-gains.md`, `.json` and `.svg` into the folder, for a page that a person writes to include.

    Returns
    -------
    The files, in that order.
    """
    files = [folder / f"{sweep.name}-gains.{suffix}" for suffix in ("md", "json", "svg")]
    with atomic_path(files[2]) as temporary:
        temporary.write_text(_picture(rows), encoding="utf-8")
    content = {"experiment": sweep.path.as_posix(), "revisions": revisions, "rows": [asdict(row) for row in rows]}
    write_json(content, files[1])
    with atomic_path(files[0]) as temporary:
        temporary.write_text(_markdown(sweep, rows, revisions), encoding="utf-8")
    return files


def gain_cells(row: Gain) -> list[str]:
    """The cells of a row, in the order of `HEADINGS`."""
    ends = [one.high for one in (row.change, row.alike) if one.high is not None]
    return [
        row.system,
        f"{row.group} (worst on discovery)" if row.worst else row.group,
        str(row.speakers),
        percent(row.before),
        _estimate(row.change),
        _estimate(row.alike),
        signed_percent(max(ends)) if ends else "not judged",
    ]


def _estimate(estimate: Estimate) -> str:
    """A relative change with its interval, if it has one."""
    bounds = estimate.interval
    behind = "" if bounds is None else f" ({interval((bounds[0], bounds[1]), signed=True)})"
    return signed_percent(estimate.value) + behind


def _markdown(sweep: Sweep, rows: Sequence[Gain], revisions: Sequence[str]) -> str:
    """The page."""
    lines = [
        f"# {sweep.experiment.description.strip()}",
        "",
        "Relative changes of the word error rate on test against the base model of the same run: weighted as the"
        " population, and with all speakers weighted equally. Intervals (95 %, not adjusted for their number) are over"
        " adaptation seeds and speakers, for the base model of the setting. The largest harm not excluded is the higher"
        " of the two upper ends.",
        "",
        made_at(revisions),
    ]
    for setting in dict.fromkeys(row.setting for row in rows):
        of_setting = [row for row in rows if row.setting == setting]
        lines += ["", f"## {setting} ({of_setting[0].runs} runs)", ""]
        lines += ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
        lines += ["| " + " | ".join(gain_cells(row)) + " |" for row in of_setting]
    lines += [
        "",
        f"![Change for the worst cohort against change for all others]({sweep.name}-gains.svg)",
        "",
        "Made by",
        "",
        f"    isogloss sweep {sweep.path.as_posix()}",
        f"    isogloss study {sweep.path.as_posix()}",
    ]
    return "\n".join([*lines, ""])


def _picture(rows: Sequence[Gain]) -> str:
    """The change for the cohort that was worst on discovery against that for all others: better is lower left."""
    others = {(row.setting, row.system): row.change for row in rows if row.group == OTHERS}
    points = []
    for row in rows:
        across = others.get((row.setting, row.system))
        if row.worst and across is not None and across.value is not None and row.change.value is not None:
            points.append(
                Point(
                    label=f"{row.setting}: {row.system}",
                    series=row.system,
                    x=100 * across.value,
                    y=row.change.value,
                    x_interval=None
                    if across.interval is None
                    else (100 * across.interval[0], 100 * across.interval[1]),
                    y_interval=None
                    if row.change.interval is None
                    else (row.change.interval[0], row.change.interval[1]),
                )
            )
    return scatter(
        points,
        title="What the worst cohort gains, and what all others pay",
        x_title="change of all others' WER on test, per cent",
        y_title="change of the worst cohort's WER on test, per cent",
        legend=False,
        names_beside=True,
    )
