"""Sentences computed from a document of verification: which cohort is worse served, and how surely.

The document has no test of one cohort against another, so "measurably worse served" is based on intervals: for two
cohorts, the interval of their gap must exclude zero; for more, a cohort's interval must lie entirely above that of
every other. Overlapping intervals do not mean that cohorts are equal.
"""

from collections.abc import Sequence

from isogloss.judging.cohort_figures import Change, CohortFigures
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import Difference, GroupingFigures
from isogloss.judging.pairing import SIDES
from isogloss.judging.record import Interval
from isogloss.report.findings import Lead
from isogloss.report.harm import ESTIMANDS, harm_excluded, other_estimand
from isogloss.report.text import (
    as_far_as_judged,
    cost,
    cost_interval,
    counted,
    interval,
    listing,
    percent,
    points,
    signed_percent,
    signed_points,
)

_NONE_WORSE = "No cohort is measurably worse served than the others"
_WANTING = "speakers and trials"


def lead(document: Document) -> Lead:
    """The most important finding, with further facts."""
    overall, metric = document.overall, document.metric
    whose, by = (f" {word} {document.baseline}" if document.paired else "" for word in ("of", "by"))
    rate = f"The {metric}{whose} over all trials is {percent(overall.before)}{_bounds(overall.before_ci95)}"
    if document.weighted and overall.other is not None:
        rate += f", {ESTIMANDS[document.estimand]}; {other_estimand(document)} it is {percent(overall.other.before)}"
    rate += "."
    sizes = ((document.speakers, "speaker"), (document.targets, "target"), (document.nontargets, "non-target"))
    size = f"{listing([counted(number or 0, noun) for number, noun in sizes])}."
    changes = _changes(document) if document.paired else []
    shown = _shown(document)
    if not shown:
        return Lead(rate, (size, *changes, "No cohorts were compared."))
    worse = [(g, c) for g in shown if (c := worse_served(g, "before")) is not None]
    if not worse:
        return Lead(rate, (size, _none_worse(shown, ("before",), by), *changes))
    grouping, cohort = max(worse, key=lambda pair: pair[1].before or 0.0)
    title = f"{cohort.label} ({grouping.title}) is measurably worse served: {_against(grouping, cohort, document)}."
    others = [f"{c.label} ({g.title})" for g, c in worse if c is not cohort]
    also = [f"Measurably worse served is also {listing(others)}."] if others else []
    return Lead(title, (size, rate, *also, *changes))


def costs(document: Document) -> list[str]:
    """The detection costs at each prior, in sentences."""
    sentences = []
    for number, name in enumerate(document.systems):
        parts = []
        for prior, figures in (document.overall.min_dcf or {}).items():
            value, bounds = ((figures.before, figures.before_ci95), (figures.after, figures.after_ci95))[number]
            within = "" if bounds is None else f" ({cost_interval(bounds)})"
            parts.append(f"{cost(value)}{within} at a target prior of {prior}")
        sentences.append(f"minDCF{f' of {name}' if document.paired else ''}: {listing(parts)}.")
    return sentences


def worse_served(grouping: GroupingFigures, side: str) -> CohortFigures | None:
    """The cohort that is measurably worse served than all others that can be judged; None where there is none.

    `side`, `before` or `after`, selects the verifier.
    """
    compared = [(c, *_side(c, side)) for c in _judged(grouping, side)]
    if not compared or grouping.spread is None:
        return None
    (first, _, bounds), *others = sorted(compared, key=lambda one: -(one[1] or 0.0))
    gap = grouping.spread.gap
    if gap is not None:
        of_gap = _side(gap, side)[1]
        return first if of_gap is not None and of_gap[0] > 0 else None
    return first if bounds is not None and all(b is not None and bounds[0] > b[1] for _, _, b in others) else None


def tags(grouping: GroupingFigures) -> dict[str, str]:
    """The chart's texts about cohorts."""
    worse = worse_served(grouping, "before")
    return {} if worse is None else {worse.cohort: "worse served"}


def summary(grouping: GroupingFigures, document: Document) -> list[str]:
    """The findings about one grouping, in sentences."""
    if grouping.withheld:
        return [f"Not shown: {grouping.withheld}."]
    sentences = [_distances(grouping, document), _worse(grouping, document)]
    if document.paired:
        sentences += _verdicts([grouping], document, by=False)
    if grouping.not_measurable:
        labels = [c.label for c in grouping.cohorts if not c.measurable]
        sentences.append(f"Not measurable, for want of targets or of non-targets: {listing(labels)}.")
    return sentences


def verdict(cohort: CohortFigures, grouping: GroupingFigures, document: Document) -> str | None:
    """The effect of the second verifier on a cohort, after Holm's adjustment; None if it cannot be judged."""
    if cohort.p_holm is None or cohort.before is None or cohort.after is None:
        return None
    if cohort.cohort in grouping.harmed_cohorts:
        return "harmed"
    gained = cohort.p_holm <= document.alpha and cohort.after < cohort.before
    return "gained" if gained else "no measurable change"


def _shown(document: Document) -> list[GroupingFigures]:
    """The groupings with cohorts that may be shown."""
    return [grouping for grouping in document.groupings if not grouping.withheld]


def _side(figures: CohortFigures | Difference, side: str) -> tuple[float | None, Interval | None]:
    """A figure and its interval under one verifier."""
    if side == "before":
        return figures.before, figures.before_ci95
    return figures.after, figures.after_ci95


