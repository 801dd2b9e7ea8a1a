"""What an audit adds to rates: side by side, adjusted, one test of all cohorts, kinds of errors."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from isogloss.config import StatisticsParams
from isogloss.judging import Grouping, compare
from isogloss.judging.adjusted import adjusted_ratios
from isogloss.judging.details import with_details
from isogloss.judging.error_kinds import kinds_of
from isogloss.judging.omnibus import omnibus
from isogloss.judging.pairing import pair_utterances, sums_by_cohort
from isogloss.judging.side_by_side import side_by_side

FEW = StatisticsParams(resamples=200, permutations=1000, min_speakers=5)


def table(errors, speakers, words=20):
    """A row a speaker: counted errors, all of them substitutions."""
    return pd.DataFrame(
        {
            "utterance_id": range(len(errors)),
            "speaker_id": speakers,
            "words": words,
            "substitutions": errors,
            "deletions": 0,
            "insertions": 0,
        }
    )


def gammas(rng, rate, number):
    """Overdispersed counts of errors of some speakers, of 200 words each."""
    return rng.poisson(200 * rate * rng.gamma(4, 1 / 4, number))


def test_two_systems_side_by_side_have_the_t_interval_of_the_linearised_log_ratio():
    rng = np.random.default_rng(1)
    before, after = gammas(rng, 0.1, 30), gammas(rng, 0.12, 30)
    tables = {"a": table(before, range(30), 200), "b": table(after, range(30), 200)}
    row = side_by_side(tables, [], FEW).rows[0]
    influence = before / before.sum() - after / after.sum()
    error = np.sqrt(30 / 29 * np.sum(influence**2))
    reach = stats.t.ppf(0.975, 29) * error
    ratio = before.sum() / after.sum()
    assert row.ratios[0].ratio == pytest.approx(ratio)
    assert row.ratios[0].ci95 == pytest.approx((ratio * np.exp(-reach), ratio * np.exp(reach)))


def test_all_comparisons_of_equal_systems_hold_together_nineteen_times_of_twenty():
    """Four systems in three cohorts of twelve speakers, all of one rate: at least one false difference is rare."""
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        speaker = 0.1 * rng.gamma(4, 1 / 4, 36)
        tables = {name: table(rng.poisson(300 * speaker), range(36), 300) for name in "abcd"}
        cohorts = pd.Series(np.repeat(["x", "y", "z"], 12))
        rows = side_by_side(tables, [("g", cohorts, {})], FEW).rows[1:]
        wrong += any(one.ci95 and not one.ci95[0] <= 1 <= one.ci95[1] for row in rows for one in row.ratios)
    assert wrong <= stats.binom.ppf(0.999, 60, 0.05)


def test_systems_that_differ_are_told_apart_and_those_that_do_not_are_tied():
    rng = np.random.default_rng(3)
    speaker = rng.gamma(4, 1 / 4, 40)
    tables = {
        name: table(rng.poisson(400 * r * speaker), range(40), 400) for name, r in (("a", 0.1), ("b", 0.1), ("c", 0.2))
    }
    (row,) = side_by_side(tables, [], FEW).rows
    assert set(row.best) == {"a", "b"}
    few = FEW.model_copy(update={"min_speakers": 41})
    (row,) = side_by_side(tables, [], few).rows
    assert row.best == [] and row.ratios == [] and row.rates[0].ci95 is None


def test_systems_side_by_side_have_no_interval_where_one_speaker_decides_or_few_have_the_weight():
    """The second system loses one speaker's speech; nothing can be said of its rate, nor of how it compares."""
    rng = np.random.default_rng(2)
    before = gammas(rng, 0.1, 30)
    lost = before + np.where(np.arange(30) == 0, 600, 0)
    (row,) = side_by_side({"a": table(before, range(30), 200), "b": table(lost, range(30), 200)}, [], FEW).rows
    assert row.rates[0].ci95 is not None and row.rates[1].ci95 is None and row.ratios[0].ci95 is None
    heavy = np.where(np.arange(30) < 4, 100.0, 0.1)
    weighted = {name: table(gammas(rng, 0.1, 30), range(30), 200).assign(weight=heavy) for name in "ab"}
    (row,) = side_by_side(weighted, [], FEW).rows
    assert row.rates[0].ci95 is None and row.ratios == [] and row.best == []


