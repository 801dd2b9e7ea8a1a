"""All groupings of a verifier together: what follows from their document is about no few speakers."""

import json

import numpy as np
import pandas as pd
import pytest

from isogloss.config import StatisticsParams
from isogloss.judging.verification.study import compare_groupings

FEW = 5


def grouped(table, *, split, regions, genders):
    """The trials with groups of both sides; speakers of another split are others."""
    table = table.copy()
    for side in ("enrol", "test"):
        number = table[f"{side}_speaker"].str[1:].astype(int)
        table[f"{side}_speaker"] = split + table[f"{side}_speaker"]
        table[f"{side}_gender"] = np.array(genders)[number]
        table[f"{side}_region"] = np.array(regions)[number]
    return table.assign(score_before=table["score"] - 0.2 * table["target"])


def sides_of_both(simulate, *, test, discovery):
    """Trials of test and of discovery, whose regions and genders are given for 40 speakers each."""
    return [
        grouped(simulate(speakers=40, seed=seed), split=split, regions=one[0], genders=one[1])
        for seed, (split, one) in enumerate((("t", test), ("d", discovery)))
    ]


def compared(simulate, *, test, discovery, weights=None, estimand="population"):
    """`test` and `discovery` are regions and genders of 40 speakers each."""
    sides = sides_of_both(simulate, test=test, discovery=discovery)
    statistics = StatisticsParams(resamples=200, min_speakers=10, estimand=estimand)
    options = {"system": "arw", "min_speakers": FEW, "weights": weights, "seeds": {}, "statistics": statistics}
    result = compare_groupings(*sides, {"gender": {}, "region": {}}, **options)
    content = result.content()
    json.dumps(content, allow_nan=False)
    return {one["name"]: {c["cohort"]: c for c in one["cohorts"]} for one in content["groupings"]}


MEN = ["m"] * 20 + ["f"] * 20
NORTH = ["north"] * 19 + ["south"] * 21
FAR_APART = ["north"] * 10 + ["south"] * 10 + ["north"] * 10 + ["south"] * 10


def test_two_groupings_do_not_give_away_their_difference(simulate):
    """19 of 20 men are of the north: men less northerners is one speaker."""
    found = compared(simulate, test=(NORTH, MEN), discovery=(FAR_APART, MEN))
    speakers = {name: {cohort: one["speakers"] for cohort, one in cohorts.items()} for name, cohorts in found.items()}
    assert speakers["gender"] == {"m": 20, "f": 20} or speakers["region"] == {"north": 19, "south": 21}
    assert [len(cohorts) for cohorts in found.values()].count(0) == 1


def test_nothing_is_hidden_where_nothing_follows(simulate):
    found = compared(simulate, test=(FAR_APART, MEN), discovery=(FAR_APART, MEN))
    assert {name: set(cohorts) for name, cohorts in found.items()} == {
        "gender": {"m", "f"},
        "region": {"north", "south"},
    }
    assert all(c["discovery"] is not None for cohorts in found.values() for c in cohorts.values())


@pytest.mark.parametrize("estimand", ["population", "speakers"])
def test_cohorts_are_ranked_by_the_estimand_by_which_they_are_judged(simulate, eer_by_counting, estimand):
    """A target weighs as its speaker, a non-target as the product of its two."""
    names = [f"{split}s{number:03d}" for split in "td" for number in range(40)]
    weights = pd.Series(np.random.default_rng(4).choice([0.05, 1.0, 6.0], size=80), index=names)
    _, discovery = sides_of_both(simulate, test=(FAR_APART, MEN), discovery=(FAR_APART, MEN))
    given = {"test": (FAR_APART, MEN), "discovery": (FAR_APART, MEN), "weights": weights, "estimand": estimand}
    for cohort, figures in compared(simulate, **given)["gender"].items():
        within = discovery[(discovery["enrol_gender"] == cohort) & (discovery["test_gender"] == cohort)]
        target = within["target"].to_numpy()
        of_enrol, of_test = (within[f"{side}_speaker"].map(weights).to_numpy() for side in ("enrol", "test"))
        weight = np.where(target, of_enrol, of_enrol * of_test) if estimand == "population" else np.ones(len(within))
        scores = within["score_before"].to_numpy()
        assert figures["discovery"] == pytest.approx(eer_by_counting(scores, target, weight))


@pytest.mark.parametrize("few", [4, 5])
def test_a_figure_of_discovery_is_of_speakers_enough(simulate, few):
    early = (["north"] * few + ["south"] * (20 - few)) + ["east"] * 20
    late = ["north"] * 10 + ["south"] * 10 + ["east"] * 20
    men = ["m", "f"] * 20
    region = compared(simulate, test=(late, men), discovery=(early, men))["region"]
    assert set(region) == {"north", "south", "east"}
    assert (region["north"]["discovery"] is not None) == (few == FEW)
    assert {c["discovery_rank"] for c in region.values()} == {1, 2, 3}


def test_the_merged_cohort_has_no_figure_of_discovery_even_where_a_cohort_bears_its_name(simulate):
    late = ["a"] * 3 + ["b"] * 3 + ["c"] * 34
    early = ["other"] * 10 + ["a"] * 10 + ["c"] * 20
    men = ["m", "f"] * 20
    region = compared(simulate, test=(late, men), discovery=(early, men))["region"]
    assert region["other"]["merged"] and region["other"]["discovery"] is None
