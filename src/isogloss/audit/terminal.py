"""An audit on the terminal: one table a grouping.

Names come from somebody's data. They are printed as plain text: no markup of the console, and no control characters,
which could rewrite what the terminal shows.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from isogloss.audit import findings
from isogloss.report.text import count, interval, percent, probability, signed_percent

WIDTH_WITHOUT_TERMINAL = 120
LABEL_WIDTH = 24
"""Columns that a long name is given at least; it is broken, never cut."""


def plain(text: str) -> Text:
    """Text without markup, control and invisible characters shown as a replacement character.

    >>> str(plain("[red]x\\x1b[31m"))
    '[red]x�[31m'
    """
    return Text("".join("\ufffd" if unicodedata.category(c)[0] == "C" else c for c in text))


def console() -> Console:
    """A console that does not break lines for a window that is not there."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=WIDTH_WITHOUT_TERMINAL)


def show(document: Mapping[str, Any], on: Console) -> None:
    """Print the findings and a table for each grouping."""
    head = findings.headline(document)
    on.print(Text(str(plain(head.title)), style="bold"))
    for sentence in head.sentences:
        on.print(plain(sentence))
    steps = ", ".join(document["normalisation"]) or "none: case and punctuation count"
    on.print(plain(f"normalisation: {steps}"))
    for grouping in document["groupings"]:
        on.print()
        on.print(Text(str(plain(f"By {grouping['title']} ({grouping['split']})")), style="bold"))
        if not grouping["withheld"]:
            on.print(_table(grouping, document))
        on.print(plain(findings.summary(grouping, document)))
        said = findings.selection(grouping)
        if said:
            on.print(Text(str(plain(said)), style="dim"))


def _table(grouping: Mapping[str, Any], document: Mapping[str, Any]) -> Table:
    """The cohorts of one grouping."""
    paired, speakers = document["system"] != document["baseline"], document["unit"] == "speaker"
    table = Table(box=None, pad_edge=False, header_style="dim")
    longest = max(len(c["label"]) for c in grouping["cohorts"])
    table.add_column("cohort", overflow="fold", min_width=min(longest, LABEL_WIDTH))
    headers = ["speakers" if speakers else "utterances", "words"]
    headers += [document["baseline"], *(["× others", "p"] if speakers else [])]
    headers += [document["system"], "change", *(["p"] if speakers else [])] if paired else []
    for header in headers:
        table.add_column(plain(header), justify="right", no_wrap=True)
    for c in grouping["cohorts"]:
        cells = [count(c["speakers" if speakers else "utterances"]), count(c["words"])]
        cells += [bounded(percent(c["before"]), c["before_ci95"], below=paired)]
        if speakers:
            cells += [_ratio(c["rest"], below=paired), probability(c["rest"]["p_holm"])]
        if paired:
            cells += [bounded(percent(c["after"]), c["after_ci95"], below=True)]
            cells += [bounded(signed_percent(c["relative_change"]), c["ci95"], below=True, signed=True)]
            cells += [probability(c["p_holm"])] if speakers else []
        bad = c["rest"]["worse"] or c["cohort"] in grouping["harmed_cohorts"]
        table.add_row(plain(c["label"]), *map(Text, cells), style="bold red" if bad else "")
    return table


def bounded(value: str, bounds: Sequence[float] | None, *, below: bool, signed: bool = False) -> str:
    """A figure with its interval, behind it or on a line of its own."""
    if bounds is None:
        return value
    text = interval((bounds[0], bounds[1]), signed=signed)
    return f"{value}\n{text}" if below else f"{value} ({text})"


def _ratio(rest: Mapping[str, Any], *, below: bool) -> str:
    """The ratio to all others with its interval."""
    if rest["ratio"] is None:
        return "–"
    value, bounds = f"{rest['ratio']:.2f}", rest["ci95"]
    if bounds is None:
        return value
    text = f"{bounds[0]:.2f} to {bounds[1]:.2f}"
    return f"{value}\n{text}" if below else f"{value} ({text})"
