"""The sentences of the report, computed from the comparisons: which cohorts gained or lost, how much, how surely.

`verdicts` defines "measurably". A cohort that could not be judged is not called unharmed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isogloss.config.components import RuleComponent
from isogloss.config.registry import declaration
from isogloss.judging.cohort_figures import Change, CohortFigures, Rates
from isogloss.judging.document import Document
from isogloss.judging.estimates import under_other
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.report.harm import (
    Verdict,
    gap_moved,
    harm_excluded,
    heads,
    largest_harm,
    no_inference,
    other_estimand,
    other_harmed,
    verdict,
)
from isogloss.report.inputs import ReportInputs, RuleInputs
from isogloss.report.text import as_far_as_judged, counted, interval, listing, percent, signed_percent
from isogloss.report.verdicts import harmed_cohorts, judged_worst, rank_said, worst_cohort, worst_verdicts

POOR_RATE = 0.5
"""With at least this base error rate, differences between cohorts say little about a usable recogniser (our choice)."""


@dataclass(frozen=True)
class Finding:
    """The effect of one method, in sentences."""

    method: str
    verdict: Verdict
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Headline:
    """The findings at the top of the page; `warning` is None if there is nothing to warn of."""

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
    consequences = [f"Measurably harmed: {hurt}." if hurt else unharmed(*(d.groupings for d in methods.values()))]
    possible = {m: found for m, document in methods.items() if (found := largest_harm(document.groupings)) is not None}
    method = max(possible, key=lambda m: possible[m], default=None)
    if method is not None and not hurt and possible[method][0] > 0:
        bound, label = possible[method]
        consequences.append(
            f"That clears nobody: {method} may still have changed {label} by up to {signed_percent(bound)}."
        )
    if lost:
        consequences.append(f"Speech as a whole became measurably worse with {listing(lost)}.")
    wider = [m for m, grouping in rule.methods.items() if verdict(_gap(grouping)) == "worse"]
    if wider:
        consequences.append(
            f"The gap between the worst and the best cohort became measurably wider with {listing(wider)}."
        )
    title = _title(rule, on_worst)
    if rule.document.weighted:
        other = _title(rule, worst_verdicts(rule, other=True), other=True)
        consequences.insert(0, f"{other_estimand(rule.document).capitalize()}: {other[0].lower()}{other[1:]}")
    return Headline(
        title=title,
        consequences=" ".join(consequences),
        warning=_poor(rule.document),
        findings=tuple(_finding(m, inputs, on_worst[m], harmed[m]) for m in methods),
    )


def _gap(grouping: GroupingFigures, *, other: bool = False) -> Change:
    """The relative gap between the worst and the best cohort under both systems."""
    spread = grouping.other_spread if other else grouping.spread
    return Change() if spread is None else spread.relative_gap


def _title(rule: RuleInputs, on_worst: Mapping[str, Verdict], *, other: bool = False) -> str:
    """The title: which methods improved or worsened the worst-served cohort, if that could be tested."""
    metric = rule.document.metric
    named = f"the worst-served {declaration(RuleComponent, rule.rule).unit}"
    worst = [c for c in map(worst_cohort, rule.methods.values()) if c is not None]
    named += "" if not worst else rank_said(worst[0])
    judged = [under_other(c) if other else c for c in worst]
    if not any(c.inference and c.p is not None for c in judged):
        return f"Whether a mitigation lowered the {metric} of {named} cannot be judged{_why_not(judged)}."
    better, worse = (listing([m for m, said in on_worst.items() if said == side]) for side in ("better", "worse"))
    title = f"{better or 'No mitigation'} measurably lowered the {metric} of {named}"
    return f"{title}; {worse} measurably raised it." if worse else f"{title}."


def _why_not(worst: Sequence[CohortFigures]) -> str:
    """Why the worst cohort cannot be judged, as a text that begins with a colon."""
    if not worst:
        return ""
    if not worst[0].inference:
        return f": it has {heads(worst[0], worst[0].speakers)}, too few for an inference"
    return ": too few speakers decide on its change"


def harmed_labels(inputs: ReportInputs, method: str) -> list[str]:
    """The cohorts of every rule that a method harmed, by label and rule."""
    found = []
    for grouping in inputs.methods[method].groupings:
        labels = {c.cohort: c.label for c in grouping.cohorts}
        harmed = harmed_cohorts(grouping, judged_worst(grouping.name, inputs).get(method))
        found += [f"{labels.get(cohort, cohort)} ({grouping.name})" for cohort in harmed]
    return found


def unharmed(*systems: Sequence[GroupingFigures]) -> str:
    """The sentence that no cohort was harmed by any of these systems, limited to those with a test under all of them.

    Each argument is the comparison of one system with the first, under the same rules.
    """
    cohorts = [{(g.name, c.cohort): c for g in groupings for c in g.cohorts} for groupings in systems]
    names = dict.fromkeys(name for known in cohorts for name in known)
    tested = sum(all(_tested(known.get(name)) for known in cohorts) for name in names)
    return as_far_as_judged("No cohort was measurably harmed", judged=tested, of=len(names))


def _tested(cohort: CohortFigures | None) -> bool:
    """Whether a cohort has a test of its change."""
    return cohort is not None and cohort.inference and cohort.p_holm is not None


def describe(change: Rates, document: Document, *, speakers: int | None = None) -> str:
    """Before, after, the change with its interval, and the conclusion from the interval."""
    text = f"{percent(change.before)} to {percent(change.after)}"
    if change.relative_change is None:
        return text
    text += f", a relative change of {signed_percent(change.relative_change)}"
    why = no_inference(change, speakers, document)
    if why:
        return f"{text}, {why}"
    if change.ci95 is None:
        return text
    text += f" ({percent(document.confidence, digits=0)} interval {interval(change.ci95, signed=True)})"
    return text + ("; the interval includes no change" if verdict(change) == "unclear" else "")


def shrinkage_sentence(rule: RuleInputs) -> str | None:
    """How much less extreme the worst cohorts of discovery are on test, before any mitigation."""
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
    unit = declaration(RuleComponent, rule.rule).unit
    sentences = []
    if worst is not None:
        change = describe(worst, document, speakers=worst.speakers)
        sentence = f"Worst-served {unit}{rank_said(worst, labelled=True)}: {document.metric} from {change}"
        if on_worst == "unclear" != verdict(worst):
            sentence += "; not measurable once its p value is adjusted over the methods"
        sentences.append(f"{sentence}.")
    sentences.append(f"All speech: from {describe(document.overall, document)}.")
    if document.weighted and document.overall.other is not None:
        text = f"{other_estimand(document).capitalize()}:"
        if worst is not None and worst.other is not None:
            text += f" that {unit} from {describe(worst.other, document, speakers=worst.speakers)};"
        sentences.append(f"{text} all speech from {describe(document.overall.other, document)}.")
    gap = _gap(grouping)
    if gap.before is not None and gap.after is not None:
        before, after = percent(gap.before, digits=0), percent(gap.after, digits=0)
        text = f"Relative gap between worst and best: from {before} to {after}, {gap_moved(gap)}"
        if gap.ci95 is not None:
            text += f" ({interval(gap.ci95, signed=True, digits=0)} relative)"
        sentences.append(f"{text}.")
    sentences.append(f"Measurably harmed: {listing(harmed)}." if harmed else unharmed(document.groupings))
    sentences += [other_harmed(document)] if other_harmed(document) else []
    sentences.append(harm_excluded(document.groupings, document.margin))
    return Finding(method=method, verdict=on_worst, sentences=tuple(sentences))


def _poor(document: Document) -> str | None:
    """A warning if the recogniser is so poor that differences between cohorts mean little."""
    rate = document.overall.before
    if rate is None or rate < POOR_RATE:
        return None
    return (
        f"The base recogniser has {percent(rate)} {document.metric}: too poor for any use. The differences "
        "below show that the pipeline works; they say nothing about a recogniser that does."
    )
