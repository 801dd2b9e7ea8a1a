"""A document on the terminal: one table a grouping.

Names come from users' data. They are printed as plain text without console markup and without control characters, which
could change what the terminal shows.
"""

import unicodedata
from collections.abc import Collection
from typing import Any

from rich.text import Text

from isogloss.consoles import LABEL_WIDTH, Console, Table
from isogloss.judging.cohort_figures import CohortFigures, Rest
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.record import Interval
from isogloss.report import findings, verifier_findings
from isogloss.report.charts import sizes
from isogloss.report.further import further, ties_sentence
from isogloss.report.text import interval, percent, probability, signed_percent

SHORT = {"population": "each alike", "speakers": "population"}
"""The heading of the columns of the other estimand, by the estimand that the document names."""


def plain(text: str) -> Text:
    """Text without markup, control and invisible characters shown as a replacement character.

    >>> str(plain("[red]x\\x1b[31m"))
    '[red]x�[31m'
    """
    return Text("".join("\ufffd" if unicodedata.category(c)[0] == "C" else c for c in text))


def show(document: Document, on: Console) -> None:
    """Print the findings and a table for each grouping."""
    verification = document.task == "verification"
    says: Any = verifier_findings if verification else findings
    head = says.lead(document)
    on.print(Text(str(plain(head.title)), style="bold"))
    for sentence in (*head.sentences, *(verifier_findings.costs(document) if verification else ())):
        on.print(plain(sentence))
    if document.normalisation is not None:
        steps = ", ".join(document.normalisation) or "none: case and punctuation count"
        on.print(plain(f"normalisation: {steps}"))
    for grouping in document.groupings:
        on.print()
        whose = "trials whose two speakers both belong to the cohort" if verification else grouping.split
        on.print(Text(str(plain(f"By {grouping.title} ({whose})")), style="bold"))
        if not grouping.withheld:
            on.print(cohort_table(grouping, document, tagged=set(says.tags(grouping))))
        summary = says.summary(grouping, document)
        for sentence in [summary] if isinstance(summary, str) else summary:
            on.print(plain(sentence))
        if not verification:
            for sentence in further(grouping, document):
                on.print(plain(sentence))
        said = findings.selection(grouping)
        if said:
            on.print(Text(str(plain(said)), style="dim"))

    if document.side_by_side is not None and len(document.side_by_side.systems) > len(document.systems):
        show_systems(document, on)


def show_systems(document: Document, on: Console) -> None:
    """Print all systems side by side, a table a grouping."""
    found = document.side_by_side
    if found is None:
        return
    on.print()
    on.print(Text(f"{document.metric} of {len(found.systems)} systems side by side", style="bold"))
    table = Table()
    table.add_column("cohort")
    table.add_column("speakers", justify="right")
    for name in found.systems:
        table.add_column(plain(name), justify="right")
    for row in found.rows:
        speakers = "–" if row.speakers is None else str(row.speakers)
        cells = []
        for name, one in zip(found.systems, row.rates, strict=True):
            bounds = "" if one.ci95 is None else f"\n{interval(one.ci95)}"
            cells.append(Text(f"{percent(one.rate)}{' ≈' if name in row.best else ''}{bounds}"))
        table.add_row(plain(row.label), speakers, *cells)
    on.print(table)
    on.print(plain(ties_sentence(document)))


def cohort_table(grouping: GroupingFigures, document: Document, *, tagged: Collection[str] = ()) -> Table:
    """The cohorts of one grouping; those that are `tagged` or harmed stand out."""
    table = Table()
    longest = max(len(c.label) for c in grouping.cohorts)
    table.add_column("cohort", min_width=min(longest, LABEL_WIDTH))
    rows = [_cells(c, document) for c in grouping.cohorts]
    for header, _ in rows[0]:
        table.add_column(Text("\n").join(plain(line) for line in header.split("\n")), justify="right", no_wrap=True)
    for c, cells in zip(grouping.cohorts, rows, strict=True):
        bad = c.cohort in tagged or c.cohort in grouping.harmed_cohorts
        table.add_row(plain(c.label), *(Text(cell) for _, cell in cells), style="bold red" if bad else "")
    return table


def _cells(c: CohortFigures, document: Document) -> list[tuple[str, str]]:
    """Heading and content of each figure of a cohort."""
    metric, tested = document.metric, document.unit == "speaker"
    below = document.paired or document.task == "verification"
    before = bounded(percent(c.before), c.before_ci95, below=below) if c.measurable else "not measurable"
    # Two systems have so many figures that effective speakers are only on the page; figures may not be cut.
    cells = [(name, size) for name, size in sizes(c, document) if not (document.paired and name == "effective")]
    cells.append((f"{metric} {document.baseline}" if document.paired else metric, before))
    if document.weighted and not document.paired and c.other is not None:
        cells.append((f"{metric}, {SHORT[document.estimand]}", percent(c.other.before)))
    if c.rest is not None and tested:
        cells += [("× others", _ratio(c.rest, below=below)), ("p", probability(c.rest.p_holm))]
        if document.adjusted_for:
            cells.append(("adjusted", _adjusted(c.rest)))
    if document.paired:
        after = bounded(percent(c.after), c.after_ci95, below=below) if c.measurable else "not measurable"
        change = bounded(signed_percent(c.relative_change), c.ci95, below=below, signed=True)
        cells += [(f"{metric} {document.system}", after), ("change", change)]
        cells += [("p", probability(c.p_holm))] if tested else []
        if document.weighted and c.other is not None:
            other = bounded(signed_percent(c.other.relative_change), c.other.ci95, below=below, signed=True)
            cells += [(f"change,\n{SHORT[document.estimand]}", other)]
    elif c.at_threshold is not None:  # For two verifiers these are only on the page.
        at = c.at_threshold.before
        cells += [("FAR", bounded(percent(at.far), at.far_ci95, below=below))]
        cells += [("FRR", bounded(percent(at.frr), at.frr_ci95, below=below))]
    return cells


def bounded(value: str, bounds: Interval | None, *, below: bool, signed: bool = False) -> str:
    """A figure with its interval, on the same line or on the next one."""
    if bounds is None:
        return value
    text = interval(bounds, signed=signed)
    return f"{value}\n{text}" if below else f"{value} ({text})"


def _adjusted(rest: Rest) -> str:
    """The adjusted ratio with its interval."""
    found = rest.adjusted
    return "–" if found is None else f"{found.ratio:.2f}\n{found.ci95[0]:.2f} to {found.ci95[1]:.2f}"


def _ratio(rest: Rest, *, below: bool) -> str:
    """The ratio to all others with its interval."""
    if rest.ratio is None:
        return "–"
    value, bounds = f"{rest.ratio:.2f}", rest.ci95
    if bounds is None:
        return value
    text = f"{bounds[0]:.2f} to {bounds[1]:.2f}"
    return f"{value}\n{text}" if below else f"{value} ({text})"
