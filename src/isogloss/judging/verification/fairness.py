"""Two verifiers compared overall and cohort by cohort: the content of fairness.json for verification.

The keys are those of `evaluation.fairness`; `metric` is EER, and `before`, `after`, `relative_change`, `ci95`, `p_holm`
are of it. A cohort's figures are over trials whose two speakers both belong to it; one without targets or without
non-targets is not measurable, and says so, where a 0 would be a lie.

`merged` marks the cohort that small ones were merged into for privacy. It is no group of people: its non-targets pair
speakers of different groups, which are easy to tell apart. Its row is shown, but it is not judged and has no part in
the spread or the worst cohort.

`at_threshold` of a cohort holds FAR and FRR where each verifier accepts what it accepts at its EER over all trials
(`thresholds`), with intervals from the same draws. They take the threshold as given. A rate of 0 or 1 has none.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging.privacy import merge_small_cohorts, merged_name
from isogloss.judging.statistics.multiple import holm
from isogloss.judging.verification.errors import Errors, errors_of
from isogloss.judging.verification.figures import (
    SIDES,
    Cohort,
    cohorts_of,
    counts,
    has_inference,
    infer_cohorts,
    infer_overall,
)
from isogloss.judging.verification.trials import ScoredTrials, trials_of
from isogloss.tables import require_columns


@dataclass(frozen=True)
class PairedTrials:
    """Trials scored by both verifiers, and what is said of all of them: the same for every grouping."""

    table: pd.DataFrame
    everybody: Cohort
    statistics: StatisticsParams
    overall: dict[str, Any]
    """`overall` of fairness.json."""

    @property
    def thresholds(self) -> dict[str, float]:
        """Each verifier's score at its EER over all trials: one operating point for all cohorts."""
        return {
            side: errors.at_eer.score
            for side, errors in zip(SIDES, self.everybody.errors, strict=True)
            if errors.at_eer is not None
        }


def pair_trials(
    trials: pd.DataFrame, *, statistics: StatisticsParams, weights: pd.Series | None = None
) -> PairedTrials:
    """Check trials of two verifiers, and compare the two over all of them.

    Parameters
    ----------
    trials
        `enrol_speaker, test_speaker, target, score_before, score`, and for each grouping that will be asked for both
        sides' group, `enrol_<grouping>` and `test_<grouping>`.
    statistics
        Confidence, draws, seed, and `min_speakers`: fewer have neither intervals nor p values.
    weights
        Weight of each speaker by his id.

    Raises
    ------
    TableError
        As `trials_of`, or the trials as a whole have no targets or no non-targets.
    """
    require_columns(trials, ["score_before"], where="the trials")
    after = trials_of(trials, weights=weights)
    before = after.with_scores(trials["score_before"], where="the scores before")
    everybody = Cohort("all", before, after, np.arange(len(after.speakers)), (errors_of(before), errors_of(after)))
    if not everybody.measurable:
        raise TableError("there are no targets or no non-targets among the trials; an error rate needs both")
    return PairedTrials(trials, everybody, statistics, infer_overall(everybody, statistics))


