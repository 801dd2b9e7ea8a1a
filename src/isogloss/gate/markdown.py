"""A gate's result as Markdown, such as the summary of a job on a build server."""

import html
import re

from isogloss.config import MarginParams
from isogloss.gate.result import Check, GateResult
from isogloss.judging.record import Interval
from isogloss.report.text import interval, percent, points, signed_percent, signed_points

MARKS = {"passed": "✅ passed", "harmed": "❌ harmed", "undecided": "❔ undecided", "unjudged": "➖ unjudged"}


def markdown(result: GateResult) -> str:
    """A heading, a table of all checks, and the inputs and options behind them."""
    heading = f"## Gate {cell(result.sentence)}"
    lines = [
        heading,
        "",
        "| cohort | speakers | words | WER | change | margin | verdict |",
        "|---|---:|---:|---|---|---|---|",
    ]
    lines += [_row(check) for check in result.checks]
    lines += ["", f"{result.speakers} speakers, {result.utterances} utterances. {cell(result.level_sentence)}"]
    lines += [f"- {cell(check.label)}: {cell(check.reason)}" for check in result.checks if check.verdict != "passed"]
    lines += [f"- warning: {cell(warning)}" for warning in result.warnings]
    files = "; ".join(f"{one.role} {one.path} sha256 {one.sha256[:12]}" for one in result.files)
    return "\n".join([*lines, "", f"<sub>isogloss {result.version}; {cell(files)}; seed {result.seed}</sub>"]) + "\n"


def _row(check: Check) -> str:
    """One check."""
    rates = f"{percent(check.before)} → {percent(check.after)}" if check.before is not None else "–"
    cells = [
        cell(check.label) + (" (required)" if check.required else ""),
        "–" if check.speakers is None else str(check.speakers),
        "–" if check.words is None else str(check.words),
        rates,
        change(check),
        margin_text(check.margin),
        MARKS[check.verdict] + ("" if check.blocks or check.verdict == "passed" else ", allowed"),
    ]
    return f"| {' | '.join(cells)} |"


def change(check: Check) -> str:
    """The relative change, and the absolute one if there is a margin for it."""
    said = [f"{signed_percent(check.relative_change)}{_bounds(check.ci)}"]
    if check.margin.absolute is not None and check.difference is not None:
        said.append(f"{signed_points(check.difference)}{_bounds(check.difference_ci)}")
    return ", ".join(said)


def margin_text(margin: MarginParams) -> str:
    """One margin, or both."""
    relative, absolute = margin.relative, margin.absolute
    said = [percent(relative)] if relative is not None else []
    return " and ".join([*said, points(absolute, digits=2)] if absolute is not None else said)


def _bounds(bounds: Interval | None) -> str:
    """An interval in brackets."""
    return "" if bounds is None else f" ({interval(bounds, signed=True, digits=1)})"


def cell(text: str) -> str:
    """A user's text as one line of plain text, escaped so that it is neither markup nor ends the table cell."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", html.escape(one_line, quote=False))
