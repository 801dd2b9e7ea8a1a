import itertools
import json

import numpy as np
import pandas as pd
import pytest

from isogloss.cohorts.geodemographic import GeodemographicPartition


def make_zips(rng, rows):
    return pd.DataFrame(
        {
            "percent_black": rng.uniform(0, 100, rows).round(),
            "percent_hispanic": rng.uniform(0, 100, rows).round(),
            "median_age": rng.normal(40, 8, rows).round(1),
        }
    )


def make_corpus(disadvantaged, seed=0, rows=1200):
    rng = np.random.default_rng(seed)
    X = make_zips(rng, rows)
    words = rng.integers(3, 12, rows)
    rate = np.where(disadvantaged(X), 0.4, 0.1)
    return X, rng.binomial(words, rate) / words, words, np.arange(rows) // 4


def test_the_majority_attribute_that_matters_is_found():
    X, y, words, speakers = make_corpus(lambda X: X["percent_hispanic"] > 50)
    rule = GeodemographicPartition().fit(X, y, words, groups=speakers)
    cohorts = rule.predict(X)
    assert set(cohorts) == {"percent_hispanic>50", "others"}
    assert ((cohorts == "percent_hispanic>50") == (X["percent_hispanic"] > 50)).all()
    assert rule.label("percent_hispanic>50") == "ZIPs with percent hispanic above 50"
    assert rule.label("others") == "ZIPs with percent hispanic at most 50"


@pytest.mark.parametrize(
    "disadvantaged",
    [
        lambda X: (X["percent_black"] > 50) & (X["median_age"] <= X["median_age"].median()),
        lambda X: (X["percent_black"] > 50) | (X["percent_hispanic"] > 50),
    ],
    ids=["both", "either"],
)
def test_pairs_of_attributes_are_found(disadvantaged):
    X, y, words, speakers = make_corpus(disadvantaged)
    cohorts = GeodemographicPartition().fit(X, y, words, groups=speakers).predict(X)
    truth = disadvantaged(X)
    worse = max(set(cohorts), key=lambda cohort: y[cohorts == cohort].mean())
    assert ((cohorts == worse) == truth).mean() > 0.98
    single = GeodemographicPartition(pairs=False).fit(X, y, words, groups=speakers)
    assert len(single.conditions_) == 1


@pytest.mark.parametrize("seed", range(5))
def test_no_admissible_partition_is_better(seed):
    X, y, words, speakers = make_corpus(lambda X: X["median_age"] > 45, seed=seed, rows=200)
    least = 12
    rule = GeodemographicPartition(min_speakers=least, min_words=50).fit(X, y, words, groups=speakers)

    def reduction(mask):
        if min(len(set(speakers[side])) for side in (mask, ~mask)) < least:
            return 0.0
        whole = np.average(y, weights=words)
        return sum(words[s].sum() * (np.average(y[s], weights=words[s]) - whole) ** 2 for s in (mask, ~mask))

    order = np.argsort(X["median_age"].to_numpy(), kind="stable")
    median = X["median_age"].to_numpy()[order][np.searchsorted(np.cumsum(words[order]), words.sum() / 2)]
    sides = [X["percent_black"] > 50, X["percent_hispanic"] > 50, X["median_age"] > median]
    masks = [np.asarray(side) for side in sides]
    for one, other in itertools.combinations(masks, 2):
        masks = [*masks, one & other, one & ~other, ~one & other, ~one & ~other]
    chosen = rule.predict(X) == str(" & ".join(map(str, rule.conditions_)))
    assert reduction(chosen) == pytest.approx(max(map(reduction, masks)))


def test_unknown_zips_are_unspecified_and_do_not_decide():
    X, y, words, speakers = make_corpus(lambda X: X["percent_black"] > 50)
    unknown = pd.DataFrame(np.nan, X.index, X.columns)
    both = pd.concat([X, unknown], ignore_index=True)
    rule = GeodemographicPartition(attributes=list(X.columns))
    rule.fit(both, np.concatenate([y, np.ones(len(y))]), np.tile(words, 2), groups=np.tile(speakers, 2))
    expected = GeodemographicPartition(attributes=list(X.columns)).fit(X, y, words, groups=speakers)
    assert rule.conditions_ == expected.conditions_
    assert set(rule.predict(unknown)) == {"unspecified"}
    assert rule.label("unspecified") == "ZIP unknown"


def test_without_enough_speakers_on_both_sides_there_is_one_cohort():
    X, y, words, speakers = make_corpus(lambda X: X["percent_black"] > 50)
    rule = GeodemographicPartition(min_speakers=500).fit(X, y, words, groups=speakers)
    assert set(rule.predict(X)) == {"all"} and rule.label("all") == "all ZIPs"


def test_a_written_partition_predicts_the_same():
    X, y, words, speakers = make_corpus(lambda X: (X["percent_black"] > 50) & (X["median_age"] > 40))
    rule = GeodemographicPartition(attributes=list(X.columns)).fit(X, y, words, groups=speakers)
    again = GeodemographicPartition.from_json(json.loads(json.dumps(rule.to_json())))
    other = make_zips(np.random.default_rng(9), 300)
    assert again.predict(other).tolist() == rule.predict(other).tolist()
    assert again.to_json() == rule.to_json()
