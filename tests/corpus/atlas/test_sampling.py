from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.config import AtlasParams
from isogloss.corpus.atlas.build import draw_corpus
from isogloss.corpus.atlas.sampling import largest_remainder, plan_train, population_size, systematic_sample
from isogloss.errors import ParamsError
from isogloss.geography import contains

SURVEYS = ("adapt", "discovery", "dev", "test")


@pytest.fixture(scope="module")
def drawn(description):
    return draw_corpus(AtlasParams(), 1, description)


@pytest.fixture(scope="module")
def natural(description):
    return draw_corpus(AtlasParams(sampling="natural"), 1, description)[0]


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=12), st.integers(24, 500))
def test_largest_remainder_keeps_the_total_and_the_quota(parts, total):
    shares = {str(i): part / sum(parts) for i, part in enumerate(parts)}
    counts = largest_remainder(shares, total, at_least=0)
    assert sum(counts.values()) == total
    for name, part in zip(shares, parts, strict=True):
        assert abs(counts[name] - Fraction(part * total, sum(parts))) <= 1


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=12), st.integers(24, 500))
def test_nobody_gets_less_than_the_least(parts, total):
    counts = largest_remainder({str(i): p / sum(parts) for i, p in enumerate(parts)}, total, at_least=2)
    assert sum(counts.values()) == total
    assert min(counts.values()) >= 2


def test_a_textbook_apportionment():
    # Hamilton's method for 10 seats and quotas 4.17, 3.33, 1.67, 0.83: the seats left go to 0.83 and 1.67.
    votes = {"a": 25 / 60, "b": 20 / 60, "c": 10 / 60, "d": 5 / 60}
    assert largest_remainder(votes, 10, at_least=0) == {"a": 4, "b": 3, "c": 2, "d": 1}


def test_train_has_the_dialects_of_the_population(drawn, description):
    speakers, _ = drawn
    train = speakers[speakers["split"] == "train"]
    counts = train["dialect"].value_counts()
    assert len(train) == AtlasParams().train_speakers
    assert (train["weight"] == 1.0).all()
    for name, dialect in description.dialects.items():
        assert abs(counts[name] - len(train) * dialect.share) < 1
        assert counts[name] >= 2


def test_surveys_have_the_speakers_that_they_are_for(drawn, description):
    speakers, _ = drawn
    for split in SURVEYS:
        of_split = speakers[speakers["split"] == split]
        assert len(of_split) == getattr(AtlasParams(), f"{split}_speakers")
        assert of_split["weight"].mean() == pytest.approx(1.0)
        kish = of_split["weight"].sum() ** 2 / (of_split["weight"] ** 2).sum()
        assert kish > 0.6 * len(of_split)
    counts = pd.crosstab(speakers["dialect"], speakers["split"])
    rare = [name for name, dialect in description.dialects.items() if dialect.rare]
    assert counts.loc[rare, ["adapt", "discovery", "test"]].min().min() >= 25


def test_weights_make_every_survey_the_population(drawn, natural, description):
    # Chance decides who is drawn, so shares agree within their sampling error: of the four surveys together.
    speakers, _ = drawn
    surveyed = speakers[speakers["split"].isin(SURVEYS)]
    weighted = surveyed.groupby("dialect")["weight"].sum() / surveyed["weight"].sum()
    drawn_alike = natural[natural["split"].isin(SURVEYS)]["dialect"].value_counts(normalize=True)
    for name, dialect in description.dialects.items():
        error = np.sqrt(dialect.share * (1 - dialect.share) / (0.6 * len(surveyed)))
        assert abs(weighted[name] - dialect.share) < 4 * error, name
        assert abs(drawn_alike[name] - dialect.share) < 4 * error, name
    np.testing.assert_allclose(natural["weight"], 1.0)


def test_a_systematic_sample_has_the_chances_that_it_says():
    rng = np.random.default_rng(0)
    size_N = rng.gamma(1.0, size=40)
    size_N[7] = 100.0  # would have a chance above 1
    drawn_N, claimed_N = np.zeros(40), np.full(40, np.nan)
    for _ in range(4000):
        place_S, chance_S = systematic_sample(size_N, 6, rng)
        assert len(set(place_S)) == 6
        drawn_N[place_S] += 1 / 4000
        claimed_N[place_S] = chance_S
    seen_N = drawn_N > 0
    assert claimed_N[7] == 1.0 and drawn_N[7] == pytest.approx(1.0)
    others_N = seen_N & (np.arange(40) != 7)
    np.testing.assert_allclose(claimed_N[others_N], 5 * size_N[others_N] / np.delete(size_N, 7).sum())
    np.testing.assert_allclose(drawn_N[others_N], claimed_N[others_N], atol=4 * 0.5 / np.sqrt(4000))


def test_the_smallest_surveys_can_be_drawn(description):
    params = AtlasParams(train_speakers=20, adapt_speakers=1, discovery_speakers=1, dev_speakers=1, test_speakers=2)
    speakers, _ = draw_corpus(params, 1, description)
    assert speakers["split"].value_counts().to_dict() == {
        "train": 20, "test": 2, "adapt": 1, "discovery": 1, "dev": 1,
    }  # fmt: skip
    assert population_size(params, description) >= 40_000


def test_train_too_small_for_its_dialects_is_refused(description):
    with pytest.raises(ParamsError, match=r"atlas\.train_speakers is 19, but must be at least 20"):
        plan_train(AtlasParams(train_speakers=19), description)


def test_nobody_speaks_twice(drawn):
    speakers, _ = drawn
    assert speakers["speaker_id"].is_unique
    assert not speakers.duplicated(["latitude", "longitude", "age", "gender"]).any()


def test_ids_do_not_reveal_the_dialect_or_the_split(drawn):
    speakers, _ = drawn
    number = speakers["speaker_id"].str[1:].astype(int)
    for column in ("dialect", "split"):
        ranks = number.groupby(speakers[column]).mean()
        spread = len(speakers) / np.sqrt(12 * speakers[column].value_counts()[ranks.index])
        assert (abs(ranks - (len(speakers) + 1) / 2) < 4 * spread).all()


def test_speakers_live_in_the_country(drawn):
    speakers, zips = drawn
    assert contains(speakers["latitude"], speakers["longitude"]).all()
    assert contains(zips["latitude"], zips["longitude"]).all()


def test_age_bands_hold_their_ages(drawn):
    speakers, _ = drawn
    for band, ages in speakers.groupby("age_band")["age"]:
        low, _, high = str(band).replace("+", "-200").partition("-")
        assert ages.ge(int(low)).all()
        assert ages.lt(int(high) + 1).all()
    assert set(speakers["age_band"]) == {"18-24", "25-44", "45-64", "65+"}
