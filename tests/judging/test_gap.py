"""The table of the rules: bottom and top chosen on discovery, measured on both splits."""

import numpy as np
import pandas as pd
import pytest

from isogloss.cohorts.discovery import discover
from isogloss.cohorts.geographic import GeographicParams
from isogloss.config import CohortsParams, Params, PrivacyParams, StatisticsParams
from isogloss.errors import TableError
from isogloss.judging import disparities
from isogloss.judging.system import Rule, judge_base, judge_system

STATISTICS = StatisticsParams(resamples=300, permutations=300, min_speakers=10)
PARAMS = Params(
    geographic=GeographicParams(max_leaves=6, min_speakers=12, min_words=50),
    cohorts=CohortsParams(rules=["geographic"]),
    statistics=STATISTICS,
)


def discovered(country):
    """The geographic rule's summary and assignments, and the results of discovery and test."""
    results = country[country["split"].isin(["discovery", "dev", "test"])]
    found = discover(
        "geographic", PARAMS, country[["utterance_id", "speaker_id", "split", "latitude", "longitude"]], results
    )
    return found.summary, found.assignments, results


def compared(summary, assignments, results, *, fewest=5):
    params = PARAMS.model_copy(update={"privacy": PrivacyParams(min_speakers=fewest)})
    return judge_base(results, {"geographic": Rule(assignments, summary)}, params).groupings[0]


def weighted_wer(rows):
    return (rows["weight"] * rows["substitutions"]).sum() / (rows["weight"] * rows["words"]).sum()


def test_bottom_and_top_are_worst_and_best_on_discovery_and_their_rates_those_of_their_rows(country):
    country["weight"] = 0.9 + 0.2 * (country["latitude"] % 1)
    summary, assignments, results = discovered(country)
    gap = compared(summary, assignments, results).gap
    assert (gap.bottom, gap.top) == (summary["worst"][0], summary["worst"][-1])
    rows = results.merge(assignments[["utterance_id", "cohort"]], on="utterance_id")
    for split in ("discovery", "test"):
        part, figures = rows[rows["split"] == split], getattr(gap, split)
        rates = [weighted_wer(part[part["cohort"] == cohort]) for cohort in (gap.bottom, gap.top)]
        assert (figures.bottom.rate, figures.top.rate) == pytest.approx(rates)
        assert figures.relative_gap == pytest.approx(rates[0] / rates[1] - 1)
        assert figures.relative_gap_ci95[0] < figures.relative_gap < figures.relative_gap_ci95[1]
        weight = part.drop_duplicates("speaker_id").set_index("speaker_id")["weight"]
        mine = part.loc[part["cohort"] == gap.bottom, "speaker_id"].unique()
        assert figures.bottom.share_of_speakers == pytest.approx(weight[mine].sum() / weight.sum())
        words = part["weight"] * part["words"]
        assert figures.bottom.share_of_words == pytest.approx(words[part["cohort"] == gap.bottom].sum() / words.sum())
    assert gap.discovery.bottom.rate == pytest.approx(summary["cohorts"][0]["discovery"]["wer"])


def test_the_gap_on_test_is_that_of_the_comparison_before_and_after(country):
    summary, assignments, results = discovered(country)
    document = judge_system("same", results, results, {"geographic": Rule(assignments, summary)}, PARAMS)
    gap = compared(summary, assignments, results).gap
    assert gap.test.relative_gap == pytest.approx(document.groupings[0].spread.relative_gap.before)


def test_a_rate_has_one_interval_wherever_it_stands(country):
    summary, assignments, results = discovered(country)
    document = judge_system("same", results, results, {"geographic": Rule(assignments, summary)}, PARAMS)
    base, both = compared(summary, assignments, results), document.groupings[0]
    for side in (base.gap.test.bottom, base.gap.test.top):
        name = base.gap.bottom if side is base.gap.test.bottom else base.gap.top
        assert side.ci95 == base.cohort(name).before_ci95 == both.cohort(name).before_ci95
    early = {c["cohort"]: c["discovery"]["ci95"] for c in summary["cohorts"]}
    assert list(base.gap.discovery.top.ci95) == early[base.gap.top]


def test_the_p_value_is_that_of_the_bottom_cohort_against_the_rest_on_test(country):
    summary, assignments, results = discovered(country)
    found = compared(summary, assignments, results)
    test = results[results["split"] == "test"].merge(assignments[["utterance_id", "cohort"]], on="utterance_id")
    alone = disparities(test, cohort="cohort", statistics=STATISTICS)
    expected = next(one.p_holm for one in alone if one.cohort == found.gap.bottom)
    assert found.cohort(found.gap.bottom).rest.p_holm == expected
    assert len(found.worse_cohorts) == sum(one.worse(confidence=0.95) for one in alone) >= 1


