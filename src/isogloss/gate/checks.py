"""Verdicts on all speakers and on each cohort, from a document of two systems.

A check passes if each upper bound of the change lies under its margin: non-inferiority by confidence intervals, one-
sided at half of what the interval leaves (2.5 % for 95 %; Piaggio et al. 2012, CONSORT for non-inferiority trials). "No
cohort is harmed beyond its margin" is an intersection-union statement (Berger 1982): each cohort is tested at that
level without adjustment, since all of them must pass. Naming a cohort as harmed requires Holm's adjustment over all
checks.
"""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from isogloss.config import GateParams, GroupingParams, MarginParams
from isogloss.errors import ParamsError
from isogloss.gate.result import Check, Verdict
from isogloss.judging import Document, Grouping
from isogloss.judging.cohort_figures import CohortFigures, Rates
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.record import Interval
from isogloss.judging.statistics import holm
from isogloss.report.text import interval, percent, points, probability, signed_percent, signed_points

EVERYBODY = "all speakers"
UNJUDGED: Verdict = "unjudged"
FIGURES = ("before", "after", "relative_change", "difference")
"""Fields that a check copies from the document."""


def check_all(document: Document, params: GateParams, groupings: Sequence[Grouping]) -> list[Check]:
    """A verdict for all speakers, then for the cohorts of each grouping.

    Parameters
    ----------
    document
        The document of baseline and candidate, by the groupings of `params.cohorts` in their order.
    params
        Margins, required cohorts, and whether a cohort that cannot be judged blocks the release.
    groupings
        The groupings of the document, including cohorts that it hides.

    Raises
    ------
    ParamsError
        A margin is for a cohort that the test set does not have.
    """
    pending = [_Pending(document, params, document.overall, None, EVERYBODY, EVERYBODY, params.margin)]
    for asked, figures, grouping in zip(params.cohorts, document.groupings, groupings, strict=True):
        pending += _of_grouping(document, params, asked, figures, grouping)
    adjusted = holm([one.figures.p if one.figures is not None else None for one in pending])
    return [one.check(p_holm) for one, p_holm in zip(pending, adjusted, strict=True)]


class _Pending:
    """A check before Holm's adjustment."""

    def __init__(
        self,
        document: Document,
        params: GateParams,
        figures: Rates | None,
        grouping: str | None,
        cohort: str,
        label: str,
        margin: MarginParams,
        *,
        required: bool = False,
        missing: str = "",
    ) -> None:
        self.document, self.params, self.figures = document, params, figures
        self.grouping, self.cohort, self.label, self.margin = grouping, cohort, label, margin
        self.required, self.missing = required, missing

    def check(self, p_holm: float | None) -> Check:
        """The verdict and its reason."""
        figures, verdict, reason = self.figures, UNJUDGED, self.missing
        known: dict[str, Any] = {}
        if figures is not None:
            verdict, reason = judge(figures, self.margin, p_holm, alpha=1 - self.params.statistics.confidence)
            sizes: CohortFigures | Document = figures if isinstance(figures, CohortFigures) else self.document
            least, effective = self.document.min_speakers_for_inference, figures.effective_speakers or 0.0
            if verdict == UNJUDGED and effective < least:
                reason = f"too few speakers: {effective:.1f} effective ones, and a judgement needs {least}"
            known = {name: getattr(figures, name) for name in FIGURES}
            known |= {"speakers": sizes.speakers, "words": sizes.words}
            known |= {"ci": figures.ci95, "difference_ci": figures.difference_ci95}
        # `unjudged` speaks of cohorts: without a verdict on all speakers together nothing has been shown.
        may_be = self.params.unjudged == "allowed" and self.grouping is not None and not self.required
        allowed = verdict == UNJUDGED and may_be
        return Check(
            grouping=self.grouping,
            cohort=self.cohort,
            label=self.label,
            required=self.required,
            **known,
            margin=self.margin,
            p_holm=p_holm,
            verdict=verdict,
            blocks=verdict != "passed" and not allowed,
            reason=reason,
        )


