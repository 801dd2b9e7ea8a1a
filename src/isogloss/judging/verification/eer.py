"""The document of verification errors: one verifier, or two on the same trials, overall and cohort by cohort.

A cohort's figures are over trials whose two speakers both belong to it. A cohort without targets or without non-targets
is marked as not measurable, since a rate of 0 would be wrong.

The cohort into which small ones were merged for privacy is not a homogeneous group: its non-targets pair speakers of
different groups, which are easy to tell apart. Its row is shown, but it is not judged and is no part of the spread or
the worst cohort.

`at_threshold` of a cohort holds FAR and FRR at the score threshold of each verifier's EER over all trials
(`thresholds`), with intervals from the same draws, which treat the threshold as fixed. A rate of 0 or 1 has no
interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging.cohort_figures import CohortFigures, CohortRates, OverallFigures, Rates
from isogloss.judging.document import Document
from isogloss.judging.grouping import UNSPECIFIED, Grouping, Ranked
from isogloss.judging.grouping_figures import GroupingFigures, Hidden, SpreadFigures
from isogloss.judging.pairing import SIDES
from isogloss.judging.privacy import ShownNames
from isogloss.judging.privacy.trials import trial_names
from isogloss.judging.statistics.multiple import holm
from isogloss.judging.verification.cohorts import Cohort, cohorts_of, everybody
from isogloss.judging.verification.inference import infer_cohorts, infer_overall, levels_of
from isogloss.judging.verification.trials import ScoredTrials, trials_of
from isogloss.judging.wer import harmed, label, on_discovery, too_small, worst_first


def trial_document(
    before: pd.DataFrame,
    after: pd.DataFrame | None,
    groupings: Sequence[Grouping],
    *,
    discovery: pd.DataFrame | None,
    systems: Sequence[str],
    split: str,
    statistics: StatisticsParams,
    min_speakers: int,
    weights: pd.Series | None,
    where: str,
    about: Mapping[str, Any],
) -> Document:
    """See `judging.compare`, whose errors are raised; `about` are further fields of the document."""
    sides, others = _estimands(_sides(before, after, weights, where), statistics)
    everyone = everybody(sides)
    if not everyone.measurable:
        raise TableError("there are no targets or no non-targets among the trials; an error rate needs both")
    known = [_filled(one) for one in groupings]
    shown = trial_names(before, known, discovery, min_speakers=min_speakers, where=where)
    if discovery is not None:
        early = trials_of(discovery, weights=weights, where="the trials of discovery")
        early = early if statistics.estimand == "population" else early.alike()
        known = [_ranked(one, early) for one in known]
    thresholds: dict[Any, float] = {
        side: errors.at_eer.score
        for side, errors in zip(SIDES, everyone.errors, strict=False)
        if errors.at_eer is not None
    }
    judge = _Judge(sides, others, thresholds, statistics, min_speakers, split)
    overall = infer_overall(everyone, statistics)
    second = overall if others is None else infer_overall(everybody(others), statistics)
    return Document(
        task="verification",
        metric="EER",
        systems=list(systems),
        split=split,
        speakers=len(everyone.members),
        targets=everyone.errors[0].targets,
        nontargets=everyone.errors[0].nontargets,
        confidence=statistics.confidence,
        resamples=statistics.resamples,
        permutations=statistics.permutations,
        seed=statistics.seed,
        estimand=statistics.estimand,
        weighted=others is not None,
        margin=statistics.margin,
        min_speakers=min_speakers,
        min_speakers_for_inference=statistics.min_speakers,
        overall=overall.model_copy(update={"other": _rates_alone(second)}),
        thresholds=thresholds,
        groupings=[judge.grouping(*pair) for pair in zip(known, shown, strict=True)],
        **about,
    )


def cohort_eers(trials: ScoredTrials, cohorts: pd.DataFrame) -> dict[str, float | None]:
    """The EER of each cohort, over trials whose two speakers both belong to it."""
    return {one.name: one.errors[0].eer for one in cohorts_of([trials], cohorts["enrol"], cohorts["test"])}


def _sides(
    before: pd.DataFrame, after: pd.DataFrame | None, weights: pd.Series | None, where: str
) -> list[ScoredTrials]:
    """The trials with the scores of each verifier."""
    first = trials_of(before, weights=weights, where=where)
    if after is None:
        return [first]
    keys = ["enrol_speaker", "test_speaker"]
    if len(before) != len(after) or not (before[keys].to_numpy() == after[keys].to_numpy()).all():
        raise TableError(f"{where}: both verifiers must have scored the same trials, in the same order")
    return [first, first.with_scores(after["score"], where=f"{where}, the scores of the second verifier")]


def _estimands(
    weighted: list[ScoredTrials], statistics: StatisticsParams
) -> tuple[list[ScoredTrials], list[ScoredTrials] | None]:
    """The trials under the first estimand and the other one; None if all weights are equal, since then both agree."""
    if np.ptp(weighted[0].weight_S) == 0:
        return weighted, None
    alike = [one.alike() for one in weighted]
    return (weighted, alike) if statistics.estimand == "population" else (alike, weighted)


def _rates_alone(overall: OverallFigures) -> Rates:
    """The rates of all trials without the detection costs."""
    return Rates(**{name: getattr(overall, name) for name in Rates.model_fields})


def _filled(grouping: Grouping) -> Grouping:
    """The grouping with a cohort for each side of each trial; the unknown ones are `unspecified`."""
    chosen = grouping.chosen if grouping.chosen is None else grouping.chosen.fillna(UNSPECIFIED).astype(str)
    return replace(grouping, cohorts=grouping.cohorts.fillna(UNSPECIFIED).astype(str), chosen=chosen)


def _ranked(grouping: Grouping, trials: ScoredTrials) -> Grouping:
    """The grouping with its cohorts ranked by their EER among the speakers who chose them; 1 is the highest."""
    if not isinstance(grouping.chosen, pd.DataFrame):
        return grouping
    eers = cohort_eers(trials, grouping.chosen)
    here = set(grouping.cohorts.to_numpy().ravel())
    known = {name: eer for name, eer in eers.items() if eer is not None and name in here}
    order = sorted(known, key=lambda name: (-known[name], name))
    return replace(grouping, ranked={name: Ranked(rank, known[name]) for rank, name in enumerate(order, start=1)})


class _Judge:
    """Computes the figures of one grouping after the other from the same trials."""

    def __init__(
        self,
        sides: Sequence[ScoredTrials],
        others: Sequence[ScoredTrials] | None,
        thresholds: Mapping[Any, float],
        statistics: StatisticsParams,
        min_speakers: int,
        split: str,
    ) -> None:
        self.sides, self.others, self.thresholds, self.statistics = sides, others, thresholds, statistics
        self.min_speakers, self.split = min_speakers, split

    def grouping(self, grouping: Grouping, shown: ShownNames) -> GroupingFigures:
        """The figures of one grouping, or the reason why none may be shown."""
        head: dict[str, Any] = {
            "name": grouping.name,
            "title": grouping.title or grouping.name,
            "discovered": grouping.chosen is not None,
            "split": grouping.split or self.split,
            "found": len(shown.judged) or len(np.unique(grouping.cohorts.to_numpy().astype(str))),
        }
        if shown.withheld:
            return GroupingFigures(**head, withheld=too_small(self.min_speakers))
        names = [grouping.cohorts[side].map(shown.judged) for side in ("enrol", "test")]
        apart = set(shown.judged) - set(shown.members(shown.merged or ""))
        ranked = {name: one for name, one in grouping.ranked.items() if name in apart}
        places = {name: one.rank for name, one in ranked.items()}

        def ordered(sides: Sequence[ScoredTrials]) -> list[Cohort]:
            found = cohorts_of(sides, *names)
            return sorted(found, key=lambda one: (places.get(one.name, np.inf), one.name == shown.merged, one.name))

        cohorts = ordered(self.sides)
        plain = [self._plain(one, grouping, shown, ranked) for one in cohorts]
        figures, spread = self._inferred(cohorts, plain)
        seconds, other_spread = figures, spread
        if self.others is not None:
            seconds, other_spread = self._inferred(ordered(self.others), plain)
        figures = [
            one.model_copy(update={"other": CohortRates(**{n: getattr(own, n) for n in CohortRates.model_fields})})
            for one, own in zip(figures, seconds, strict=True)
        ]
        alpha = 1 - self.statistics.confidence
        return GroupingFigures(
            **head,
            speakers=len(self.sides[0].speakers),
            cohorts=figures if grouping.chosen is not None else sorted(figures, key=worst_first),
            spread=spread,
            other_spread=other_spread,
            worst_cohort_by_discovery=figures[0].cohort if figures[0].discovery_rank == 1 else None,
            worst_cohort_by_test=_worst(figures),
            harmed_cohorts=[one.cohort for one in figures if harmed(one, alpha)],
            other_harmed_cohorts=[one.cohort for one in seconds if harmed(one, alpha)],
            not_measurable=[one.name for one in cohorts if not one.measurable],
            hidden=Hidden(cohorts=len(shown.members(shown.merged)) if shown.merged else 0, merged=shown.merged),
            test=self._describe(figures),
        )

    def _plain(self, one: Cohort, grouping: Grouping, shown: ShownNames, ranked: Mapping[str, Ranked]) -> CohortFigures:
        """The figures of a cohort that do not depend on the estimand."""
        return CohortFigures(
            cohort=one.name,
            label=label(one.name, grouping, shown),
            merged=one.name == shown.merged,
            unnamed=one.name in grouping.unnamed,
            speakers=len(one.members),
            targets=one.errors[0].targets,
            nontargets=one.errors[0].nontargets,
            measurable=one.measurable,
            inference=False,
            **on_discovery(ranked.get(one.name), shown, one.name),
        )

    def _inferred(
        self, cohorts: Sequence[Cohort], plain: Sequence[CohortFigures]
    ) -> tuple[list[CohortFigures], SpreadFigures]:
        """The figures of one estimand, with intervals and tests where there is inference."""
        figures = [
            one.model_copy(update=levels_of(cohort).model_dump()) for one, cohort in zip(plain, cohorts, strict=True)
        ]
        able = [n for n, one in enumerate(cohorts) if one.has_inference(self.statistics) and not figures[n].merged]
        figures, spread = infer_cohorts(cohorts, figures, able, self.thresholds, self.statistics)
        adjusted = holm([one.p for one in figures])
        return [one.model_copy(update={"p_holm": p}) for one, p in zip(figures, adjusted, strict=True)], spread

    def _describe(self, figures: Sequence[CohortFigures]) -> str:
        """The sentences that name intervals and tests."""
        statistics, paired = self.statistics, len(self.sides) > 1
        text = (
            f"Intervals: {100 * statistics.confidence:g} % symmetric studentised bootstrap over speakers "
            f"({statistics.resamples} draws, speakers drawn within their cohort; "
            f"rates{' and ratios' if paired else ''} on the logarithm, FAR and FRR at the threshold, which is taken as "
            "given, on the logit). A cohort's trials are those whose two speakers both belong to it. "
        )
        if paired:
            text += (
                "p: two-sided, of no change in EER, from the same draws; p_holm: adjusted by Holm over "
                f"{sum(one.p is not None for one in figures)} cohorts. "
            )
        return f"{text}Cohorts of fewer than {statistics.min_speakers} effective speakers carry no inference."


def _worst(figures: Sequence[CohortFigures]) -> str | None:
    """The cohort with the highest EER of the first verifier, among those with inference if there are any."""
    measured = [one for one in figures if one.measurable and one.people]
    rated = [one for one in measured if one.inference] or measured
    return max(rated, key=lambda one: one.before or 0.0).cohort if rated else None
