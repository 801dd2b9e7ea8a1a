import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from isogloss.cohorts.geographic import GeographicTree
from isogloss.cohorts.rule import UNSPECIFIED
from isogloss.errors import TableError
from isogloss.judging.statistics import effective_speakers

POSITIONS = ["latitude", "longitude"]


def rates(table):
    return (table["substitutions"] / table["words"]).to_numpy()


def fit(tree, table):
    return tree.fit(table[POSITIONS], rates(table), table["words"], groups=table["speaker_id"])


def reduction(y, weight, cohorts):
    """Reduction of the weighted squared error of y by the means of cohorts."""
    codes = pd.factorize(cohorts)[0]
    means = (np.bincount(codes, weight * y) / np.bincount(codes, weight))[codes]
    whole = np.average(y, weights=weight)
    return (weight * (y - whole) ** 2).sum() - (weight * (y - means) ** 2).sum()


def largest_gain(X, y, weight, speakers, min_speakers, min_words):
    """The best admissible reduction of one split, by trying each."""
    best = 0.0
    for axis in (0, 1):
        for value in np.unique(X[:, axis])[:-1]:
            below = X[:, axis] <= value
            sides = [below, ~below]
            if min(len(set(speakers[side])) for side in sides) < min_speakers:
                continue
            if min(weight[side].sum() for side in sides) < min_words:
                continue
            best = max(best, reduction(y, weight, below))
    return best