def _counted(grouping: GroupingFigures) -> list[CohortFigures]:
    """The cohorts that the spread is over."""
    return [] if grouping.spread is None else [c for c in grouping.cohorts if c.cohort in grouping.spread.cohorts]


def _judged(grouping: GroupingFigures, side: str) -> list[CohortFigures]:
    """The cohorts that can be compared with each other, at least two; empty if an interval is missing."""
    compared, gap = _counted(grouping), None if grouping.spread is None else grouping.spread.gap
    wanting = [gap] if gap is not None else compared
    known = all(_side(one, side)[1] is not None for one in wanting)
    return compared if known and len(compared) > 1 else []


def _none_worse(groupings: Sequence[GroupingFigures], sides: Sequence[str], by: str) -> str:
    """The sentence that no cohort is worse served, limited to cohorts that can be compared for all verifiers."""
    judged = sum(min(len(_judged(grouping, side)) for side in sides) for grouping in groupings)
    cohorts = sum(len(grouping.cohorts) for grouping in groupings)
    return as_far_as_judged(f"{_NONE_WORSE}{by}", judged=judged, of=cohorts, wanting=_WANTING)


def _distances(grouping: GroupingFigures, document: Document) -> str:
    """The gap of two cohorts, the spread of more."""
    labels, spread = [c.label for c in _counted(grouping)], grouping.spread
    if spread is None or len(labels) < 2:
        return "Fewer than two cohorts can be measured, so nothing is said of how far they are apart."
    gap = spread.gap
    if gap is not None:
        text = f"Gap between {listing(labels)}: {points(gap.before)}{_bounds(gap.before_ci95)}"
        if document.paired:
            text += f" with {document.baseline}, {points(gap.after)}{_bounds(gap.after_ci95)} with {document.system}; "
            text += f"a change of {signed_points(gap.change, digits=1)}{_bounds(gap.ci95, signed=True)}"
        return f"{text}."
    deviation, highest = spread.standard_deviation or Change(), spread.max
    text = f"Spread over {counted(len(labels), 'cohort')}: "
    text += f"a standard deviation of {points(deviation.before)}, the highest {percent(highest.before)}"
    if document.paired:
        text += f" with {document.baseline}; {points(deviation.after)} and {percent(highest.after)} with "
        text += f"{document.system}, the deviation a change of {signed_percent(deviation.relative_change)}"
        text += _bounds(deviation.ci95, signed=True)
    return f"{text}."


def _worse(grouping: GroupingFigures, document: Document) -> str:
    """The worse served cohort under each verifier."""
    first = worse_served(grouping, "before")
    if not document.paired:
        return f"Measurably worse served: {first.label}." if first else _none_worse([grouping], ("before",), "")
    second = worse_served(grouping, "after")
    if first is None and second is None:
        return _none_worse([grouping], SIDES, ", with either verifier")
    if first is not None and first is second:
        return f"Measurably worse served, with either verifier: {first.label}."
    named = [one.label if one else "none" for one in (first, second)]
    return f"Measurably worse served: {named[0]} with {document.baseline}, {named[1]} with {document.system}."


def _changes(document: Document) -> list[str]:
    """The overall change by the second verifier."""
    overall = document.overall
    text = f"{document.system} has {percent(overall.after)}{_bounds(overall.after_ci95)}"
    if overall.relative_change is not None:
        text += f", a relative change of {signed_percent(overall.relative_change)}"
        text += _bounds(overall.ci95, signed=True)
    return [f"{text}.", *_verdicts(_shown(document), document, by=True)]


def _verdicts(groupings: Sequence[GroupingFigures], document: Document, *, by: bool) -> list[str]:
    """The cohorts that the second verifier harms or improves; `by` names what the cohorts are values of."""
    if not groupings:
        return []
    judged = [
        (verdict(cohort, grouping, document), cohort.label + (f" (by {grouping.title})" if by else ""))
        for grouping in groupings
        for cohort in grouping.cohorts
    ]
    tested = sum(cohort.p_holm is not None for grouping in groupings for cohort in grouping.cohorts)
    nothing = f"No cohort is measurably harmed by {document.system}"
    harmed, gained = ([label for said, label in judged if said == wanted] for wanted in ("harmed", "gained"))
    sentences = [
        f"Measurably harmed by {document.system}: {listing(harmed)}."
        if harmed
        else as_far_as_judged(nothing, judged=tested, of=len(judged), wanting=_WANTING)
    ]
    sentences.append(harm_excluded(groupings, document.margin))
    return sentences + ([f"Measurably better served by it: {listing(gained)}."] if gained else [])


def _against(grouping: GroupingFigures, cohort: CohortFigures, document: Document) -> str:
    """A cohort's rate beside that of the other, or of all trials."""
    others = [c for c in _counted(grouping) if c.cohort != cohort.cohort]
    rate = f"{percent(cohort.before)} {document.metric}"
    if len(others) == 1:
        return f"{rate} against {percent(others[0].before)} of {others[0].label}"
    return f"{rate} against {percent(document.overall.before)} over all trials"


def _bounds(bounds: Interval | None, *, signed: bool = False) -> str:
    """An interval in brackets, where there is one."""
    return "" if bounds is None else f" ({interval(bounds, signed=signed)})"
