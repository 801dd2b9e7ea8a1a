"""The document of word errors: one recogniser, or two on the same utterances, overall and cohort by cohort.

The worst cohorts are those with the worst rank among the speakers that were used to choose them (discovery); all
figures are about other speakers. A cohort that is chosen and reported on the same data looks worse than it is, and any
treatment then seems to help it (regression to the mean). So the figures of both are shown, and the relative gap is
between the cohorts that were worst and best on *discovery*.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging.cohort_figures import CohortFigures, CohortRates, OverallFigures
from isogloss.judging.document import Document
from isogloss.judging.estimates import estimate_cohorts, estimate_overall, under_other, without_effective
from isogloss.judging.grouping import Grouping, Ranked
from isogloss.judging.grouping_figures import GroupingFigures, Hidden, Region
from isogloss.judging.pairing import pair_utterances, sums_by_cohort
from isogloss.judging.privacy import ShownNames, shown_names
from isogloss.judging.rates import spread_over

UTTERANCES_PER_SPEAKER = 10
"""If speakers are unknown, a cohort is shown only with at least this number times `min_speakers` utterances (our
choice), since the number of its speakers is unknown."""
NO_INFERENCE = 10**9
MANY_SPEAKERS = 2000
"""With at least this number of speakers, groupings are judged in parallel threads."""


def word_error_document(
    before: pd.DataFrame,
    after: pd.DataFrame | None,
    groupings: Sequence[Grouping],
    *,
    discovery: pd.DataFrame | None,
    systems: Sequence[str],
    split: str,
    statistics: StatisticsParams,
    min_speakers: int,
    against_rest: bool,
    speakers_known: bool,
    about: Mapping[str, Any],
) -> Document:
    """See `judging.compare`, whose errors are raised; `about` are further fields of the document."""
    pairs, other = _pairs_of_estimands(before, after, statistics)
    asked = statistics
    if not speakers_known:
        statistics = statistics.model_copy(update={"min_speakers": NO_INFERENCE})
    for grouping in groupings:
        if len(grouping.cohorts) != len(pairs):
            raise TableError(f"grouping {grouping.name!r} has {len(grouping.cohorts)} rows for {len(pairs)} utterances")
    shown = shown_names(
        groupings,
        before["speaker_id"],
        None if discovery is None else discovery["speaker_id"],
        min_speakers=min_speakers * (1 if speakers_known else UTTERANCES_PER_SPEAKER),
    )
    judge = _Judge(pairs, other, statistics, min_speakers, against_rest, speakers_known, split)
    return Document(
        task="asr",
        metric="CER" if "characters" in about.get("normalisation", ()) else "WER",
        systems=list(systems),
        split=split,
        unit="speaker" if speakers_known else "utterance",
        **judge.sizes(judge.everybody),
        confidence=statistics.confidence,
        resamples=statistics.resamples,
        permutations=statistics.permutations,
        seed=statistics.seed,
        estimand=statistics.estimand,
        weighted=other is not None,
        margin=statistics.margin,
        min_speakers=min_speakers,
        min_speakers_for_inference=asked.min_speakers,
        min_deciding=statistics.min_deciding,
        overall=judge.overall(),
        groupings=judge.all_groupings(groupings, shown),
        **about,
    )


def _pairs_of_estimands(
    before: pd.DataFrame, after: pd.DataFrame | None, statistics: StatisticsParams
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The pairs under both estimands; the second is None if all weights are equal, since then both agree."""
    weighted = pair_utterances(before, after)
    if weighted["weight"].nunique() == 1:
        return weighted, None
    alike = pair_utterances(before, after, alike=True)
    return (weighted, alike) if statistics.estimand == "population" else (alike, weighted)