def compare_verifiers(
    paired: PairedTrials,
    *,
    grouping: str,
    system: str,
    min_speakers_shown: int,
    shown: Mapping[str, str] | None = None,
    rule: str | None = None,
    labels: Mapping[str, str] | None = None,
    discovery: Mapping[str, float | None] | None = None,
    discovery_shown: Collection[str] | None = None,
    seeds: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Compare a verifier with the base verifier cohort by cohort; valid JSON, None for what is unknown.

    Parameters
    ----------
    paired
        The trials; a missing group of theirs is `unspecified`.
    grouping, rule
        The grouping; and the name that the result gives it.
    system, seeds
        What the result repeats.
    min_speakers_shown
        Smaller cohorts are merged (`privacy`).
    shown
        Under which name each cohort is shown, where that was decided before (`hiding`, for several groupings that are
        published together); otherwise this grouping is taken for the only one.
    labels
        Readable names for cohorts, the merged one among them.
    discovery
        EER of each cohort on other speakers, by which cohorts are ranked; None where it is not measurable. Rank 1 is
        the worst of all, shown or not.
    discovery_shown
        The cohorts whose EER on discovery may be shown, which `hiding` says; without it any. None is shown of a cohort
        that is merged.

    Raises
    ------
    TableError
        The trials lack the grouping's columns.
    """
    require_columns(paired.table, [f"{side}_{grouping}" for side in ("enrol", "test")], where="the trials")
    sides = [paired.table[f"{side}_{grouping}"].fillna("unspecified").astype(str) for side in ("enrol", "test")]
    speakers = pd.concat([paired.table["enrol_speaker"], paired.table["test_speaker"]], ignore_index=True)
    names = dict(shown or merge_small_cohorts(pd.concat(sides), speakers, min_speakers=min_speakers_shown))
    merged = merged_name(names)
    early = {name: eer for name, eer in (discovery or {}).items() if name in names}
    ranks = {name: rank for name, rank in _ranks(early).items() if names[name] != merged}
    told = set(early if discovery_shown is None else discovery_shown) - {merged}
    cohorts = cohorts_of(paired.everybody.before, paired.everybody.after, [side.map(names) for side in sides])
    cohorts.sort(key=lambda one: (ranks.get(one.name, np.inf), one.name == merged, one.name))
    figures = [
        {
            **counts(one),
            "label": (labels or {}).get(one.name, "small cohorts" if one.name == merged else one.name),
            "merged": one.name == merged,
            "discovery_rank": ranks.get(one.name),
            "discovery": early.get(one.name) if one.name in told else None,
        }
        for one in cohorts
    ]
    return {
        "task": "verification",
        "system": system,
        "baseline": "base",
        "rule": rule or grouping,
        "split": "test",
        **_compared(paired, cohorts, figures),
        "seeds": {str(name): int(seed) for name, seed in (seeds or {}).items()},
    }


def _compared(paired: PairedTrials, cohorts: list[Cohort], figures: list[dict[str, Any]]) -> dict[str, Any]:
    """All figures, those of the cohorts completed by what needs inference."""
    statistics, (base, _) = paired.statistics, paired.everybody.errors
    able = [n for n, one in enumerate(cohorts) if has_inference(one, statistics) and not figures[n]["merged"]]
    spread = infer_cohorts(cohorts, figures, able, paired.thresholds, statistics)
    for figure, adjusted in zip(figures, holm([figure["p"] for figure in figures]), strict=True):
        figure["p_holm"] = adjusted
    return {
        "metric": "EER",
        "unit": "speaker",
        "speakers": len(paired.everybody.members),
        "targets": base.targets,
        "nontargets": base.nontargets,
        "confidence": statistics.confidence,
        "overall": paired.overall,
        "thresholds": paired.thresholds,
        "cohorts": figures,
        "spread": spread,
        "worst_cohort_by_discovery": figures[0]["cohort"] if figures and figures[0]["discovery_rank"] == 1 else None,
        "worst_cohort_by_test": _worst(figures),
        "harmed_cohorts": [one["cohort"] for one in figures if _harmed(one, 1 - statistics.confidence)],
        "not_measurable": [one.name for one in cohorts if not one.measurable],
        "test": _describe(statistics, sum(figure["p"] is not None for figure in figures)),
    }


def cohort_errors(trials: ScoredTrials, enrol: pd.Series, test: pd.Series) -> dict[str, Errors]:
    """The errors of each group, over trials whose two speakers both belong to it."""
    within = enrol.to_numpy() == test.to_numpy()
    return {
        str(name): errors_of(trials.where(within & (enrol == name).to_numpy()))
        for name in sorted({*enrol.unique(), *test.unique()})
    }


def _ranks(eers: Mapping[str, float | None]) -> dict[str, int]:
    """1 for the highest EER on discovery; cohorts that were not measurable there have no rank."""
    known = sorted((name for name, eer in eers.items() if eer is not None), key=lambda name: (-(eers[name] or 0), name))
    return {name: rank for rank, name in enumerate(known, 1)}


def _worst(figures: list[dict[str, Any]]) -> str | None:
    """The cohort with the highest EER of the base verifier, among those with inference if there are any."""
    measured = [figure for figure in figures if figure["measurable"] and not figure["merged"]]
    rated = [figure for figure in measured if figure["inference"]] or measured
    return max(rated, key=lambda figure: figure["before"])["cohort"] if rated else None


def _harmed(figure: Mapping[str, Any], alpha: float) -> bool:
    """Whether the EER rose, and significantly so after adjustment for all cohorts."""
    return figure["p_holm"] is not None and figure["p_holm"] <= alpha and figure["after"] > figure["before"]


def _describe(statistics: StatisticsParams, tests: int) -> str:
    """The sentence that names interval and tests."""
    return (
        f"Intervals: {100 * statistics.confidence:g} % symmetric studentised bootstrap over speakers "
        f"({statistics.resamples} draws, speakers drawn within their cohort; rates and ratios on the logarithm, FAR "
        "and FRR at the threshold, which is taken as given, on the logit). A cohort's trials are those whose two "
        "speakers both belong to it. p: two-sided, of no change in EER, from the same draws; p_holm: adjusted by Holm "
        f"over {tests} cohorts. Cohorts of fewer than {statistics.min_speakers} speakers carry no inference."
    )
