"""Sentences on harm that is excluded, on the other estimand, and on why a figure carries no inference.

"Not measurably harmed" does not mean unharmed: harm to a cohort of few speakers is never measurable. So the sentences
state the largest harm that the data do not exclude (`harm_bound`, the upper end of the interval of the change), and for
how many cohorts a harm beyond the margin is excluded. "No cohort is harmed beyond the margin" is an intersection of
statements that all must hold, each at its own level (Berger 1982), so it needs no adjustment, unlike naming harmed
cohorts.
"""

from collections.abc import Sequence
from typing import Literal

from isogloss.judging.cohort_figures import Change, CohortRates, Rates
from isogloss.judging.document import Document
from isogloss.judging.estimates import under_other
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.record import Estimand
from isogloss.report.text import counted, decimal, listing, percent, signed_percent

Verdict = Literal["better", "worse", "unclear"]

ESTIMANDS: dict[Estimand, str] = {"population": "weighted as the population", "speakers": "with each speaker alike"}


def verdict(change: Change | None) -> Verdict:
    """The conclusion from the interval of a relative change, without adjustment."""
    if change is None or change.ci95 is None or change.relative_change is None:
        return "unclear"
    if isinstance(change, CohortRates) and not change.inference:
        return "unclear"
    low, high = change.ci95
    return "better" if high < 0 else "worse" if low > 0 else "unclear"


def other_estimand(document: Document) -> str:
    """The estimand of the figures called `other`, in words."""
    return ESTIMANDS["speakers" if document.estimand == "population" else "population"]


def harm_excluded(groupings: Sequence[GroupingFigures], margin: float, *, other: bool = False) -> str:
    """For how many cohorts a harm beyond the margin is excluded, and the largest harm that is not excluded.

    Parameters
    ----------
    groupings
        The comparison of one system with the first, under one or more rules.
    margin
        The document's margin.
    other
        Whether to use the other estimand.
    """
    cohorts = [under_other(c) if other else c for g in groupings for c in g.cohorts]
    known = [c for c in cohorts if c.inference and c.harm_bound is not None]
    limit = percent(margin, digits=0)
    if not known:
        return f"For no cohort is a harm of more than {limit} excluded: none could be judged."
    worst = max(known, key=lambda c: c.harm_bound or 0.0)
    largest = f"{signed_percent(worst.harm_bound)} ({worst.label})"
    cleared = sum(c.noninferior is True for c in known)
    if cleared == len(cohorts):
        text = f"For every cohort a harm of more than {limit} is excluded"
        return f"{text}; the largest that the data leave possible is {largest}."
    text = f"A harm of more than {limit} is excluded for {cleared} of {counted(len(cohorts), 'cohort')}"
    unjudged = len(cohorts) - len(known)
    text += f", and {unjudged} could not be judged" if unjudged else ""
    return f"{text}; the largest that the data leave possible is {largest}."


def other_harmed(document: Document) -> str:
    """A sentence on the cohorts that the second system measurably harms under the other estimand; empty if none."""
    labels = [
        f"{c.label} (by {g.title})" for g in document.groupings for c in g.cohorts if c.cohort in g.other_harmed_cohorts
    ]
    if not document.weighted or not labels:
        return ""
    return f"{other_estimand(document).capitalize()} it measurably harms {listing(labels)}."


def no_inference(rates: Rates, speakers: int | None, document: Document) -> str:
    """Why a figure has neither interval nor test, as a text after the figure; empty if it has."""
    least = document.min_deciding
    if isinstance(rates, CohortRates) and not rates.inference:
        return f"from {heads(rates, speakers)}: too few for an inference"
    if least is not None and rates.deciding_speakers is not None and rates.deciding_speakers < least:
        return f"{rates.deciding_speakers:.1f} speakers decide on it: too few for an inference"
    return ""


def heads(rates: Rates, speakers: int | None) -> str:
    """The number of speakers of a figure, and the effective number if that is smaller."""
    text, effective = counted(speakers or 0, "speaker"), rates.effective_speakers
    fewer = effective is not None and round(effective, 1) < (speakers or 0)
    return f"{text} ({decimal(effective)} effective)" if fewer else text


def largest_harm(groupings: Sequence[GroupingFigures]) -> tuple[float, str] | None:
    """The largest harm to a cohort that the data do not exclude, and the cohort; None if no cohort was judged."""
    known = [(c.harm_bound, c.label) for g in groupings for c in g.cohorts if c.inference and c.harm_bound is not None]
    return max(known, default=None)


def gap_moved(change: Change) -> str:
    """The change of a gap in words: "measurably wider", "measurably narrower", or that neither can be said."""
    if change.ci95 is None:
        return "no interval can be given of its change"
    said = {"better": "measurably narrower", "worse": "measurably wider", "unclear": "no measurable change"}
    return said[verdict(change)]