def test_what_is_on_test_does_not_choose(country):
    summary, assignments, results = discovered(country)
    changed = results.copy()
    test = changed["split"] == "test"
    changed.loc[test, "substitutions"] = changed.loc[test, "words"] - changed.loc[test, "substitutions"]
    before, after = (compared(summary, assignments, table).gap for table in (results, changed))
    assert (after.bottom, after.top, after.discovery) == (before.bottom, before.top, before.discovery)
    assert after.test != before.test


def test_a_cohort_with_few_speakers_in_test_is_passed_over_and_one_below_the_least_never_shown(country):
    summary, assignments, results = discovered(country)
    worst = summary["worst"][0]
    mine = results[results["utterance_id"].isin(assignments.loc[assignments["cohort"] == worst, "utterance_id"])]
    kept = mine.loc[mine["split"] == "test", "speaker_id"].unique()[:7]
    gone = (results["split"] == "test") & results["speaker_id"].isin(mine["speaker_id"])
    few = results[~gone | results["speaker_id"].isin(kept)]
    test = few[few["split"] == "test"].merge(assignments[["utterance_id", "cohort"]], on="utterance_id")
    speakers = test.groupby("cohort")["speaker_id"].nunique()
    assert compared(summary, assignments, few).gap.bottom == next(c for c in summary["worst"] if speakers[c] >= 10)
    only = [summary["worst"][0], summary["worst"][-1]]
    two = assignments.assign(cohort=np.where(assignments["cohort"] == worst, *only))
    gap = compared(summary, two, few).gap
    assert (gap.bottom, gap.test.bottom.ci95, gap.test.relative_gap_ci95) == (worst, None, None)
    assert gap.test.bottom.rate is not None and gap.test.top.ci95 is not None
    assert compared(summary, two, few, fewest=8).gap is None


def test_speakers_in_both_cohorts_are_drawn_with_all_they_said(country):
    summary, assignments, results = discovered(country)
    apart = compared(summary, assignments, results).gap
    bottom, top = summary["worst"][0], summary["worst"][-1]
    cohort = pd.Series(np.where(np.arange(len(assignments)) % 2, bottom, top), index=assignments.index)
    shared = compared(summary, assignments.assign(cohort=cohort), results).gap
    assert (
        shared.test.bottom.speakers
        == shared.test.top.speakers
        == results[results["split"] == "test"]["speaker_id"].nunique()
    )
    assert shared.test.relative_gap_ci95[0] < shared.test.relative_gap < shared.test.relative_gap_ci95[1]
    assert apart.test.bottom.speakers < shared.test.bottom.speakers


def test_what_does_not_fit_together_is_refused(country):
    summary, assignments, results = discovered(country)
    with pytest.raises(TableError, match="no utterance of split test; run transcribe anew"):
        compared(summary, assignments, results[results["split"] != "test"])
    with pytest.raises(TableError, match=r"have no cohort in cohorts/geographic .*; run discover anew"):
        compared(summary, assignments.iloc[: len(assignments) // 2], results)


def test_of_speakers_alike_rates_and_intervals_on_discovery_are_alike_too(country):
    """The ranking's intervals are weighted, so they are those of other rates."""
    number = pd.factorize(country["speaker_id"])[0]
    country["weight"] = np.where(number % 2 == 0, 0.1, 10.0)
    country["substitutions"] = np.where(number % 2 == 0, country["words"], country["substitutions"])
    summary, assignments, results = discovered(country)
    alike = PARAMS.model_copy(update={"statistics": STATISTICS.model_copy(update={"estimand": "speakers"})})
    gap = judge_base(results, {"geographic": Rule(assignments, summary)}, alike).groupings[0].gap
    rows = results[results["split"] == "discovery"].merge(assignments[["utterance_id", "cohort"]], on="utterance_id")
    for side, cohort in ((gap.discovery.bottom, gap.bottom), (gap.discovery.top, gap.top)):
        mine = rows[rows["cohort"] == cohort]
        assert side.rate == pytest.approx(mine["substitutions"].sum() / mine["words"].sum())
        assert side.ci95[0] < side.rate < side.ci95[1]


def test_no_rate_is_of_a_split_of_too_few_speakers(country):
    summary, assignments, results = discovered(country)
    few = results.loc[results["split"] == "dev", "speaker_id"].unique()[:3]
    cut = results[(results["split"] != "dev") | results["speaker_id"].isin(few)]
    metadata = cut.assign(duration_s=1.0)
    sizes = judge_base(cut, {"geographic": Rule(assignments, summary)}, PARAMS, metadata=metadata).splits
    assert {one.split: one.rate is not None for one in sizes} == {"discovery": True, "dev": False, "test": True}
    assert next(one.speakers for one in sizes if one.split == "dev") == 3
