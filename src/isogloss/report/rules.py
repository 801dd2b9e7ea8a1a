"""The cohort rules side by side: what each one is, the base system's gap under it, and what became of it on test."""

from dataclasses import dataclass

from isogloss.config.components import RuleComponent
from isogloss.config.registry import declaration
from isogloss.judging.rules import Gap, RuleComparison, SplitGap
from isogloss.report.inputs import ReportInputs
from isogloss.report.text import Interval, counted, interval, listing, percent


@dataclass(frozen=True)
class GapLine:
    """One rule on one split."""

    split: str
    gap: SplitGap
    p_holm: float | None

    @property
    def gap_interval(self) -> Interval | None:
        """The interval of the relative gap."""
        bounds = self.gap.relative_gap_ci95
        return None if bounds is None else (bounds[0], bounds[1])


@dataclass(frozen=True)
class RuleLine:
    """One rule of the table: discovery first, then test; no lines where no two cohorts may be shown."""

    rule: str
    cohorts: int
    bottom: str
    top: str
    lines: tuple[GapLine, ...]


def rule_lines(inputs: ReportInputs) -> tuple[RuleLine, ...]:
    """The table, in the order of params."""
    return tuple(_line(rule.comparison) for rule in inputs.rules.values())


def _line(comparison: RuleComparison) -> RuleLine:
    """One rule."""
    gap = comparison.gap
    if gap is None:
        return RuleLine(comparison.rule, comparison.cohorts, "", "", ())
    lines = (GapLine("discovery", gap.discovery, None), GapLine("test", gap.test, gap.p_holm))
    return RuleLine(comparison.rule, comparison.cohorts, gap.bottom_label, gap.top_label, lines)


def about(rule: str, inputs: ReportInputs) -> str:
    """What a rule looks at, for its section."""
    options = inputs.params.section(rule).model_dump()
    said = {name: listing(value) if isinstance(value, list) else value for name, value in options.items()}
    return declaration(RuleComponent, rule).about.format(**said)


def rules_sentence(inputs: ReportInputs) -> str:
    """Which rule shows the widest gap on test, how sure that is, and what it was on discovery.

    A rule whose gap has an interval goes before one with too few speakers for it.
    """
    gaps = {name: rule.comparison.gap for name, rule in inputs.rules.items()}
    known = {name: gap for name, gap in gaps.items() if gap is not None and gap.test.relative_gap is not None}
    if not known:
        return "No rule has two cohorts whose error rates may be shown, so there is no gap to compare."
    rule = max(known, key=lambda name: _prominence(known[name]))
    gap = known[rule]
    text = (
        f"The {rule} rule shows the widest gap on test: the bottom cohort ({gap.bottom_label}) has "
        f"{percent(gap.test.bottom.wer)}, the top cohort ({gap.top_label}) {percent(gap.test.top.wer)}, "
        f"a relative gap of {percent(gap.test.relative_gap, digits=0)}"
    )
    bounds = gap.test.relative_gap_ci95
    if bounds is None:
        speakers = min(gap.test.bottom.speakers, gap.test.top.speakers)
        text += f", from {counted(speakers, 'speaker')} on the smaller side: too few for an interval."
    else:
        text += f" (interval {interval((bounds[0], bounds[1]), digits=0)})"
        text += "." if bounds[0] > 0 else "; the interval includes no gap."
    found = gap.discovery.relative_gap
    if found is None or gap.test.relative_gap is None or found <= gap.test.relative_gap:
        return text
    return (
        f"{text} On discovery, whose speakers chose the cohorts, it was {percent(found, digits=0)}: what is chosen "
        "for being extreme looks wider there than it is."
    )


def _prominence(gap: Gap) -> tuple[bool, float]:
    """By what the widest gap is chosen: whether it has an interval, then its width."""
    return gap.test.relative_gap_ci95 is not None, gap.test.relative_gap or 0.0
