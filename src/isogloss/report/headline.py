"""The sentences of the report, computed from the comparisons: who gained, who lost, by how much, how surely.

What "measurably" means is said in `verdicts`. A cohort in which nothing was measured is not called unharmed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isogloss.config.components import RuleComponent
from isogloss.config.registry import declaration
from isogloss.judging.document import Change, CohortFigures, Document, GroupingFigures
from isogloss.report.inputs import ReportInputs, RuleInputs
from isogloss.report.text import as_far_as_judged, counted, interval, listing, percent, signed_percent
from isogloss.report.verdicts import (
    Verdict,
    harmed_cohorts,
    judged_worst,
    rank_said,
    verdict,
    worst_cohort,
    worst_verdicts,
)

POOR_RATE = 0.5
"""From this base error rate on, differences between cohorts say little about a usable recogniser (our choice)."""


@dataclass(frozen=True)
class Finding:
    """What one method did, as sentences."""

    method: str
    verdict: Verdict
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Headline:
    """The top of the page."""

    title: str
    consequences: str
    warning: str | None
    findings: tuple[Finding, ...]


def headline(inputs: ReportInputs) -> Headline:
    """The findings under the rule whose worst cohorts are mitigated, and harm under any rule."""
    rule, methods = inputs.main, inputs.methods
    on_worst = worst_verdicts(rule)
    lost = [m for m, document in methods.items() if verdict(document.overall) == "worse"]
    harmed = {m: harmed_labels(inputs, m) for m in methods}
    hurt = listing([f"{counted(len(harmed[m]), 'cohort')} by {m}" for m in methods if harmed[m]])
    consequences = [f"Measurably harmed: {hurt}." if hurt else unharmed(next(iter(methods.values())).groupings)]
    if lost:
        consequences.append(f"Speech as a whole became measurably worse with {listing(lost)}.")
    return Headline(
        title=_title(rule, on_worst),
        consequences=" ".join(consequences),
        warning=_poor(rule.document),
        findings=tuple(_finding(m, inputs, on_worst[m], harmed[m]) for m in methods),
    )


def _title(rule: RuleInputs, on_worst: Mapping[str, Verdict]) -> str:
    """What became of the worst-served cohort, for the better and for the worse, if that could be tested."""
    metric = rule.document.metric
    named = f"the worst-served {declaration(RuleComponent, rule.rule).unit}"
    worst = worst_cohort(rule.any_method)
    named += "" if worst is None else rank_said(worst)
    if worst is None or not worst.inference or worst.p is None:
        few = "" if worst is None or worst.inference else ": it has too few speakers"
        return f"Whether a mitigation lowered the {metric} of {named} cannot be judged{few}."
    better, worse = (listing([m for m, said in on_worst.items() if said == side]) for side in ("better", "worse"))
    title = f"{better or 'No mitigation'} measurably lowered the {metric} of {named}"
    return f"{title}; {worse} measurably raised it." if worse else f"{title}."


def harmed_labels(inputs: ReportInputs, method: str) -> list[str]:
    """The cohorts of every rule that a method harmed, by label and rule."""
    found = []
    for grouping in inputs.methods[method].groupings:
        labels = {c.cohort: c.label for c in grouping.cohorts}
        harmed = harmed_cohorts(grouping, judged_worst(grouping.name, inputs).get(method))
        found += [f"{labels.get(cohort, cohort)} ({grouping.name})" for cohort in harmed]
    return found


def unharmed(groupings: Sequence[GroupingFigures]) -> str:
    """That no cohort of these comparisons was harmed, as far as there was a test."""
    cohorts = [c for grouping in groupings for c in grouping.cohorts]
    tested = sum(c.inference and c.p_holm is not None for c in cohorts)
    return as_far_as_judged("No cohort was measurably harmed", judged=tested, of=len(cohorts))


def describe(change: Change, *, confidence: float) -> str:
    """Before, after, the change and its interval, and what the interval allows to say."""
    text = f"{percent(change.before)} to {percent(change.after)}"
    if change.relative_change is None:
        return text
    text += f", a relative change of {signed_percent(change.relative_change)}"
    if isinstance(change, CohortFigures) and not change.inference:
        return f"{text}, from {counted(change.speakers or 0, 'speaker')}: too few for an inference"
    if change.ci95 is None:
        return text
    text += f" ({percent(confidence, digits=0)} interval {interval(change.ci95, signed=True)})"
    return text + ("; the interval includes no change" if verdict(change) == "unclear" else "")


def shrinkage_sentence(rule: RuleInputs) -> str | None:
    """How far the worst cohorts of discovery fell back on test, before any mitigation."""
    worst = worst_cohort(rule.any_method)
    if worst is None or worst.discovery is None or worst.before is None:
        return None
    metric = rule.document.metric
    text = (
        f"On the discovery speakers, who chose it, the worst cohort{rank_said(worst, labelled=True)} has "
        f"{percent(worst.discovery)} {metric}; on the test speakers, who had no part in the choice, "
        f"{percent(worst.before)}"
    )
    if worst.before < worst.discovery:
        return text + ". What was chosen for being extreme shrinks on new speakers: only the test figure counts."
    return text + ". It did not shrink here, as the worst of many often does; still, only the test figure counts."


def _finding(method: str, inputs: ReportInputs, on_worst: Verdict, harmed: list[str]) -> Finding:
    """The sentences about one method."""
    document, rule = inputs.methods[method], inputs.main
    grouping = rule.methods[method]
    worst = worst_cohort(grouping)
    sentences = []
    if worst is not None:
        change = describe(worst, confidence=document.confidence)
        unit = declaration(RuleComponent, rule.rule).unit
        sentence = f"Worst-served {unit}{rank_said(worst, labelled=True)}: {document.metric} from {change}"
        if on_worst == "unclear" != verdict(worst):
            sentence += "; not measurable once its p value is adjusted over the methods"
        sentences.append(f"{sentence}.")
    sentences.append(f"All speech: from {describe(document.overall, confidence=document.confidence)}.")
    gap = None if grouping.spread is None else grouping.spread.relative_gap
    if gap is not None and gap.before is not None and gap.after is not None:
        before, after = percent(gap.before, digits=0), percent(gap.after, digits=0)
        sentences.append(f"Relative gap between worst and best: from {before} to {after}.")
    sentences.append(f"Measurably harmed: {listing(harmed)}." if harmed else unharmed(document.groupings))
    return Finding(method=method, verdict=on_worst, sentences=tuple(sentences))


def _poor(document: Document) -> str | None:
    """A warning where the recogniser is too poor for its differences to mean much."""
    rate = document.overall.before
    if rate is None or rate < POOR_RATE:
        return None
    return (
        f"The base recogniser has {percent(rate)} {document.metric}: too poor for any use. The differences "
        "below show that the pipeline works; they say nothing about a recogniser that does."
    )
