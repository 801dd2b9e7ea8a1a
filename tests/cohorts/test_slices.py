"""Slices: planted ones are found, none where nothing is planted, each statistic as statsmodels has it."""

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import t

from isogloss.cohorts.rule import UNSPECIFIED
from isogloss.cohorts.slice_search import Rows, conditions_of, one_sided_p
from isogloss.cohorts.slices import Slices


def country(seed, rates=lambda table: 0.1, speakers=300):
    """Three utterances of each speaker: two attributes of the speaker, two measures of the utterance, errors."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(speakers), 3)
    table = pd.DataFrame(
        {
            "speaker": who,
            "gender": np.array(["f", "m"])[rng.integers(2, size=speakers)][who],
            "band": np.array(["18-24", "25-44", "45-64", "65+"])[rng.integers(4, size=speakers)][who],
            "snr_db": rng.uniform(0, 40, len(who)),
            "duration_s": rng.gamma(4, 1, len(who)),
        }
    )
    words = rng.integers(4, 12, len(who))
    errors = rng.poisson(rates(table) * words * rng.gamma(4, 1 / 4, speakers)[who])
    return table, errors / words, words


def fitted(table, rate, words, **options):
    X = table.drop(columns="speaker")
    return Slices(min_speakers=20, min_words=50, **options).fit(X, rate, sample_weight=words, groups=table["speaker"])


def planted(table):
    """Old speakers in noise are failed, nobody else."""
    return np.where((table["band"] == "65+") & (table["snr_db"] <= 20), 0.4, 0.1)


def test_a_planted_combination_is_found_and_holds_for_other_speakers():
    table, rate, words = country(1, planted)
    rule = fitted(table, rate, words)
    assert rule.label("slice-01").startswith("band = 65+, snr_db at most ")
    assert rule.slices_[0].searched > 100 and rule.slices_[0].p * rule.slices_[0].searched < 1e-4
    others, rate, words = country(2, planted)
    cohort = rule.predict(others.drop(columns="speaker"))
    inside = cohort == "slice-01"
    truth = (others["band"] == "65+") & (others["snr_db"] <= 20)
    assert (inside & truth).sum() > 0.85 * max(inside.sum(), truth.sum())
    assert np.average(rate[inside], weights=words[inside]) > 0.3


def test_where_nothing_is_planted_hardly_anything_is_found():
    found = [len(fitted(*country(100 + seed, speakers=150)).slices_) for seed in range(25)]
    assert sum(number > 0 for number in found) <= 4  # of 25 at a level of 5 %: more has a probability of 0.7 %


def test_further_slices_are_found_among_the_rest():
    def rates(table):
        return np.where(table["gender"] == "f", 0.3, np.where(table["duration_s"] > 4, 0.25, 0.08))

    table, rate, words = country(3, rates)
    rule = fitted(table, rate, words, max_conditions=1)
    assert rule.label("slice-01") == "gender = f"
    assert rule.label("slice-02").startswith("duration_s above ")
    cohort = rule.predict(table.drop(columns="speaker"))
    assert set(cohort[table["gender"] == "f"]) == {"slice-01"}  # the first slice that holds a row has it


def test_the_statistic_is_that_of_a_regression_with_errors_clustered_by_speaker():
    table, rate, words = country(4, planted, speakers=80)
    inside = (table["snr_db"] <= 20).to_numpy()
    rows = Rows({}, rate * words, words.astype(float), table["speaker"].to_numpy(), np.ones(80))
    p = one_sided_p(rows, inside, np.ones(len(rate), bool), min_speakers=1, min_words=1)
    design = sm.add_constant(inside.astype(float))
    fit = sm.WLS(rate, design, weights=words).fit(
        cov_type="cluster", cov_kwds={"groups": table["speaker"], "use_correction": False}
    )
    weight = [np.bincount(table["speaker"][side], words[side], minlength=80) for side in (inside, ~inside)]
    freedom = min(w.sum() ** 2 / (w**2).sum() for w in weight) - 1
    assert p == pytest.approx(t.sf(fit.tvalues[1], freedom), rel=1e-6)


def test_conditions_are_values_of_attributes_and_quartiles_of_measures():
    columns = {
        "device": np.array(["phone", "car", None, "phone"], dtype=object),
        "same": np.array(["x"] * 4, dtype=object),
        "snr_db": np.array([0.0, 10.0, 20.0, np.nan]),
    }
    said = [(c.column, c.kind, c.value) for c in conditions_of(columns)]
    assert [one for one in said if one[0] == "device"] == [("device", "is", "car"), ("device", "is", "phone")]
    assert [one[2] for one in said if one[0] == "snr_db"] == [5.0, 5.0, 10.0, 10.0, 15.0, 15.0]
    assert not [one for one in said if one[0] == "same"]
    held = next(c for c in conditions_of(columns) if c.kind == "at_most").holds(columns["snr_db"])
    assert held.tolist() == [True, False, False, False]  # what is unknown fulfils no condition


def test_a_written_rule_predicts_the_same_and_unknown_rows_are_unspecified():
    table, rate, words = country(1, planted)
    rule = fitted(table, rate, words)
    again = Slices.from_json(json.loads(json.dumps(rule.to_json())))
    X = table.drop(columns="speaker").assign(band=lambda x: x["band"].astype(object))
    X.loc[0] = [None, None, np.nan, np.nan]
    assert again.predict(X).tolist() == rule.predict(X).tolist()
    assert again.predict(X)[0] == UNSPECIFIED
    assert again.to_json() == rule.to_json()


def test_slices_of_few_effective_speakers_are_not_tried():
    table, rate, words = country(5, lambda table: np.where(table["speaker"] < 10, 0.9, 0.05))
    table = table.assign(band=np.where(table["speaker"] < 10, "few", "many"))
    assert not [s for s in fitted(table, rate, words).slices_ if "few" in [c.value for c in s.conditions]]


def test_effective_speakers_count_by_their_weights():
    table, rate, words = country(6, lambda table: np.where(table["gender"] == "f", 0.4, 0.1), speakers=80)
    X, women = table[["gender"]], table["gender"] == "f"
    even = Slices(min_speakers=20, min_words=50).fit(X, rate, words, table["speaker"])
    assert even.label("slice-01") == "gender = f"
    heavy = np.where(women & (table["speaker"] < 4), 100.0, 1.0)  # a few women have nearly all the weight
    few = Slices(min_speakers=20, min_words=50).fit(X, rate, words, table["speaker"], speaker_weight=heavy)
    assert not few.slices_


def test_equal_error_rates_are_no_slice():
    """One error in ten words everywhere; without a bound on rounding, five slices were found, the first with 8e-18."""
    table, *_ = country(1)
    words = 10 * np.random.default_rng(1).integers(1, 4, len(table))
    assert fitted(table, np.full(len(table), 0.1), words).slices_ == []
