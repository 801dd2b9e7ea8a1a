"""The verdict on a change, better, worse or neither, for the worst cohort and for all others.

The worst cohort of the mitigated rule was chosen on discovery, without using test, and every method aims at it. So a
page tests it once for each method: gain and harm both need an interval that excludes no change, and a p value that
holds after Holm's adjustment over these methods. Any other cohort is judged by the comparison of its method alone,
whose p values are adjusted over the cohorts.
"""

from isogloss.judging.cohort_figures import CohortFigures
from isogloss.judging.estimates import under_other
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.statistics.multiple import holm
from isogloss.report.harm import Verdict, verdict
from isogloss.report.inputs import ReportInputs, RuleInputs


def worst_cohort(grouping: GroupingFigures) -> CohortFigures | None:
    """The cohort with the worst rank on discovery among those that may be shown; None if none is ranked.

    Its rank says whether it is the worst of all, or one that is worse is hidden for privacy.
    """
    ranked = [c for c in grouping.cohorts if c.discovery_rank is not None]
    return min(ranked, key=lambda c: c.discovery_rank or 0, default=None)


def rank_said(worst: CohortFigures, *, labelled: bool = False) -> str:
    """The text after "worst": " that may be shown (rank 2)" if it is not the worst of all; and its label."""
    hidden = worst.discovery_rank != 1
    inside = [*([f"rank {worst.discovery_rank}"] if hidden else []), *([worst.label] if labelled else [])]
    return (" that may be shown" if hidden else "") + (f" ({': '.join(inside)})" if inside else "")


def worst_verdicts(rule: RuleInputs, *, other: bool = False) -> dict[str, Verdict]:
    """The verdict on the worst cohort by method, adjusted over the methods; `other`: under the other estimand."""
    worst = {method: worst_cohort(grouping) for method, grouping in rule.methods.items()}
    if other:
        worst = {method: None if c is None else under_other(c) for method, c in worst.items()}
    adjusted = holm([None if c is None or not c.inference else c.p for c in worst.values()])
    return {
        method: verdict(c) if p is not None and p <= rule.document.alpha else "unclear"
        for (method, c), p in zip(worst.items(), adjusted, strict=True)
    }


def judged_worst(rule: str, inputs: ReportInputs) -> dict[str, Verdict]:
    """The verdicts on the worst cohort of the mitigated rule; the other rules' worst ones are cohorts like others."""
    return worst_verdicts(inputs.rules[rule]) if rule == inputs.params.mitigation.rule else {}


def harmed_cohorts(grouping: GroupingFigures, on_worst: Verdict | None) -> list[str]:
    """The cohorts that a method measurably harmed; `on_worst` is the verdict on the worst one, where it is known."""
    found = set(grouping.harmed_cohorts)
    worst = worst_cohort(grouping)
    if worst is not None and on_worst is not None:
        found = found | {worst.cohort} if on_worst == "worse" else found - {worst.cohort}
    return sorted(found)
