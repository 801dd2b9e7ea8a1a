"""How unfair the recogniser is to the cohorts of each rule: the table of Dheram et al. (2022, 2207.11345).

Of each rule its bottom and top cohort, the worst and the best on *discovery*, their error rates, the relative gap
between them, (WER_bottom - WER_top) / WER_top, and the bottom cohort's share of speech. All of it twice: on the
speakers of discovery, who chose the cohorts, and on those of test, who had no part in it. Only the second is a finding;
the difference between the two is what selection adds.

Shapes: S speakers, 2 totals (weighted errors, weighted words).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging import Disparity, disparities
from isogloss.judging.publication import ShownNames
from isogloss.judging.statistics import bootstrap
from isogloss.judging.statistics import estimands as of
from isogloss.judging.word_errors import error_counts, row_weights
from isogloss.tables import require_columns

Interval = list[float]


@dataclass(frozen=True)
class Side:
    """One cohort on one split; the interval is None where there are too few speakers for one."""

    wer: float | None
    ci95: Interval | None
    speakers: int
    share_of_speakers: float
    """Of the split's speakers, each with the weight that he has in the population."""
    share_of_words: float
    """Of the split's reference words, weighted likewise."""


@dataclass(frozen=True)
class SplitGap:
    """Bottom and top cohort on one split, and the relative gap between them."""

    bottom: Side
    top: Side
    relative_gap: float | None
    relative_gap_ci95: Interval | None


@dataclass(frozen=True)
class Gap:
    """A rule's bottom and top cohort."""

    bottom: str
    bottom_label: str
    top: str
    top_label: str
    discovery: SplitGap
    test: SplitGap
    p_holm: float | None
    """Of "on test the bottom cohort and all other speakers have the same error rate", two-sided, adjusted over the
    rule's cohorts (`disparities`)."""


@dataclass(frozen=True)
class RuleComparison:
    """One rule's line of the table."""

    rule: str
    cohorts: int
    """Found on discovery, hidden ones included."""
    worse_cohorts: int
    """Cohorts significantly worse than all other speakers on test."""
    gap: Gap | None
    """None for a rule without two cohorts that may be shown."""


def compare_rule(
    summary: Mapping[str, Any],
    assignments: pd.DataFrame,
    results: pd.DataFrame,
    *,
    shown: ShownNames,
    statistics: StatisticsParams,
) -> RuleComparison:
    """Bottom against top cohort of one rule, on discovery and on test.

    Bottom and top are the worst and the best by rank on discovery of those cohorts that may be shown for themselves
    and have `statistics.min_speakers` speakers in test; where fewer than two have so many, of all that may be shown.

    Parameters
    ----------
    summary, assignments
        A rule's summary.json and assignments.parquet.
    results
        The base system's result table; holds discovery and test.
    shown
        `publication.shown_names`.
    statistics
        Confidence, draws, seed; fewest speakers for an interval.

    Raises
    ------
    TableError
        A column is missing, or an utterance of discovery or test has no cohort.
    """
    require_columns(results, ("utterance_id", "speaker_id", "split"), where="the base results")
    parts = {split: _with_cohorts(results, assignments, split) for split in ("discovery", "test")}
    ranked = {c["cohort"]: c["label"] for c in summary["cohorts"] if c["discovery"]["wer"] is not None}
    counted = parts["test"].groupby("cohort", observed=True)["speaker"].nunique()
    candidates = [cohort for cohort in ranked if cohort in counted.index and shown.itself(cohort)]
    able = [cohort for cohort in candidates if counted[cohort] >= statistics.min_speakers]
    chosen = able if len(able) > 1 else candidates
    found = _found_worse(results, assignments, shown, statistics)
    worse = sum(one.worse(confidence=statistics.confidence) for one in found)
    if len(chosen) < 2:
        return RuleComparison(summary["rule"], len(ranked), worse, None)
    bottom, top = chosen[0], chosen[-1]
    gap = Gap(
        bottom=bottom,
        bottom_label=ranked[bottom],
        top=top,
        top_label=ranked[top],
        discovery=_split_gap(parts["discovery"], bottom, top, statistics),
        test=_split_gap(parts["test"], bottom, top, statistics),
        p_holm=next((one.p_holm for one in found if one.cohort == bottom), None),
    )
    return RuleComparison(summary["rule"], len(ranked), worse, gap)


