"""Bottom and top cohort of a rule: the table of Dheram et al. (2022, 2207.11345).

The worst and the best cohort on *discovery*, their error rates, the relative gap between them, (WER_bottom - WER_top) /
WER_top, and the bottom cohort's share of speech. All of it is computed twice: on the speakers of discovery, which were
used to choose the cohorts, and on those of test, who did not take part. Only the second is a finding; the difference
between the two is the bias of selection.

Shapes: S speakers, 2 totals (weighted errors, weighted words).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.config import StatisticsParams
from isogloss.judging.grouping import Grouping
from isogloss.judging.grouping_figures import GapFigures, GroupingFigures, Side, SplitGap
from isogloss.judging.pairing import pair_utterances, sums_by_cohort, totals_of_cohorts
from isogloss.judging.rates import bounds, change, cohort_rates, estimate, has_inference, ratio
from isogloss.judging.record import Interval
from isogloss.judging.statistics import estimands as of
from isogloss.judging.word_errors import row_weights


def gap_of(
    figures: GroupingFigures,
    grouping: Grouping,
    test: pd.DataFrame,
    discovery: pd.DataFrame,
    *,
    statistics: StatisticsParams,
) -> GapFigures | None:
    """Bottom against top cohort of one rule; None for a rule without two cohorts that may be shown on both splits.

    Bottom and top are the worst and the best by rank on discovery among the cohorts that may be shown separately and
    have `statistics.min_speakers` effective speakers in test. If fewer than two cohorts have so many, all that may be
    shown are candidates.

    Parameters
    ----------
    figures
        The figures of the rule that may be shown (`judging.compare`).
    grouping
        The rule's cohorts on test and, `chosen`, on discovery.
    test, discovery
        The result tables that the rows of the grouping refer to.
    """
    candidates = [one for one in figures.cohorts if one.discovery is not None]
    able = [one for one in candidates if (one.effective_speakers or 0) >= statistics.min_speakers]
    chosen = able if len(able) > 1 else candidates
    if len(chosen) < 2:
        return None
    bottom, top = chosen[0], chosen[-1]
    on_test = {one.cohort: one.before_ci95 for one in (bottom, top)}
    on_discovery = None  # the intervals of the ranking are of rates that are weighted to the population
    if statistics.estimand == "population":
        on_discovery = {one.cohort: one.discovery_ci95 for one in (bottom, top)}
    names = [bottom.cohort, top.cohort]
    return GapFigures(
        bottom=bottom.cohort,
        top=top.cohort,
        discovery=_split_gap(discovery, grouping.chosen, names, on_discovery, statistics),
        test=_split_gap(test, grouping.cohorts, names, on_test, statistics),
    )


def _split_gap(
    table: pd.DataFrame,
    cohorts: object,
    names: Sequence[str],
    ends: Mapping[str, Interval | None] | None,
    statistics: StatisticsParams,
) -> SplitGap:
    """The two cohorts on one split, bottom first; `ends` are the intervals of their rates, where these are known."""
    if not isinstance(cohorts, pd.Series):
        raise TypeError("the gap is that of utterances, whose cohorts are one column")
    sums = sums_by_cohort(pair_utterances(table, alike=statistics.estimand == "speakers"), cohorts)
    parts = [sums[sums["cohort"] == name] for name in names]
    if ends is None:
        found = cohort_rates(parts, statistics)
        ends = {name: own.before_ci95 for name, (own, _) in zip(names, found, strict=True)}
    rates = [ratio(part["errors_before"].sum(), part["words_before"].sum()) for part in parts]
    sides = [
        Side(
            rate=rate,
            ci95=ends[name],
            speakers=len(part),
            share_of_speakers=_share_of_speakers(table, (cohorts == name).to_numpy()),
            share_of_words=ratio(part["words_before"].sum(), sums["words_before"].sum()) or 0.0,
        )
        for name, part, rate in zip(names, parts, rates, strict=True)
    ]
    of_gap = None
    if all(has_inference(part, statistics) for part in parts):
        of_gap = bounds(estimate(totals_of_cohorts(sums, names), [of.ratio_of_groups(0, 1)], statistics)[0])
    return SplitGap(
        bottom=sides[0],
        top=sides[1],
        relative_gap=change(rates[1], rates[0]),
        relative_gap_ci95=None if of_gap is None else (of_gap[0] - 1, of_gap[1] - 1),
    )


def _share_of_speakers(table: pd.DataFrame, inside_N: NDArray[np.bool_]) -> float:
    """The weighted share of speakers, who have the weight of their rows and may count both inside and outside."""
    rows = pd.DataFrame({"speaker": table["speaker_id"].to_numpy(), "weight": row_weights(table)})
    everybody, mine = (part.groupby("speaker")["weight"].mean().sum() for part in (rows, rows[inside_N]))
    return ratio(mine, everybody) or 0.0
