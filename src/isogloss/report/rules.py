"""The cohort rules side by side: what each one is, and the base system's gap under it on discovery and on test."""

from collections.abc import Sequence
from dataclasses import dataclass

from isogloss.config.components import RuleComponent
from isogloss.config.registry import declaration
from isogloss.judging.grouping_figures import GapFigures, GroupingFigures, SplitGap
from isogloss.report.inputs import ReportInputs
from isogloss.report.text import counted, interval, listing, percent


@dataclass(frozen=True)
class GapLine:
    """The gap of one rule on one split; `p_holm` is that of the bottom cohort against all others, None on discovery."""

    split: str
    gap: SplitGap
    p_holm: float | None


@dataclass(frozen=True)
class RuleLine:
    """One rule of the table, with a line for discovery and one for test; none where no two cohorts may be shown."""

    rule: str
    cohorts: int
    bottom: str
    top: str
    lines: tuple[GapLine, ...]


def rule_lines(groupings: Sequence[GroupingFigures]) -> tuple[RuleLine, ...]:
    """The table, from the base system's document."""
    return tuple(_line(grouping) for grouping in groupings)


def _line(grouping: GroupingFigures) -> RuleLine:
    """One rule."""
    gap = grouping.gap
    if gap is None:
        return RuleLine(grouping.name, grouping.found, "", "", ())
    bottom, top = (grouping.cohort(name) for name in (gap.bottom, gap.top))
    p_holm = None if bottom.rest is None else bottom.rest.p_holm
    lines = (GapLine("discovery", gap.discovery, None), GapLine("test", gap.test, p_holm))
    return RuleLine(grouping.name, grouping.found, bottom.label, top.label, lines)


def about(rule: str, inputs: ReportInputs) -> str:
    """The inputs of a rule in words, for its section."""
    options = inputs.params.section(rule).model_dump()
    said = {name: listing(value) if isinstance(value, list) else value for name, value in options.items()}
    return declaration(RuleComponent, rule).about.format(**said)


def rules_sentence(groupings: Sequence[GroupingFigures]) -> str:
    """Which rule shows the widest gap on test, how sure that is, and what it was on discovery.

    A rule whose gap has an interval goes before one with too few speakers for it.
    """
    gaps = {grouping.name: grouping.gap for grouping in groupings}
    known = {name: gap for name, gap in gaps.items() if gap is not None and gap.test.relative_gap is not None}
    if not known:
        return "No rule has two cohorts whose error rates may be shown, so there is no gap to compare."
    rule = max(known, key=lambda name: _prominence(known[name]))
    gap = known[rule]
    labels = {one.cohort: one.label for grouping in groupings if grouping.name == rule for one in grouping.cohorts}
    text = (
        f"The {rule} rule shows the widest gap on test: the bottom cohort ({labels[gap.bottom]}) has "
        f"{percent(gap.test.bottom.rate)}, the top cohort ({labels[gap.top]}) {percent(gap.test.top.rate)}, "
        f"a relative gap of {percent(gap.test.relative_gap, digits=0)}"
    )
    bounds = gap.test.relative_gap_ci95
    if bounds is None:
        speakers = min(gap.test.bottom.speakers, gap.test.top.speakers)
        text += f", from {counted(speakers, 'speaker')} on the smaller side: too few for an interval."
    else:
        text += f" (interval {interval(bounds, digits=0)})"
        text += "." if bounds[0] > 0 else "; the interval includes no gap."
    found = gap.discovery.relative_gap
    if found is None or gap.test.relative_gap is None or found <= gap.test.relative_gap:
        return text
    return (
        f"{text} On discovery, whose speakers chose the cohorts, it was {percent(found, digits=0)}: what is chosen "
        "for being extreme looks wider there than it is."
    )


def _prominence(gap: GapFigures) -> tuple[bool, float]:
    """Sort key for the widest gap: gaps with an interval first, then by width."""
    return gap.test.relative_gap_ci95 is not None, gap.test.relative_gap or 0.0
