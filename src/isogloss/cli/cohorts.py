"""`isogloss cohorts`: the cohort rules side by side, as the base system serves them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.judging.rules import RuleComparison, SplitGap

WIDTH = 160
"""Characters that the widest table takes."""


@click.command()
@entry
def cohorts() -> None:
    """Compare the cohort rules: bottom and top cohort, the gap between them, and the bottom cohort's share.

    Cohorts are found and ranked on discovery. What counts are the lines of test, whose speakers had no part in it.
    Needs the outputs of `discover`; cohorts of few speakers are hidden as in the report.
    """
    from rich.console import Console
    from rich.table import Table

    from isogloss.config import load_params
    from isogloss.judging.publication import shown_names
    from isogloss.judging.rules import compare_rule
    from isogloss.tables import ASSIGNMENT_COLUMNS, METADATA_COLUMNS, RESULT_COLUMNS, read_json, read_parquet

    params = load_params()
    base = read_parquet("results/asr/base/utterances.parquet", {**METADATA_COLUMNS, **RESULT_COLUMNS})
    folders = {rule: Path("cohorts") / rule for rule in params.cohorts.rules}
    assignments = {
        rule: read_parquet(folder / "assignments.parquet", ASSIGNMENT_COLUMNS) for rule, folder in folders.items()
    }
    shown = shown_names(assignments, base, min_speakers=params.privacy.min_speakers)
    table = Table(box=None, pad_edge=False)
    headings = ("rule", "cohorts", "split", "bottom WER", "top WER", "relative gap", "bottom's share", "p (Holm)")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("rule", "split") else "right", no_wrap=True)
    notes = []
    for rule, folder in folders.items():
        comparison = compare_rule(
            read_json(folder / "summary.json"),
            assignments[rule],
            base,
            shown=shown[rule],
            statistics=params.statistics,
        )
        for cells in _lines(comparison):
            table.add_row(*cells)
        if comparison.gap is not None:
            notes.append(f"{rule}: bottom {comparison.gap.bottom_label}; top {comparison.gap.top_label}")
    # As wide as the table: a narrow window breaks lines instead of cutting figures off.
    console = Console(highlight=False, width=max(Console().width, WIDTH))
    console.print(table)
    console.print()
    for note in notes:
        console.print(note, markup=False)


def _lines(comparison: "RuleComparison") -> list[tuple[str, ...]]:
    """One rule's lines: discovery, then test."""
    head = (comparison.rule, str(comparison.cohorts))
    gap = comparison.gap
    if gap is None:
        return [(*head, "", "no two cohorts that may be shown")]
    p = "" if gap.p_holm is None else f"{gap.p_holm:.3f}"
    return [(*head, "discovery", *_figures(gap.discovery), ""), ("", "", "test", *_figures(gap.test), p)]


def _figures(gap: "SplitGap") -> tuple[str, str, str, str]:
    """Both rates, the gap, and the share of the bottom cohort."""
    return (
        _percent(gap.bottom.wer, gap.bottom.ci95, 1),
        _percent(gap.top.wer, gap.top.ci95, 1),
        _percent(gap.relative_gap, gap.relative_gap_ci95, 0),
        f"{gap.bottom.share_of_speakers:.1%} ({gap.bottom.speakers} speakers)",
    )


def _percent(value: float | None, interval: list[float] | None, digits: int) -> str:
    """A fraction as per cent with its interval."""
    if value is None:
        return "-"
    text = f"{100 * value:.{digits}f} %"
    if interval is None:
        return text
    return f"{text} ({100 * interval[0]:.{digits}f} to {100 * interval[1]:.{digits}f})"
