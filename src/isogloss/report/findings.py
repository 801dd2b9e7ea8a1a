"""Sentences computed from a document of word errors: which cohorts the system fails, and which gain or lose.

"Measurably" means that the test of a cohort is significant after Holm's adjustment over the cohorts of its grouping.
The title is chosen among all groupings, so its cohort must be significant after adjustment over the cohorts of all of
them. If there are several, it is the one with the highest lower bound of the ratio to all others. A title never names a
merged cohort or `unspecified`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from isogloss.judging.cohort_figures import CohortFigures
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.statistics.multiple import holm
from isogloss.report.harm import ESTIMANDS, harm_excluded, other_estimand, other_harmed
from isogloss.report.text import as_far_as_judged, counted, interval, listing, percent, signed_percent

MOST_NAMED = 3
HALVES = (
    "The speakers were divided in two by a hash of their id. One half chose and ranked these cohorts; every figure and "
    "test here is of the other half, which had no part in the choice.",
    "the choosing half",
)
SPLITS = (
    "Cohorts are ranked on the speakers of discovery; every figure and test here is of the speakers of test, who had "
    "no part in that.",
    "discovery",
)
"""How cohorts were chosen, in words, and by which speakers: `HALVES` for an audit, `SPLITS` for a pipeline."""


@dataclass(frozen=True)
class Lead:
    """The title and the sentences at the top of the page."""

    title: str
    sentences: tuple[str, ...]


def lead(document: Document) -> Lead:
    """The most important finding, with further facts."""
    worse = [(g, c) for g in document.groupings for c in g.worse_cohorts if c.people]
    worse.sort(key=lambda pair: pair[1].least_ratio, reverse=True)
    overall = document.overall
    sentences = [_overall(document)]
    if document.paired and overall.after is not None:
        sentences += _changes(document)
    judged = [g for g in document.groupings if not g.withheld]
    if not judged:
        title = f"{document.baseline} has {percent(overall.before)} {document.metric}."
        return Lead(title, (*sentences, "No cohorts were compared."))
    if document.unit != "speaker":
        sentences.append("Speakers are unknown, so nothing can be said about whether cohorts really differ.")
        return Lead(f"Error rates of {counted(sum(len(g.cohorts) for g in judged), 'cohort')}", tuple(sentences))
    title, named = _title(judged, worse, document)
    others = [_named(g, c) for g, c in worse if c is not named]
    if others:
        more = "" if len(others) <= MOST_NAMED else f" and {counted(len(others) - MOST_NAMED, 'other')}"
        also, one = "" if named is None else "also ", len(others) == 1
        among = "" if len(judged) == 1 else " of its grouping" if one else " of their groupings"
        verb = "is" if one else "are"
        sentences.append(f"Measurably worse than all others{among} {verb} {also}{listing(others[:MOST_NAMED]) + more}.")
    return Lead(title, tuple(sentences))


def _title(
    groupings: Sequence[GroupingFigures], worse: Sequence[tuple[GroupingFigures, CohortFigures]], document: Document
) -> tuple[str, CohortFigures | None]:
    """The surest of the worse cohorts that is significant after adjustment over all groupings, or None."""
    cohorts = [c for g in groupings for c in g.cohorts]
    adjusted = zip(cohorts, holm([None if c.rest is None else c.rest.p for c in cohorts]), strict=True)
    held = [c for c, p in adjusted if p is not None and p <= document.alpha]
    found = [(g, c) for g, c in worse if any(c is one for one in held)]
    if not found:
        over = ", over all groupings together" if worse else ""
        named = " that can be named" if any(g.worse_cohorts for g in groupings) and not worse else ""
        nothing = f"No cohort{named} is measurably served worse than all other speakers{over}"
        return _as_far_as_tested(nothing, groupings, _against_rest), None
    grouping, cohort = found[0]
    title = f"{document.baseline} fails {_named(grouping, cohort)}: {percent(cohort.before)} {document.metric}"
    return f"{title}{_times(cohort, bound=True)}.", cohort


def summary(grouping: GroupingFigures, document: Document) -> str:
    """The findings about one grouping."""
    if grouping.withheld:
        return f"Not shown: {grouping.withheld}."
    if document.unit != "speaker":
        return "Speakers are unknown: rates without intervals or tests."
    worse = grouping.worse_cohorts
    if worse:
        text = f"Measurably worse than all other speakers: {listing([_described(c) for c in worse])}."
    else:
        text = _as_far_as_tested("No cohort is measurably worse than all other speakers", [grouping], _against_rest)
        known = [c.rest.detectable_ratio for c in grouping.cohorts if c.rest and c.rest.detectable_ratio is not None]
        if known:
            text += f" {_detectable(known)}"
    if grouping.harmed_cohorts:
        harmed = listing([grouping.cohort(name).label for name in grouping.harmed_cohorts])
        text += f" Measurably harmed by {document.system}: {harmed}."
    return text


def _detectable(ratios: Sequence[float]) -> str:
    """The smallest disparity that a test on these speakers would detect."""
    low, high = round(min(ratios), 1), round(max(ratios), 1)
    least = f"{low:.1f} to {high:.1f}" if low < high else f"{high:.1f}"
    return (
        "With these speakers, a cohort would have been seen (with probability 0.8, before adjustment) if it made "
        f"{least} times the errors of the rest."
    )


def selection(grouping: GroupingFigures) -> str | None:
    """How a discovered grouping was chosen, and the effect of this choice on its figures."""
    if not grouping.discovered:
        return None
    text, who = HALVES if grouping.split != "test" else SPLITS
    ranked = [c for c in grouping.cohorts if c.discovery_rank is not None and c.discovery is not None]
    if not ranked:
        return text
    worst = min(ranked, key=lambda c: c.discovery_rank or 0)
    hidden = "" if worst.discovery_rank == 1 else f" of those that may be shown (rank {worst.discovery_rank})"
    return (
        f"{text} The cohort that {who} found worst{hidden}, {worst.label}, has "
        f"{percent(worst.discovery)} there and {percent(worst.before)} here."
    )


def tags(grouping: GroupingFigures) -> dict[str, str]:
    """The chart's texts about cohorts."""
    return {one.cohort: "worse than all others" for one in grouping.worse_cohorts}