@pytest.mark.parametrize("estimand", ["population", "speakers"])
def test_all_details_are_of_the_estimand_of_the_document(estimand):
    rng = np.random.default_rng(4)
    weight = rng.choice([0.2, 5.0], 60)
    systems = {
        name: table(gammas(rng, np.where(weight > 1, 0.3, 0.1), 60), range(60), 200).assign(weight=weight)
        for name in "ab"
    }
    groupings = [Grouping("g", pd.Series(["x", "y"] * 30))]
    statistics = FEW.model_copy(update={"estimand": estimand})
    sides = systems["a"], systems["b"]
    document = compare(*sides, groupings, systems=("a", "b"), statistics=statistics, min_speakers=5)
    found = with_details(document, systems, groupings, covariates={}, statistics=statistics)
    assert found.overall.before != pytest.approx(found.overall.other.before, rel=0.1)
    cohorts = {one.cohort: one for one in found.groupings[0].cohorts}
    for row in found.side_by_side.rows:
        figures = cohorts[row.cohort] if row.grouping else found.overall
        assert [one.rate for one in row.rates] == pytest.approx([figures.before, figures.after])
        sums = [one.substitutions + one.deletions + one.insertions for one in figures.kinds]
        assert sums == pytest.approx([figures.before, figures.after])
    p = {}
    for name, rows in (("weighted", systems["a"]), ("alike", systems["a"].drop(columns="weight"))):
        p[name] = omnibus(sums_by_cohort(pair_utterances(rows), groupings[0].cohorts), statistics).p
    assert found.groupings[0].omnibus.p == p["weighted" if estimand == "population" else "alike"]
    assert p["weighted"] != p["alike"]


def test_a_cohort_that_is_worse_only_by_its_region_is_not_worse_within_regions():
    rng = np.random.default_rng(5)
    region = np.array(["north"] * 80 + ["south"] * 80)
    gender = np.where(rng.random(160) < np.where(region == "north", 0.8, 0.2), "f", "m")
    rows = table(gammas(rng, np.where(region == "north", 0.3, 0.1), 160), [f"s{i}" for i in range(160)], 200)
    found = adjusted_ratios(rows, pd.Series(gender), {"region": pd.Series(region, dtype="str")}, ["f", "m"], FEW)
    plain = adjusted_ratios(rows, pd.Series(gender), {}, ["f"], FEW)
    assert plain["f"].ratio > 1.4 and plain["f"].ci95[0] > 1
    assert found["f"].ci95[0] < 1 < found["f"].ci95[1] and found["f"].ratio == pytest.approx(1 / found["m"].ratio)
    design = np.column_stack([np.ones(160), gender == "f", region == "south"]).astype(float)
    fit = sm.GLM(rows["substitutions"], design, family=sm.families.Poisson(), offset=np.log(rows["words"])).fit()
    assert found["f"].ratio == pytest.approx(np.exp(fit.params.iloc[1]))
    assert adjusted_ratios(rows, pd.Series(region), {"region": pd.Series(region, dtype="str")}, ["north"], FEW) == {
        "north": None
    }


def test_one_test_finds_many_small_cohorts_that_differ_and_keeps_its_level_where_none_do():
    def p(seed, spread):
        rng = np.random.default_rng(seed)
        rate = 0.1 * np.exp(spread * rng.standard_normal(40)).repeat(4)
        rows = table(gammas(rng, rate, 160), [f"s{i}" for i in range(160)], 200)
        cohorts = pd.Series([f"c{i // 4}" for i in range(160)])
        return omnibus(sums_by_cohort(pair_utterances(rows), cohorts), FEW).p

    assert np.mean([p(seed, 0.6) <= 0.05 for seed in range(5)]) == 1
    assert sum(p(seed, 0.0) <= 0.05 for seed in range(40)) <= stats.binom.ppf(0.999, 40, 0.05)


def test_insertions_of_speakers_without_words_do_not_make_cohorts_differ():
    """Two speakers of whom nothing was said have no error rate, whatever a system puts into their silence."""
    rng = np.random.default_rng(6)
    rows = table(gammas(rng, 0.1, 40), [f"s{i}" for i in range(40)], 200)
    cohorts = pd.Series([f"c{i // 2}" for i in range(40)])
    silent = table([3, 2], ["silent", "still"], 0)
    both, named = pd.concat([rows, silent], ignore_index=True), pd.concat([cohorts, pd.Series(["z", "z"])])
    both["utterance_id"] = range(42)
    with_silent = omnibus(sums_by_cohort(pair_utterances(both), named.reset_index(drop=True)), FEW)
    assert with_silent == omnibus(sums_by_cohort(pair_utterances(rows), cohorts), FEW)


def test_kinds_are_shares_of_the_reference_words_and_loops_are_counted():
    rows = pd.DataFrame(
        {
            "words": [10, 4, 6],
            "substitutions": [1, 0, 0],
            "deletions": [0, 1, 0],
            "insertions": [0, 9, 3],
            "weight": [2.0, 1.0, 1.0],
        }
    )
    found = kinds_of({"a": rows}, pd.Series(["x", "x", "y"]))
    (x,), (y,) = found["x"], found["y"]
    assert (x.substitutions, x.deletions, x.insertions) == pytest.approx((2 / 24, 1 / 24, 9 / 24))
    assert x.runaway == pytest.approx(1 / 3) and y.runaway == 0.0
    assert kinds_of({"a": rows.drop(columns="insertions").assign(errors=1)}, pd.Series(["x"] * 3)) == {"x": []}
