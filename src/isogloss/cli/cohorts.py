"""`isogloss cohorts`: the cohort rules side by side, by the error rates of the base system."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isogloss.entry import entry

if TYPE_CHECKING:
    from isogloss.judging.document import Document
    from isogloss.judging.grouping_figures import SplitGap
    from isogloss.judging.record import Interval
    from isogloss.report.rules import RuleLine


@click.command(epilog="\b\nExample:\n  isogloss cohorts")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the document of the base system, cohort by cohort.")
@entry
def cohorts(as_json: bool) -> None:
    """Compare the cohort rules: bottom and top cohort, the gap between them, and the bottom cohort's share.

    Cohorts are found and ranked on the discovery split. Judge a rule by its line of the test split, whose speakers did
    not take part in the search. The command needs the outputs of `discover`; cohorts of few speakers are hidden as in
    the report.
    """
    from isogloss.config import load_params
    from isogloss.judging.system import judge_base, read_rules
    from isogloss.tables import METADATA_COLUMNS, RESULT_COLUMNS, read_parquet

    params = load_params()
    base = read_parquet("results/asr/base/utterances.parquet", {**METADATA_COLUMNS, **RESULT_COLUMNS})
    document = judge_base(base, read_rules(Path("cohorts"), params), params)
    if as_json:
        click.echo(json.dumps(document.content(), indent=2, ensure_ascii=False))
    else:
        _print(document)


def _print(document: "Document") -> None:
    """The rules as a table, and the names of their cohorts below it."""
    from isogloss.consoles import Table, console
    from isogloss.report.rules import rule_lines

    table = Table()
    headings = ("rule", "cohorts", "split", "bottom WER", "top WER", "relative gap", "bottom's share", "p (Holm)")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("rule", "split") else "right", no_wrap=True)
    notes = []
    for rule in rule_lines(document.groupings):
        for cells in _cells(rule):
            table.add_row(*cells)
        if rule.lines:
            notes.append(f"{rule.rule}: bottom {rule.bottom}; top {rule.top}")
    on = console()
    on.print(table)
    on.print()
    for note in notes:
        on.print(note)


def _cells(rule: "RuleLine") -> list[tuple[str, ...]]:
    """The cells of one rule's two lines: discovery, then test."""
    head = (rule.rule, str(rule.cohorts))
    if not rule.lines:
        return [(*head, "", "no two cohorts that may be shown")]
    rows: list[tuple[str, ...]] = []
    for line in rule.lines:
        p = "" if line.p_holm is None else f"{line.p_holm:.3f}"
        rows.append((*(head if not rows else ("", "")), line.split, *_figures(line.gap), p))
    return rows


def _figures(gap: "SplitGap") -> tuple[str, str, str, str]:
    """Both rates, the gap, and the share of the bottom cohort."""
    return (
        _percent(gap.bottom.rate, gap.bottom.ci95, 1),
        _percent(gap.top.rate, gap.top.ci95, 1),
        _percent(gap.relative_gap, gap.relative_gap_ci95, 0),
        f"{gap.bottom.share_of_speakers:.1%} ({gap.bottom.speakers} speakers)",
    )


def _percent(value: float | None, interval: "Interval | None", digits: int) -> str:
    """A fraction as per cent with its interval."""
    if value is None:
        return "-"
    text = f"{100 * value:.{digits}f} %"
    if interval is None:
        return text
    return f"{text} ({100 * interval[0]:.{digits}f} to {100 * interval[1]:.{digits}f})"