def _overall(document: Document) -> str:
    """Size and error rate of the whole test set."""
    overall = document.overall
    sizes = ((document.speakers, "speaker"), (document.utterances, "utterance"), (document.words, "word"))
    size = ", ".join(counted(number, noun) for number, noun in sizes if number is not None)
    text = f"{size}: {percent(overall.before)} {document.metric}"
    text += f" ({interval(overall.before_ci95)})" if overall.before_ci95 else ""
    if document.weighted and overall.other is not None:
        text += f", {ESTIMANDS[document.estimand]}; {other_estimand(document)} {percent(overall.other.before)}"
    return f"{text}."


def _changes(document: Document) -> list[str]:
    """The changes by the second system, overall and by cohort."""
    overall = document.overall
    text = f"{document.system} has {percent(overall.after)}"
    if overall.relative_change is not None:
        text += f", a relative change of {signed_percent(overall.relative_change)}"
        text += f" ({interval(overall.ci95, signed=True)})" if overall.ci95 else ""
    harmed = [
        f"{c.label} (by {g.title})" for g in document.groupings for c in g.cohorts if c.cohort in g.harmed_cohorts
    ]
    sentences = [f"{text}."]
    if document.weighted and overall.other is not None:
        other = overall.other
        text = f"{other_estimand(document).capitalize()}: {percent(other.before)} to {percent(other.after)}"
        if other.relative_change is not None:
            text += f", a relative change of {signed_percent(other.relative_change)}"
            text += f" ({interval(other.ci95, signed=True)})" if other.ci95 else ""
        sentences.append(f"{text}.")
    if document.groupings and document.unit == "speaker":
        named = listing(harmed[:MOST_NAMED]) if len(harmed) <= MOST_NAMED else counted(len(harmed), "cohort")
        shown = [g for g in document.groupings if not g.withheld]
        nothing = _as_far_as_tested("It measurably harms no cohort", shown, lambda cohort: cohort.p_holm)
        sentences.append(f"It measurably harms {named}." if harmed else nothing)
        sentences += [other_harmed(document)] if other_harmed(document) else []
        sentences.append(harm_excluded(shown, document.margin))
    return sentences


def _as_far_as_tested(
    nothing: str, groupings: Sequence[GroupingFigures], p_holm: Callable[[CohortFigures], float | None]
) -> str:
    """The sentence that nothing was found, with the number of cohorts that have no p value."""
    p_values = [p_holm(c) for g in groupings for c in g.cohorts]
    return as_far_as_judged(nothing, judged=sum(p is not None for p in p_values), of=len(p_values))


def _against_rest(cohort: CohortFigures) -> float | None:
    """The adjusted p value of a cohort against all other speakers."""
    return None if cohort.rest is None else cohort.rest.p_holm


def _named(grouping: GroupingFigures, cohort: CohortFigures) -> str:
    """A cohort with its grouping and its size."""
    return f"{cohort.label} ({grouping.title}{_people(cohort)})"


def _described(cohort: CohortFigures) -> str:
    """A cohort with its size, rate and ratio."""
    bounds = f", {interval(cohort.before_ci95)}" if cohort.before_ci95 else ""
    return f"{cohort.label} ({percent(cohort.before)}{bounds}{_times(cohort)}{_people(cohort)})"


def _people(cohort: CohortFigures) -> str:
    """How many speakers a finding concerns, behind a comma."""
    return "" if cohort.speakers is None else f", {counted(cohort.speakers, 'speaker')}"


def _times(cohort: CohortFigures, *, bound: bool = False) -> str:
    """The ratio to the error rate of the rest, with its lower bound."""
    rest = cohort.rest
    if rest is None or rest.ratio is None:
        return ""
    least = f" (at least {rest.ci95[0]:.1f})" if bound and rest.ci95 is not None else ""
    return f", {rest.ratio:.1f} times that of all others{least}"