def judge(figures: Rates, margin: MarginParams, p_holm: float | None, *, alpha: float) -> tuple[Verdict, str]:
    """A verdict on one set of figures, and the sentence that says why.

    Parameters
    ----------
    figures
        Rates of both systems with the intervals of their change.
    margin
        The largest acceptable harm.
    p_holm
        p value of the change, adjusted over all checks.
    alpha
        Level of the test by which a cohort is called harmed.
    """
    wanted: list[tuple[float, Interval | None, str, str]] = []
    if margin.relative is not None:
        bounds, within = figures.ci95, interval(figures.ci95, signed=True)
        if bounds is None and figures.difference_ci95 is not None and figures.difference_ci95[1] < 0:
            # A candidate without errors has no relative interval; but a rate that fell did not rise by any share.
            bounds, within = figures.difference_ci95, f"{_point_bounds(figures.difference_ci95)} points"
        said = f"{signed_percent(figures.relative_change)} ({within})"
        wanted.append((margin.relative, bounds, said, percent(margin.relative)))
    if margin.absolute is not None:
        said = f"{signed_points(figures.difference)} ({_point_bounds(figures.difference_ci95)})"
        wanted.append((margin.absolute, figures.difference_ci95, said, points(margin.absolute, digits=2)))
    if figures.before is None or figures.after is None or any(bounds is None for _, bounds, _, _ in wanted):
        return "unjudged", "too few errors, or too few speakers who decide the change, for an interval"
    said = ", ".join(text for _, _, text, _ in wanted)
    beyond = [text for limit, bounds, _, text in wanted if bounds is not None and bounds[1] >= limit]
    if not beyond:
        excluded = " and ".join(text for _, _, _, text in wanted)
        return "passed", f"change {said}: a rise of {excluded} is excluded"
    open_margin = " and ".join(beyond)
    if p_holm is not None and p_holm <= alpha and figures.after > figures.before:
        shown = all(bounds is not None and bounds[0] > limit for limit, bounds, _, _ in wanted)
        how = f"a rise beyond {open_margin} is shown" if shown else f"a rise of {open_margin} is not excluded"
        return "harmed", f"change {said}: the rise is significant (p {probability(p_holm)} after Holm), and {how}"
    return "undecided", f"change {said}: a rise of {open_margin} is neither excluded nor shown"


@dataclass(frozen=True)
class NamedCohorts:
    """The cohorts of a grouping that gate.yaml names, by the cohort's own name; gate.yaml may give its label."""

    margins: Mapping[str, MarginParams]
    required: Mapping[str, str]
    """Cohort -> its name in gate.yaml."""
    asked: Mapping[str, str]
    """As `required`, and those with a margin of their own."""
    known: Mapping[str, str]
    """Name or label -> cohort, of all cohorts of the test set."""
    shown: Collection[str]
    """The cohorts that a document names."""

    def why_absent(self, cohort: str) -> str:
        """Why a named cohort is not among those that are shown."""
        if cohort in self.known.values():
            return "hidden: it has too few speakers to be shown"
        return f"no speaker; {_near(self.asked[cohort], self.known, self.shown)}"


def named_cohorts(asked: GroupingParams, grouping: Grouping, shown: Collection[str]) -> NamedCohorts:
    """The cohorts with a margin of their own and the required ones; hints name only cohorts that are `shown`.

    Raises
    ------
    ParamsError
        A margin is for a cohort that the test set does not have.
    """
    present = [str(name) for name in cast(pd.Series, grouping.cohorts).dropna().unique()]
    known = {grouping.labels.get(name, name): name for name in present} | {name: name for name in present}
    for cohort in asked.margins:
        if cohort not in known:
            raise ParamsError(
                f"cohorts: {asked.by}: margins names {cohort!r}, which is no cohort; {_near(cohort, known, shown)}"
            )
    required = {known.get(name, name): name for name in asked.required}
    return NamedCohorts(
        margins={known[name]: margin for name, margin in asked.margins.items()},
        required=required,
        asked={known[name]: name for name in asked.margins} | required,
        known=known,
        shown=shown,
    )


def _of_grouping(
    document: Document, params: GateParams, asked: GroupingParams, figures: GroupingFigures, grouping: Grouping
) -> list[_Pending]:
    """The cohorts of one grouping, and those that are asked for by name (margin, required) and not shown by it."""
    shown = {one.cohort for one in figures.cohorts if not one.merged}
    named = named_cohorts(asked, grouping, shown)
    margins, required = named.margins, named.required
    usual = asked.margin or params.margin
    title = figures.name
    pending = []
    for one in figures.cohorts:
        own = not one.merged  # what was merged may bear the name of a cohort, but is not that cohort
        margin = margins.get(one.cohort, usual) if own else usual
        must = own and one.cohort in required
        pending.append(_Pending(document, params, one, title, one.cohort, one.label, margin, required=must))
    if figures.withheld:
        pending.append(
            _Pending(document, params, None, title, title, f"all of {asked.by}", usual, missing=figures.withheld)
        )
    for cohort, name in named.asked.items():
        if cohort not in shown:
            why = named.why_absent(cohort)
            margin, must = margins.get(cohort, usual), cohort in required
            pending.append(_Pending(document, params, None, title, cohort, name, margin, required=must, missing=why))
    return pending


def _near(name: str, known: Mapping[str, str], shown: Collection[str]) -> str:
    """A hint for a wrong name: the most similar cohort that is shown, or else the shown ones."""
    names = [one for one, cohort in known.items() if cohort in shown]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(sorted(names)[:10])}" if names else "no cohort has enough speakers to be shown"


def _point_bounds(bounds: Interval | None) -> str:
    """The bounds of a difference in points."""
    return "" if bounds is None else " to ".join(signed_points(bound).removesuffix(" points") for bound in bounds)