class _Judge:
    """Computes the figures of one grouping after the other from the same utterances, under both estimands."""

    def __init__(
        self,
        pairs: pd.DataFrame,
        other: pd.DataFrame | None,
        statistics: StatisticsParams,
        min_speakers: int,
        against_rest: bool,
        speakers_known: bool,
        split: str,
    ) -> None:
        self.pairs, self.other, self.statistics, self.min_speakers = pairs, other, statistics, min_speakers
        self.against_rest, self.speakers_known, self.split = against_rest, speakers_known, split
        self.everybody = sums_by_cohort(pairs, pd.Series("all", index=pairs.index))

    def overall(self, cohorts: pd.Series | None = None) -> OverallFigures:
        """All speakers, or those that a grouping covers."""
        of_these = pd.Series("all", index=self.pairs.index)
        if cohorts is not None:
            of_these = of_these.where(cohorts.notna().to_numpy())
        sums, other = self._sums(of_these)
        found = estimate_overall(sums, other, self.statistics)
        return found if self.speakers_known else without_effective(found)

    def _sums(self, cohorts: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """Totals by cohort and speaker under both estimands."""
        other = None if self.other is None else sums_by_cohort(self.other, cohorts)
        return sums_by_cohort(self.pairs, cohorts), other

    def sizes(self, sums: pd.DataFrame) -> dict[str, Any]:
        """The numbers of speakers, utterances and words behind a rate."""
        return {
            "speakers": int(sums["speaker"].nunique()) if self.speakers_known else None,
            "utterances": int(sums["utterances"].sum()),
            "words": int(sums["words"].sum()),
        }

    def all_groupings(self, groupings: Sequence[Grouping], shown: Sequence[ShownNames]) -> list[GroupingFigures]:
        """The figures of all groupings, in threads if there are many speakers, since numpy takes most of the time."""
        at_once = os.cpu_count() or 1 if len(self.everybody) >= MANY_SPEAKERS else 1
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.grouping, groupings, shown))

    def grouping(self, grouping: Grouping, shown: ShownNames) -> GroupingFigures:
        """The figures of one grouping, or the reason why none may be shown."""
        head: dict[str, Any] = {
            "name": grouping.name,
            "title": grouping.title or grouping.name,
            "discovered": grouping.chosen is not None,
            "split": grouping.split or self.split,
            "found": sum(one.rate is not None for one in grouping.ranked.values()) or len(shown.judged),
            "regions": regions(grouping),
        }
        if shown.withheld:
            return GroupingFigures(**head, withheld=too_small(self.min_speakers))
        sums, other = self._sums(cast(pd.Series, grouping.cohorts).map(shown.judged))
        cohorts = self._cohorts(sums, other, grouping, shown)
        apart = [one for one in cohorts if not one.merged]
        seconds = [under_other(one) for one in apart]
        alpha = 1 - self.statistics.confidence
        partial = self.sizes(sums)["utterances"] != int(self.pairs["utterances"].sum())
        worst = cohorts[0]
        return GroupingFigures(
            **head,
            **self.sizes(sums),
            overall=self.overall(cast(pd.Series, grouping.cohorts)) if partial else None,
            cohorts=cohorts if grouping.chosen is not None else sorted(cohorts, key=worst_first),
            spread=spread_over(apart, sums, self.statistics),
            other_spread=spread_over(seconds, sums if other is None else other, self.statistics),
            worst_cohort_by_discovery=worst.cohort if worst.discovery_rank == 1 else None,
            worst_cohort_by_test=_worst_by_test(cohorts),
            harmed_cohorts=[one.cohort for one in cohorts if harmed(one, alpha)],
            other_harmed_cohorts=[one.cohort for one in cohorts if harmed(under_other(one), alpha)],
            hidden=Hidden(cohorts=len(shown.members(shown.merged)) if shown.merged else 0, merged=shown.merged),
            test=self._describe(cohorts) if self.speakers_known else "",
        )

    def _cohorts(
        self, sums: pd.DataFrame, other: pd.DataFrame | None, grouping: Grouping, shown: ShownNames
    ) -> list[CohortFigures]:
        """The shown cohorts: ranked ones by their rank, the merged one last; others by their names."""
        ranked = {name: grouping.ranked[name] for name in set(shown.judged.values()) if name in grouping.ranked}
        ranked.pop(shown.merged or "", None)
        of_ranks = grouping.chosen is not None
        names = sorted(set(shown.judged.values()), key=lambda n: (_rank(ranked, n), of_ranks and n == shown.merged, n))
        first = self._estimates(sums, names, grouping)
        second = first if other is None else self._estimates(other, names, grouping)
        return [
            CohortFigures(
                cohort=name,
                label=label(name, grouping, shown),
                merged=name == shown.merged,
                unnamed=name in grouping.unnamed,
                mitigated=any(member in grouping.mitigated for member in shown.members(name)),
                **self.sizes(sums[sums["cohort"] == name]),
                **dict(own),
                **on_discovery(ranked.get(name), shown, name),
                other=alike,
            )
            for name, own, alike in zip(names, first, second, strict=True)
        ]

    def _estimates(self, sums: pd.DataFrame, names: Sequence[str], grouping: Grouping) -> list[CohortRates]:
        """The figures of the cohorts under one estimand."""
        found = estimate_cohorts(sums, names, self.statistics, grouping=grouping.name, against_rest=self.against_rest)
        return found if self.speakers_known else [without_effective(one) for one in found]

    def _describe(self, cohorts: Sequence[CohortFigures]) -> str:
        """The sentences that name intervals and tests."""
        statistics = self.statistics
        text = (
            f"Intervals: {100 * statistics.confidence:g} % symmetric studentised bootstrap over speakers "
            f"({statistics.resamples} draws; rates and ratios on the logarithm). "
        )
        if any(one.after is not None for one in cohorts):
            tests = sum(one.p is not None for one in cohorts)
            text += (
                f"p: two-sided sign-flip permutation over speakers of the difference in WER (all arrangements up to "
                f"{statistics.permutations}, else as many at random); p_holm: adjusted by Holm over {tests} cohorts. "
            )
        text += f"Cohorts of fewer than {statistics.min_speakers:g} effective speakers carry no inference."
        if self.against_rest:
            text += (
                f" Against the rest: permutation of membership over speakers ({statistics.permutations}), two-sided, "
                "adjusted by Holm over the cohorts; where speakers have utterances in several cohorts, Poisson "
                "regression with speaker dependence, or where it cannot be fitted for want of errors a sign flip over "
                "speakers."
            )
        return text


