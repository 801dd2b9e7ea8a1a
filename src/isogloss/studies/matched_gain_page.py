"""The comparison of methods at matched gain for `docs/`: a table and its numbers."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from isogloss.config import Sweep
from isogloss.judging.statistics import Estimate
from isogloss.report.text import interval, percent, signed_percent, signed_points
from isogloss.studies.matched_gain import MatchedGain
from isogloss.studies.writing import made_at
from isogloss.tables import atomic_path, write_json

HEADINGS = ["gain of the worst cohort", "method", "base models that reach it", "change for all others", "difference"]


def write_matched_gains(
    sweep: Sweep, rows: Sequence[MatchedGain], revisions: Sequence[str], folder: Path
) -> list[Path]:
    """Write `<name>-matched-gain.md` and `.json` into the folder; returns the files in that order."""
    files = [folder / f"{sweep.name}-matched-gain.{suffix}" for suffix in ("md", "json")]
    content = {"experiment": sweep.path.as_posix(), "revisions": revisions, "rows": [asdict(row) for row in rows]}
    write_json(content, files[1])
    with atomic_path(files[0]) as temporary:
        temporary.write_text(_markdown(sweep, rows, revisions), encoding="utf-8")
    return files


def matched_cells(row: MatchedGain) -> list[str]:
    """The cells of a row, in the order of `HEADINGS`."""
    cost = "not reached" if row.cost.value is None else _with_interval(signed_percent(row.cost.value), row.cost, 1)
    difference = ""
    if row.difference is not None and row.difference.value is not None:
        difference = _with_interval(signed_points(row.difference.value, digits=1), row.difference, 1)
    return [percent(row.gain, digits=0), row.method, f"{row.reached} of {row.bases}", cost, difference]


def _with_interval(shown: str, estimate: Estimate, digits: int) -> str:
    """A change with its interval behind it, if it has one."""
    bounds = estimate.interval
    return shown if bounds is None else f"{shown} ({interval((bounds[0], bounds[1]), signed=True, digits=digits)})"


def _markdown(sweep: Sweep, rows: Sequence[MatchedGain], revisions: Sequence[str]) -> str:
    """The page."""
    reference = next((row.method for row in rows if row.difference is None), "the reference")
    lines = [
        "# What mitigations cost all others where the worst cohort gains as much",
        "",
        "What each method costs all others where it lowers the WER of the cohort that was worst on discovery by as"
        " much: relative changes on test, weighted as the population. A method's trials of its one option are joined by"
        " straight lines, from the base model on, and the cost is read where they first reach the gain. The difference"
        f" is to `{reference}`: above zero, the method costs more. Intervals (95 %, not adjusted for their number)"
        " cross base models and speakers; there is none where a single speaker decides whether the gain is reached.",
        "",
        made_at(revisions),
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + "---|" * len(HEADINGS),
        *("| " + " | ".join(matched_cells(row)) + " |" for row in rows),
        "",
        "Made by",
        "",
        f"    isogloss sweep {sweep.path.as_posix()}",
        f"    isogloss study {sweep.path.as_posix()}",
    ]
    return "\n".join([*lines, ""])