@st.composite
def small_corpora(draw):
    rows = draw(st.integers(2, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    distinct = draw(st.integers(1, 12))
    X = rng.integers(-distinct, distinct + 1, (rows, 2)) / 3.0
    weight = rng.integers(1, 9, rows).astype(float)
    speakers = rng.integers(0, draw(st.integers(1, 20)), rows)
    X = X[speakers % rows]  # a position a speaker
    return X, rng.integers(0, 4, rows) / 3.0, weight, speakers, draw(st.integers(1, 6)), draw(st.integers(0, 40))


@given(small_corpora())
@settings(max_examples=150, deadline=None)
def test_the_first_split_is_the_best_of_all_admissible_ones(corpus):
    X, y, weight, speakers, min_speakers, min_words = corpus
    tree = GeographicTree(max_leaves=2, min_speakers=min_speakers, min_words=min_words)
    cohorts = tree.fit(X, y, weight, groups=speakers).predict(X)
    best = largest_gain(X, y, weight, speakers, min_speakers, min_words)
    assert reduction(y, weight, cohorts) == pytest.approx(best, abs=1e-9)


@given(small_corpora())
@settings(max_examples=100, deadline=None)
def test_every_leaf_has_the_speakers_and_words_that_were_asked_for(corpus):
    X, y, weight, speakers, min_speakers, min_words = corpus
    tree = GeographicTree(max_leaves=9, min_speakers=min_speakers, min_words=min_words)
    cohorts = tree.fit(X, y, weight, groups=speakers).predict(X)
    for leaf in tree.leaves_:
        mine = cohorts == leaf["cohort"]
        assert leaf["speakers"] == len(set(speakers[mine]))
        assert leaf["words"] == pytest.approx(weight[mine].sum())
        assert leaf["wer"] == pytest.approx(np.average(y[mine], weights=weight[mine]))
        if len(tree.leaves_) > 1:
            assert leaf["speakers"] >= min_speakers and leaf["words"] >= min_words


def best_splits_by_hand(X, y, weight, *, leaves, min_speakers, min_words):
    """The leaf of each row (a speaker each) of a tree that always takes the best split of all leaves."""

    def best(rows):
        found = (0.0, None)
        for axis in (0, 1):
            order = rows[np.argsort(X[rows, axis], kind="stable")]
            words, errors = np.cumsum(weight[order]), np.cumsum(weight[order] * y[order])
            for k in np.flatnonzero(np.diff(X[order, axis])):
                above, fewest = words[-1] - words[k], min(k + 1, len(order) - k - 1)
                if fewest < min_speakers or min(words[k], above) < min_words:
                    continue
                gap = errors[k] / words[k] - (errors[-1] - errors[k]) / above
                gain = words[k] * above / words[-1] * gap**2
                if gain > found[0]:
                    found = (gain, (order[: k + 1], order[k + 1 :]))
        return found

    parts = [np.arange(len(X))]
    splits = [best(parts[0])]
    while len(parts) < leaves and max(gain for gain, _ in splits) > 0:
        number = max(range(len(parts)), key=lambda i: splits[i][0])
        sides = splits[number][1]
        parts[number : number + 1] = sides
        splits[number : number + 1] = [best(side) for side in sides]
    cohorts = np.empty(len(X), dtype=int)
    for number, rows in enumerate(parts):
        cohorts[rows] = number
    return cohorts


@pytest.mark.parametrize(("min_speakers", "min_words"), [(30, 0), (10, 400.0), (1, 300.0)])
def test_a_whole_tree_is_the_one_that_takes_the_best_split_each_time(min_speakers, min_words):
    rng = np.random.default_rng(5)
    rows = 1500
    X = np.column_stack([rng.normal(38, 5, rows), rng.normal(-95, 12, rows)])
    X[: rows // 4] = X[: rows // 4].round(1)
    # Speakers of one street: single precision would put them at one place.
    X[-rows // 4 :] = X[rows // 4 : rows // 2] + 1e-7 * rng.normal(size=(rows // 4 + 1, 2))[: rows // 4]
    weight = rng.integers(3, 60, rows).astype(float)
    rate = 0.2 + 0.1 * np.sin(X[:, 0] / 3) + 0.1 * np.cos(X[:, 1] / 7)
    y = rng.binomial(weight.astype(int), np.clip(rate, 0, 1)) / weight
    least = {"min_speakers": min_speakers, "min_words": min_words}
    tree = GeographicTree(max_leaves=30, **least).fit(X, y, weight)
    assert len(tree.leaves_) == 30
    assert adjusted_rand_score(best_splits_by_hand(X, y, weight, leaves=30, **least), tree.predict(X)) == 1.0


def test_least_words_that_are_just_reached_are_enough():
    X, y = [[30.0, 0.0], [40.0, 0.0], [50.0, 0.0]], [0.1, 0.5, 0.5]
    for words, leaves in ((0.7, 2), (0.7000001, 1)):
        tree = GeographicTree(max_leaves=3, min_speakers=1, min_words=words).fit(X, y, [0.7, 0.35, 0.35])
        assert len(tree.leaves_) == leaves


def test_regions_of_one_error_rate_are_not_split():
    X = np.random.default_rng(0).uniform(-9, 9, (200, 2))
    for y in (np.zeros(200), np.full(200, 0.3)):
        assert len(GeographicTree(min_speakers=1, min_words=0).fit(X, y).leaves_) == 1


def test_a_speaker_with_several_positions_stands_at_their_mean_weighted_by_words(country):
    """Utterances of a speaker lie around home; those with twice the words lie half as far from it, opposite."""
    first, second = country.copy(), country.copy()
    shift = np.random.default_rng(3).normal(0, 2, (country["speaker_id"].nunique(), 2))
    shift = shift[pd.factorize(country["speaker_id"])[0]]
    first[POSITIONS] += shift
    second[POSITIONS] -= shift / 2
    for column in ("words", "substitutions"):
        second[column] *= 2
    whole = country.assign(words=3 * country["words"], substitutions=3 * country["substitutions"])
    tree = fit(GeographicTree(min_speakers=8, min_words=50), pd.concat([first, second]))
    home = fit(GeographicTree(min_speakers=8, min_words=50), whole)
    assert len(tree.leaves_) > 3
    for ours, expected in zip(tree.leaves_, home.leaves_, strict=True):
        assert (ours["speakers"], ours["words"]) == (expected["speakers"], expected["words"])
    assert [n.get("threshold", 0.0) for n in tree.nodes_] == pytest.approx(
        [n.get("threshold", 0.0) for n in home.nodes_], abs=1e-9
    )


def test_planted_rectangles_are_recovered():
    rng = np.random.default_rng(2)
    X = np.column_stack([rng.uniform(25, 49, 3000), rng.uniform(-120, -70, 3000)])
    planted = np.where(X[:, 0] > 40, 0, np.where(X[:, 1] < -100, 1, np.where(X[:, 0] < 31, 2, 3)))
    y = rng.binomial(20, np.array([0.05, 0.4, 0.25, 0.12])[planted]) / 20
    tree = GeographicTree(max_leaves=4, min_speakers=20, min_words=100)
    cohorts = tree.fit(X, y, np.full(3000, 20.0)).predict(X)
    assert adjusted_rand_score(planted, cohorts) > 0.95
    assert sorted(leaf["colour_class"] for leaf in tree.leaves_) == [0, 1, 2, 3]


def test_with_alpha_a_country_without_disparity_is_rarely_split(make_country):
    split = [
        len(fit(GeographicTree(min_speakers=5, min_words=20, alpha=0.1, random_state=seed), table).leaves_) > 1
        for seed in range(40)
        for table in [make_country(speakers=60, seed=seed, disparity=0.0)]
    ]
    # 40 draws with probability 0.1 exceed 9 once in a hundred times.
    assert sum(split) <= 9


def test_with_alpha_a_planted_disparity_is_split_and_noise_is_not_split_further(country):
    tree = fit(GeographicTree(min_speakers=10, min_words=100, alpha=0.01), country)
    assert 3 <= len(tree.leaves_) <= 5
    assert adjusted_rand_score(country["southwest"], tree.predict(country[POSITIONS]) == worst(tree)) > 0.9


def worst(tree):
    return max(tree.leaves_, key=lambda leaf: leaf["wer"])["cohort"]


def test_rows_without_position_are_unspecified_and_change_nothing_else(country):
    expected = fit(GeographicTree(min_speakers=8), country)
    unknown = country.assign(latitude=np.where(np.arange(len(country)) % 2, np.nan, country["latitude"]))
    unknown["substitutions"] = unknown["words"]
    tree = fit(GeographicTree(min_speakers=8), pd.concat([country, unknown[unknown["latitude"].isna()]]))
    assert tree.nodes_ == expected.nodes_
    assert set(tree.predict(unknown.loc[unknown["latitude"].isna(), POSITIONS])) == {UNSPECIFIED}


def test_without_any_position_everybody_is_unspecified():
    tree = GeographicTree().fit([[np.nan, 1.0], [2.0, np.nan]], [0.1, 0.2])
    assert tree.predict([[1.0, 1.0], [np.nan, np.nan]]).tolist() == [UNSPECIFIED] * 2
    assert tree.leaves_ == []


def test_a_written_tree_predicts_and_describes_the_same(country):
    tree = fit(GeographicTree(min_speakers=8, min_words=50, alpha=0.3), country)
    again = GeographicTree.from_json(json.loads(json.dumps(tree.to_json())))
    positions = np.random.default_rng(0).uniform([20, -130], [55, -60], (500, 2))
    with np.errstate(all="raise"):
        frame = pd.DataFrame(positions, columns=POSITIONS)
        assert again.predict(frame).tolist() == tree.predict(frame).tolist()
    for leaf in tree.leaves_:
        assert again.label(leaf["cohort"]) == tree.label(leaf["cohort"])
        assert again.geometry(leaf["cohort"]) == tree.geometry(leaf["cohort"])
    assert again.to_json() == tree.to_json()


@pytest.mark.parametrize("content", [[], {}, {"rule": "attribute"}, {"rule": "geographic", "params": {}}])
def test_what_is_no_tree_is_refused(content):
    with pytest.raises(TableError, match="discover it anew"):
        GeographicTree.from_json(content)


def test_rectangles_tile_the_outline_and_hold_their_members(country):
    tree = fit(GeographicTree(min_speakers=8, min_words=50), country)
    rectangles = np.array([leaf["rectangle"] for leaf in tree.leaves_])
    south, west, north, east = rectangles.T
    outline = (north.max() - south.min()) * (east.max() - west.min())
    assert ((north - south) * (east - west)).sum() == pytest.approx(outline)
    cohorts = tree.predict(country[POSITIONS])
    for leaf in tree.leaves_:
        mine = country[cohorts == leaf["cohort"]]
        s, w, n, e = leaf["rectangle"]
        assert mine["latitude"].between(s, n).all() and mine["longitude"].between(w, e).all()


def test_the_outline_tells_no_position_of_a_speaker():
    tree = GeographicTree(min_speakers=1).fit([[31.23456, -97.65432], [44.4321, -80.1234]], [0.1, 0.1])
    assert tree.leaves_[0]["rectangle"] == (31.2, -97.7, 44.5, -80.1)


def test_the_order_of_rows_does_not_matter(country):
    shuffled = country.sample(frac=1, random_state=1)
    assert fit(GeographicTree(min_speakers=8), country).nodes_ == fit(GeographicTree(min_speakers=8), shuffled).nodes_


@pytest.mark.parametrize(
    ("options", "message"),
    [({"max_leaves": 0}, "at least 1"), ({"min_words": -1}, "at least 0"), ({"alpha": 1.5}, "between 0 and 1")],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GeographicTree(**options).fit([[0, 0], [1, 1]], [0, 1])


@pytest.mark.parametrize(
    ("weights", "message"), [([1], "shape"), ([1, -1], "not negative"), ([1, np.nan], "finite"), ([0, 0], "zero")]
)
def test_unusable_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        GeographicTree().fit([[0, 0], [1, 1]], [0, 1], sample_weight=weights)


@pytest.mark.parametrize(("groups", "message"), [(["a"], "shape"), (["a", None], "speaker of every row")])
def test_unusable_speakers_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        GeographicTree().fit([[0, 0], [1, 1]], [0, 1], groups=groups)


def test_leaves_count_effective_speakers():
    """A best split that leaves 30 heads but 12 effective speakers gives way to one with enough on both sides."""
    rng = np.random.default_rng(2)
    positions = np.column_stack([rng.uniform(30, 40, 400), rng.uniform(-100, -90, 400)])
    south = positions[:, 0] < np.sort(positions[:, 0])[30]
    rate = np.where(south, 0.5, 0.1) + rng.normal(0, 0.02, 400)
    weight = np.where(south, np.where(np.cumsum(south) <= 6, 5.0, 0.5), 1.0)
    options = {"max_leaves": 2, "min_speakers": 20, "min_words": 1}
    heads, counted = (
        GeographicTree(**options).fit(positions, rate, speaker_weight=weights) for weights in (None, weight)
    )
    assert heads.leaves_[0]["speakers"] == 30
    numbers = [int(name[-3:]) for name in counted.predict(positions)]
    sizes = [effective_speakers(weight[np.array(numbers) == number]) for number in (1, 2)]
    assert min(sizes) >= 20 and len(counted.leaves_) == 2
    alike = GeographicTree(**options).fit(positions, rate, speaker_weight=np.full(400, 0.3))
    assert alike.to_json() == heads.to_json()


def test_a_speaker_on_both_sides_of_the_antimeridian_is_placed_there():
    """Fiji lies at 180 degrees; the plain mean of the two longitudes is that of Ghana."""
    positions = [[-18.0, 179.9], [-18.0, -179.8], [7.0, -1.0], [8.0, -2.0]]
    tree = GeographicTree(max_leaves=2, min_speakers=1, min_words=1)
    tree.fit(positions, [0.9, 0.9, 0.1, 0.1], [1, 3, 1, 1], groups=["fiji", "fiji", "ghana 1", "ghana 2"])
    west = tree.predict([[-18.0, -179.9]])
    assert [leaf["wer"] for leaf in tree.leaves_ if leaf["cohort"] == west] == pytest.approx([0.9])
    assert tree.predict([[7.0, -1.0]]) != west


def test_a_thousand_leaves_have_one_name_each():
    """Sorted as text, geo-1000 comes before geo-101."""
    rng = np.random.default_rng(1)
    tree = GeographicTree(max_leaves=1100, min_speakers=1, min_words=1)
    tree.fit(rng.uniform(-80, 80, (3000, 2)), rng.uniform(size=3000))
    assert [leaf["cohort"] for leaf in tree.leaves_] == [f"geo-{number:03d}" for number in range(1, 1101)]
    assert {node["cohort"] for node in tree.nodes_ if "cohort" in node} == {leaf["cohort"] for leaf in tree.leaves_}


def test_of_two_regions_the_one_with_the_larger_gain_is_split_though_it_had_to_be_searched_again():
    """Gains of a region that was searched again were relative to its own error rate, those of others to the map's."""
    number = np.arange(200)
    west = np.where(number < 25, 0.1, 0.7)  # its best split leaves 18.8 effective speakers, the next one enough
    east = np.where(number < 100, 0.05, 0.35)
    weight = np.concatenate([np.where(number < 5, 3.0, 1.0), np.ones(200)])
    positions = np.column_stack([np.full(400, 40.0), np.concatenate([number - 201, number + 1]) / 4])
    tree = GeographicTree(max_leaves=3, min_speakers=24, min_words=1)
    tree.fit(positions, np.concatenate([west, east]), speaker_weight=weight)
    found = tree.predict(positions)
    assert len(set(found[:200])) == 2 and len(set(found[200:])) == 1
    gains = [33 * 167 / 200 * ((25 * 0.1 + 8 * 0.7) / 33 - 0.7) ** 2, 100 * 100 / 200 * (0.05 - 0.35) ** 2]
    assert gains[0] > gains[1]
