"""The document of word errors: one recogniser, or two on the same utterances, overall and cohort by cohort.

Cohorts are named worst by their rank among the speakers who chose them (discovery); all figures are of others. A cohort
that is picked on the data that report it looks worse than it is, and any treatment then seems to help it (regression to
the mean); so both figures stand side by side, and the relative gap is that of the cohorts that were worst and best on
*discovery*.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging.disparity import Disparity, disparities_of_sums
from isogloss.judging.document import (
    CohortFigures,
    Document,
    GroupingFigures,
    Hidden,
    OverallFigures,
    Rates,
    Region,
    Rest,
)
from isogloss.judging.grouping import Grouping, Ranked
from isogloss.judging.pairing import pair_utterances, sums_by_cohort, totals_of
from isogloss.judging.privacy import ShownNames, shown_names
from isogloss.judging.rates import cohort_rates, detectable, overall_rates, spread_over
from isogloss.judging.statistics.multiple import holm

UTTERANCES_PER_SPEAKER = 10
"""Where speakers are unknown, a cohort is shown from so many times `min_speakers` utterances on (our choice): nobody
can say how many people they are of."""
NO_INFERENCE = 10**9


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
    pairs = pair_utterances(before, after)
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
    everybody = sums_by_cohort(pairs, pd.Series("all", index=pairs.index))
    judge = _Judge(pairs, len(everybody), statistics, min_speakers, against_rest, speakers_known, split)
    return Document(
        task="asr",
        metric="CER" if "characters" in about.get("normalisation", ()) else "WER",
        systems=list(systems),
        split=split,
        unit="speaker" if speakers_known else "utterance",
        **judge.sizes(everybody),
        confidence=statistics.confidence,
        resamples=statistics.resamples,
        permutations=statistics.permutations,
        seed=statistics.seed,
        min_speakers=min_speakers,
        min_speakers_for_inference=asked.min_speakers,
        overall=OverallFigures(**dict(overall_rates(totals_of(everybody), statistics))),
        groupings=[judge.grouping(*pair) for pair in zip(groupings, shown, strict=True)],
        **about,
    )


class _Judge:
    """Makes the figures of one grouping after the other from the same utterances."""

    def __init__(
        self,
        pairs: pd.DataFrame,
        speakers: int,
        statistics: StatisticsParams,
        min_speakers: int,
        against_rest: bool,
        speakers_known: bool,
        split: str,
    ) -> None:
        self.pairs, self.speakers, self.statistics, self.min_speakers = pairs, speakers, statistics, min_speakers
        self.against_rest, self.speakers_known, self.split = against_rest, speakers_known, split

    def sizes(self, sums: pd.DataFrame) -> dict[str, Any]:
        """How much speech stands behind a rate."""
        return {
            "speakers": int(sums["speaker"].nunique()) if self.speakers_known else None,
            "utterances": int(sums["utterances"].sum()),
            "words": int(sums["words"].sum()),
        }

    def grouping(self, grouping: Grouping, shown: ShownNames) -> GroupingFigures:
        """One grouping, or why there is nothing to show of it."""
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
        sums = sums_by_cohort(self.pairs, cast(pd.Series, grouping.cohorts).map(shown.judged))
        cohorts = self._cohorts(sums, grouping, shown)
        partial = self.sizes(sums)["utterances"] != int(self.pairs["utterances"].sum())
        worst = cohorts[0]
        return GroupingFigures(
            **head,
            **self.sizes(sums),
            overall=self._overall(grouping) if partial else None,
            cohorts=cohorts if grouping.chosen is not None else sorted(cohorts, key=worst_first),
            spread=spread_over([one for one in cohorts if not one.merged], sums, self.statistics),
            worst_cohort_by_discovery=worst.cohort if worst.discovery_rank == 1 else None,
            worst_cohort_by_test=_worst_by_test(cohorts),
            harmed_cohorts=[one.cohort for one in cohorts if harmed(one, 1 - self.statistics.confidence)],
            hidden=Hidden(cohorts=len(shown.members(shown.merged)) if shown.merged else 0, merged=shown.merged),
            test=self._describe(cohorts) if self.speakers_known else "",
        )

    def _overall(self, grouping: Grouping) -> Rates:
        """The speakers of a grouping that does not cover all of them."""
        of_these = pd.Series("all", index=self.pairs.index).where(grouping.cohorts.notna().to_numpy())
        return overall_rates(totals_of(sums_by_cohort(self.pairs, of_these)), self.statistics)

    def _cohorts(self, sums: pd.DataFrame, grouping: Grouping, shown: ShownNames) -> list[CohortFigures]:
        """The shown cohorts: ranked ones by their rank, what was merged last; others by their names."""
        ranked = {name: grouping.ranked[name] for name in set(shown.judged.values()) if name in grouping.ranked}
        ranked.pop(shown.merged or "", None)
        of_ranks = grouping.chosen is not None
        names = sorted(set(shown.judged.values()), key=lambda n: (_rank(ranked, n), of_ranks and n == shown.merged, n))
        parts = [sums[sums["cohort"] == name] for name in names]
        rates = cohort_rates([totals_of(part) for part in parts], self.statistics)
        adjusted = holm([one.p for one, _ in rates])
        rest: dict[str, Disparity] = {}
        if self.against_rest and len(names) > 1:
            found = disparities_of_sums(sums, cohort=grouping.name, statistics=self.statistics)
            rest = {one.cohort: one for one in found}
        return [
            CohortFigures(
                cohort=name,
                label=label(name, grouping, shown),
                merged=name == shown.merged,
                unnamed=name in grouping.unnamed,
                mitigated=any(member in grouping.mitigated for member in shown.members(name)),
                **self.sizes(part),
                inference=inference,
                **dict(figures),
                p_holm=p_holm,
                detectable_change=detectable(totals_of(part), self.statistics) if inference else None,
                **on_discovery(ranked.get(name), shown, name),
                rest=None if name not in rest else _rest(rest[name], self.statistics),
            )
            for name, part, (figures, inference), p_holm in zip(names, parts, rates, adjusted, strict=True)
        ]

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
        text += f"Cohorts of fewer than {statistics.min_speakers} speakers carry no inference."
        if self.against_rest:
            text += (
                f" Against the rest: permutation of membership over speakers ({statistics.permutations}), two-sided, "
                "adjusted by Holm over the cohorts; where speakers have utterances in several cohorts, Poisson "
                "regression with speaker dependence, or where it cannot be fitted for want of errors a sign flip over "
                "speakers."
            )
        return text


def too_small(min_speakers: int) -> str:
    """Why nothing of a grouping is shown."""
    return f"its cohorts are too small to be shown apart without telling of fewer than {min_speakers} speakers"


def label(name: str, grouping: Grouping, shown: ShownNames) -> str:
    """What to call a cohort."""
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
    if cohort.p_holm is None or cohort.before is None or cohort.after is None:
        return False
    return cohort.p_holm <= alpha and cohort.after > cohort.before


def _rank(ranked: Mapping[str, Ranked], name: str) -> float:
    """Rank on discovery; cohorts without one come last."""
    return float(ranked[name].rank) if name in ranked else float("inf")


def worst_first(cohort: CohortFigures) -> tuple[bool, bool, float]:
    """Where a cohort stands that nobody ranked; one without words behind the others, what was merged last."""
    return cohort.merged, cohort.before is None, -(cohort.before or 0.0)


def _worst_by_test(cohorts: Sequence[CohortFigures]) -> str | None:
    """The cohort with the highest rate of the first system, among those with inference if there are any."""
    able = [one for one in cohorts if one.inference] or list(cohorts)
    rated = [(one.before, one.cohort) for one in able if one.before is not None]
    return max(rated, key=lambda pair: pair[0])[1] if rated else None


def _rest(one: Disparity, statistics: StatisticsParams) -> Rest:
    """A cohort against all other speakers."""
    return Rest(
        ratio=one.ratio,
        ci95=None if one.ratio_interval is None else (one.ratio_interval[0], one.ratio_interval[1]),
        p=one.p,
        p_holm=one.p_holm,
        detectable_ratio=one.detectable_ratio,
        worse=one.worse(confidence=statistics.confidence),
    )
