from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.config import AtlasParams
from isogloss.corpus.atlas.build import draw_corpus
from isogloss.corpus.atlas.sampling import largest_remainder, plan_splits
from isogloss.errors import ParamsError
from isogloss.geography import contains


@pytest.fixture(scope="module")
def drawn(description):
    return draw_corpus(AtlasParams(), 1, description)


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


def test_train_and_adapt_follow_the_population(drawn, description):
    speakers, _ = drawn
    for split, size in (("train", AtlasParams().train_speakers), ("adapt", AtlasParams().adapt_speakers)):
        of_split = speakers[speakers["split"] == split]
        counts = of_split["dialect"].value_counts()
        assert len(of_split) == size
        for name, dialect in description.dialects.items():
            assert abs(counts[name] - size * dialect.share) < 1
            assert counts[name] >= 2


def test_discovery_dev_and_test_follow_the_population_but_top_up_its_rare_dialects(drawn, description):
    speakers, _ = drawn
    for split, size, least in (("discovery", 240, 30), ("dev", 60, 6), ("test", 240, 30)):
        counts = speakers[speakers["split"] == split]["dialect"].value_counts()
        for name, dialect in description.dialects.items():
            assert counts[name] >= least
            assert counts[name] == least or abs(counts[name] - size * dialect.share) <= 0.5


def test_weights_make_every_split_the_population(drawn, description):
    speakers, _ = drawn
    for _, of_split in speakers.groupby("split"):
        assert of_split["weight"].mean() == pytest.approx(1.0)
        weighted = of_split.groupby("dialect")["weight"].sum() / of_split["weight"].sum()
        for name, dialect in description.dialects.items():
            assert weighted[name] == pytest.approx(dialect.share)


def test_a_split_too_small_for_its_dialects_is_refused(description):
    with pytest.raises(ParamsError, match=r"atlas\.adapt_speakers is 19, but must be at least 20"):
        plan_splits(AtlasParams(adapt_speakers=19), description)


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