def _with_cohorts(results: pd.DataFrame, assignments: pd.DataFrame, split: str) -> pd.DataFrame:
    """The rows of a split: cohort, speaker, weight, weighted errors and words."""
    rows = results[results["split"] == split]
    cohorts = assignments.set_index("utterance_id")["cohort"].reindex(rows["utterance_id"])
    if rows.empty:
        raise TableError(f"the base results have no utterance of split {split}; run transcribe anew")
    if cohorts.isna().any():
        missing = int(cohorts.isna().sum())
        raise TableError(f"{missing} of {len(rows)} utterances of {split} have no cohort; run discover anew")
    weight = row_weights(rows)
    return pd.DataFrame(
        {
            "cohort": cohorts.to_numpy(object),
            "speaker": rows["speaker_id"].to_numpy(object),
            "weight": weight,
            "errors": weight * error_counts(rows),
            "words": weight * rows["words"].to_numpy(np.float64),
        }
    )


def _found_worse(
    results: pd.DataFrame, assignments: pd.DataFrame, shown: ShownNames, statistics: StatisticsParams
) -> list[Disparity]:
    """Each cohort of test against the rest, under the names that may be shown; nothing where a single one is left."""
    rows = results[results["split"] == "test"]
    names = assignments.set_index("utterance_id")["cohort"].reindex(rows["utterance_id"]).map(shown.test)
    if names.nunique() < 2:
        return []
    return disparities(rows.assign(cohort=names.to_numpy(object)), cohort="cohort", statistics=statistics)


def _split_gap(rows: pd.DataFrame, bottom: str, top: str, statistics: StatisticsParams) -> SplitGap:
    """The two cohorts on one split."""
    totals = _totals(rows, (bottom, top))
    sums = [rows[rows["cohort"] == cohort] for cohort in (bottom, top)]
    rates = [part["errors"].sum() / part["words"].sum() if part["words"].sum() > 0 else None for part in sums]
    able = [part["speaker"].nunique() >= statistics.min_speakers for part in sums]
    estimates = bootstrap(
        totals,
        [of.rate(0), of.rate(1), of.ratio_of_groups(0, 1)],
        resamples=statistics.resamples,
        confidence=statistics.confidence,
        seed=statistics.seed,
    )
    intervals = [one.interval if has else None for one, has in zip(estimates, [*able, all(able)], strict=True)]
    ratio = intervals[2]
    return SplitGap(
        bottom=_side(rows, sums[0], rates[0], intervals[0]),
        top=_side(rows, sums[1], rates[1], intervals[1]),
        relative_gap=float(rates[0] / rates[1] - 1) if rates[0] is not None and rates[1] else None,
        relative_gap_ci95=None if ratio is None else [ratio[0] - 1, ratio[1] - 1],
    )


def _totals(rows: pd.DataFrame, cohorts: tuple[str, str]) -> list[NDArray[np.float64]] | NDArray[np.float64]:
    """Totals of the speakers of each cohort, (S, 2) each; together, (S, 2, 2), if a speaker is in both."""
    sums = rows.groupby(["cohort", "speaker"], sort=True)[["errors", "words"]].sum()
    parts = [sums.loc[cohort] for cohort in cohorts]
    if not parts[0].index.intersection(parts[1].index).size:
        return [part.to_numpy(np.float64) for part in parts]
    speakers = parts[0].index.union(parts[1].index)
    return np.stack([part.reindex(speakers, fill_value=0.0).to_numpy(np.float64) for part in parts], axis=1)


def _side(rows: pd.DataFrame, part: pd.DataFrame, rate: float | None, interval: Interval | None) -> Side:
    """A cohort's figures among all rows of the split."""
    # A speaker weighs what his rows weigh; the rows of one who is in two cohorts are in both.
    all_speakers, mine = (table.groupby("speaker")["weight"].mean() for table in (rows, part))
    return Side(
        wer=None if rate is None else float(rate),
        ci95=interval,
        speakers=len(mine),
        share_of_speakers=float(mine.sum() / all_speakers.sum()) if all_speakers.sum() > 0 else 0.0,
        share_of_words=float(part["words"].sum() / rows["words"].sum()) if rows["words"].sum() > 0 else 0.0,
    )
