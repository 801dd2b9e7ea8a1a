"""Further sentences about a document of word errors: the omnibus test, adjusted ratios, runaways, ties."""

from isogloss.judging.cohort_figures import CohortFigures
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.report.text import listing, percent, points, probability

MANY = 3
"""Smallest number of cohorts for which the omnibus test is reported."""
RUNAWAY = 0.001
"""Shares of runaway hypotheses are reported if a cohort has at least this share (our choice)."""


def further(grouping: GroupingFigures, document: Document) -> list[str]:
    """The sentences on one grouping."""
    if grouping.withheld:
        return []
    said = [
        _divisions(grouping),
        _omnibus(grouping),
        _gap(grouping),
        _adjusted(grouping, document),
        runaways(grouping, document),
    ]
    return [sentence for sentence in said if sentence]


def _divisions(grouping: GroupingFigures) -> str:
    """Whether the rule's finding holds in other divisions of the speakers."""
    one = grouping.divisions
    if one is None:
        return ""
    if one.ratio is None or one.tenths is None:
        return f"In none of {one.divisions} divisions of the speakers was the worst cohort large enough to be judged."
    unjudged = one.divisions - one.judged
    left = f" ({unjudged} with too few speakers in it)" if unjudged else ""
    return (
        f"In {one.divisions} divisions of the speakers{left} the cohort that one half chose as the worst was worse "
        f"on the other half {one.higher} times. It had {one.ratio:.2f} times the rate of all others there (median; a "
        f"tenth of the divisions below {one.tenths[0]:.2f}, one above {one.tenths[1]:.2f}), p {probability(one.p)}."
    )


def _omnibus(grouping: GroupingFigures) -> str:
    """Whether the cohorts differ at all."""
    one = grouping.omnibus
    if one is None or one.cohorts < MANY:
        return ""
    return f"One test of whether the {one.cohorts} cohorts differ at all: p {probability(one.p)}."


def _gap(grouping: GroupingFigures) -> str:
    """The surest worse cohort's distance to all others in points, which a ratio hides."""
    worse = [c for c in grouping.worse_cohorts if c.people]
    rest = worse[0].rest if worse else None
    if rest is None or rest.difference is None:
        return ""
    bounds = rest.difference_ci95
    within = "" if bounds is None else f" ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})"
    return f"{worse[0].label} has {points(rest.difference)}{within} more than all others."


def _adjusted(grouping: GroupingFigures, document: Document) -> str:
    """The adjusted ratios of the worse cohorts."""
    if not document.adjusted_for:
        return ""
    others = listing([name.replace("_", " ") for name in document.adjusted_for])
    found = [(c, c.rest.adjusted) for c in grouping.worse_cohorts if c.rest is not None and c.people]
    told = []
    for cohort, one in found:
        if one is None:
            told.append(f"{cohort.label} cannot be compared")
            continue
        holds = one.p_holm is not None and one.p_holm <= document.alpha and one.ratio > 1
        kept = "still" if holds else "not measurably"
        told.append(f"{cohort.label} is {kept} worse ({one.ratio:.2f} times, {one.ci95[0]:.2f} to {one.ci95[1]:.2f})")
    return f"With {others} equal: {'; '.join(told)}." if told else ""


def runaways(grouping: GroupingFigures, document: Document) -> str:
    """Shares of runaway hypotheses, if a cohort has enough of them."""
    told = []
    for number, system in enumerate(document.systems):
        shares = [(c, share) for c in grouping.cohorts if (share := _runaway(c, number)) is not None]
        if not shares or max(share for _, share in shares) < RUNAWAY:
            continue
        worst, most = max(shares, key=lambda pair: pair[1])
        least = min(share for _, share in shares)
        whose = f" of {system}" if document.paired else ""
        shown = f"{percent(least)} to {percent(most)} of the utterances of a cohort, most often of {worst.label}"
        if percent(least) == percent(most):
            shown = f"{percent(most)} of the utterances of each cohort"
        told.append(f"Hypotheses{whose} that run away (more inserted words than were said): {shown}.")
    return " ".join(told)


def _runaway(cohort: CohortFigures, number: int) -> float | None:
    """The share of one system."""
    return cohort.kinds[number].runaway if number < len(cohort.kinds) else None


def ties_sentence(document: Document) -> str:
    """How to read the comparison of all systems."""
    return (
        f"≈ marks the system with the lowest {document.metric} of a cohort and those that cannot be told from it: all "
        f"comparisons of systems within a grouping hold together, at {percent(document.confidence, digits=0)}. Cohorts "
        f"of fewer than {document.min_speakers_for_inference:g} speakers carry no inference."
    )