def too_small(min_speakers: int) -> str:
    """The reason why no cohort of a grouping may be shown."""
    return f"its cohorts are too small to be shown apart without telling of fewer than {min_speakers} speakers"


def label(name: str, grouping: Grouping, shown: ShownNames) -> str:
    """The readable name of a cohort."""
    if name == shown.merged:
        return f"{len(shown.members(name))} cohorts, merged for privacy"
    return grouping.labels.get(name, name)


def on_discovery(ranked: Ranked | None, shown: ShownNames, name: str) -> dict[str, Any]:
    """A cohort's rank among the speakers who chose it, and its rate there if that may be shown."""
    if ranked is None:
        return {}
    if not shown.chosen_alone(name):
        return {"discovery_rank": ranked.rank}
    return {"discovery_rank": ranked.rank, "discovery": ranked.rate, "discovery_ci95": ranked.ci95}


def regions(grouping: Grouping) -> list[Region]:
    """The regions of ranked cohorts, the worst first."""
    ranks = {name: grouping.ranked[name].rank for name in grouping.rectangles if name in grouping.ranked}
    return [
        Region(cohort=name, rank=ranks[name], rectangles=list(grouping.rectangles[name]))
        for name in sorted(ranks, key=lambda name: ranks[name])
    ]


def harmed(cohort: CohortFigures, alpha: float) -> bool:
    """Whether the rate rose, and significantly so after adjustment for all cohorts."""
    return significant(cohort, alpha) and (cohort.after or 0.0) > (cohort.before or 0.0)


def significant(cohort: CohortFigures, alpha: float) -> bool:
    """Whether a change is significant: by its adjusted p value, and by its interval, if it has one, excluding zero.

    A cohort without errors under one system has no relative change, and so no interval.
    """
    if cohort.p_holm is None or cohort.before is None or cohort.after is None:
        return False
    return cohort.p_holm <= alpha and (cohort.ci95 is None or not cohort.ci95[0] <= 0 <= cohort.ci95[1])


def _rank(ranked: Mapping[str, Ranked], name: str) -> float:
    """Rank on discovery; cohorts without one come last."""
    return float(ranked[name].rank) if name in ranked else float("inf")


def worst_first(cohort: CohortFigures) -> tuple[bool, bool, float]:
    """Sort key of a cohort without a rank: cohorts without words come after the others, the merged one last."""
    return cohort.merged, cohort.before is None, -(cohort.before or 0.0)


def _worst_by_test(cohorts: Sequence[CohortFigures]) -> str | None:
    """The cohort with the highest rate of the first system, among those with inference if there are any."""
    people = [one for one in cohorts if one.people]
    able = [one for one in people if one.inference] or people
    rated = [(one.before, one.cohort) for one in able if one.before is not None]
    return max(rated, key=lambda pair: pair[0])[1] if rated else None
