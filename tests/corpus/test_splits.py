"""Splits of a corpus that brings none: disjoint speakers, full strata, and honest about what cannot be had."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.config import PrepareParams
from isogloss.corpus.splits import assign_splits, with_splits
from isogloss.errors import CorpusError


def corpus(strata: dict[str, int], utterances: int = 4) -> pd.DataFrame:
    rows = [
        {"utterance_id": f"{band}-{speaker}-{n}", "speaker_id": f"{band}-{speaker}", "age_band": band}
        for band, speakers in strata.items()
        for speaker in range(speakers)
        for n in range(utterances)
    ]
    return pd.DataFrame(rows)


def speakers_by_split(table, splits):
    return table.groupby(splits)["speaker_id"].agg(set)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), st.integers(10, 150), min_size=1), st.integers(0, 5))
def test_held_out_speakers_are_in_one_split_alone(strata, seed):
    table = corpus(strata)
    by_split = speakers_by_split(table, assign_splits(table, PrepareParams(seed=seed)))
    learnt = by_split["train"] | by_split["adapt"]
    assert not learnt & (by_split["discovery"] | by_split["dev"] | by_split["test"])
    assert not by_split["discovery"] & by_split["test"] and not by_split["dev"] & by_split["test"]
    assert not by_split["discovery"] & by_split["dev"]


def test_a_stratum_of_fifty_sends_twenty_to_test_and_a_small_one_two_fifths():
    table = corpus({"many": 200, "fifty": 50, "few": 10})
    test = speakers_by_split(table, assign_splits(table, PrepareParams()))["test"]
    count = lambda band: sum(speaker.startswith(band) for speaker in test)  # noqa: E731
    assert (count("many"), count("fifty"), count("few")) == (50, 20, 4)


def test_test_gets_the_share_that_was_asked_for_be_it_half():
    table = corpus({"many": 150, "some": 60, "few": 10})
    params = PrepareParams(test_share=0.5, discovery_share=0.06, dev_share=0.04, adapt_share=0.1)
    by_split = speakers_by_split(table, assign_splits(table, params))
    assert (len(by_split["test"]), len(by_split["discovery"]), len(by_split["dev"])) == (110, 14, 8)


def test_adapt_has_speakers_of_its_own_where_train_can_spare_them():
    table = corpus({"a": 1000})
    by_split = speakers_by_split(table, assign_splits(table, PrepareParams()))
    assert not by_split["adapt"] & by_split["train"]
    assert len(by_split["adapt"]) == 150


def test_adapt_shares_speakers_but_no_utterances_with_a_small_train():
    table = corpus({"a": 100})
    splits = assign_splits(table, PrepareParams())
    by_split = speakers_by_split(table, splits)
    assert by_split["adapt"] <= by_split["train"]
    assert len(splits) == len(table) and (splits == "adapt").sum() > 0


def test_the_order_of_the_rows_does_not_matter():
    table = corpus({"a": 300, "b": 40})
    shuffled = table.sample(frac=1.0, random_state=3)
    first = dict(zip(table["utterance_id"], assign_splits(table, PrepareParams()), strict=True))
    second = dict(zip(shuffled["utterance_id"], assign_splits(shuffled, PrepareParams()), strict=True))
    assert first == second


def test_too_few_speakers_for_five_splits_is_said():
    table = corpus({"a": 3})
    with pytest.raises(CorpusError, match="3 speakers, too few"):
        assign_splits(table, PrepareParams())


def test_speakers_of_one_utterance_who_cannot_share_it_with_adapt_are_not_called_too_few():
    table = corpus({"a": 250}, utterances=1)
    with pytest.raises(
        CorpusError, match=r"adapt gets no utterances: .* fewer than 150.*lower prepare\.train_min_spea"
    ):
        assign_splits(table, PrepareParams(train_min_speakers=150))
    by_split = speakers_by_split(table, assign_splits(table, PrepareParams(train_min_speakers=20)))
    assert len(by_split["adapt"]) == 38  # 15 % of 250


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 200), st.integers(1, 100), st.integers(0, 5))
def test_nobody_changes_a_hashed_split_when_speakers_are_added(speakers, more, seed):
    params = PrepareParams(seed=seed, assignment="hashed")
    small, large = corpus({"a": speakers}), corpus({"a": speakers + more})
    try:
        before, after = assign_splits(small, params), assign_splits(large, params)
    except CorpusError:
        return  # a hash may leave a split of so few speakers empty, which is said
    moved = dict(zip(small["speaker_id"], before, strict=True))
    now = dict(zip(large["speaker_id"], after, strict=True))
    assert all(now[speaker] == split for speaker, split in moved.items())


def test_hashed_shares_hold_on_average():
    table = corpus({"a": 4000}, utterances=1)
    shares = assign_splits(table, PrepareParams(assignment="hashed")).value_counts(normalize=True)
    for split, share in {"test": 0.25, "discovery": 0.25, "dev": 0.1, "adapt": 0.15, "train": 0.25}.items():
        assert shares[split] == pytest.approx(share, abs=4 * (0.25 / 4000) ** 0.5)


def test_several_columns_are_balanced_together():
    table = corpus({"a": 200, "b": 200})
    table["gender"] = table["speaker_id"].str[-1].isin(list("02468")).map({True: "f", False: "m"})
    splits = assign_splits(table, PrepareParams(stratify_by=["age_band", "gender"]))
    counts = table.groupby([splits, "age_band", "gender"])["speaker_id"].nunique()
    assert set(counts["test"]) == {25} and set(counts["discovery"]) == {25} and set(counts["dev"]) == {10}


def test_official_splits_stay_and_the_rest_comes_from_train():
    table = corpus({"a": 60})
    number = table["speaker_id"].str.split("-").str[1].astype(int)
    table["split"] = number.map(lambda n: "test" if n < 10 else "dev" if n < 15 else "train")
    splits = assign_splits(table, PrepareParams())
    assert set(table.loc[splits == "test", "speaker_id"]) == {f"a-{n}" for n in range(10)}
    assert set(table.loc[splits == "dev", "speaker_id"]) == {f"a-{n}" for n in range(10, 15)}
    by_split = speakers_by_split(table, splits)
    assert len(by_split["discovery"]) > 0 and not by_split["discovery"] & by_split["train"]


def test_small_strata_do_not_take_a_split_its_share():
    strata = {f"{number:02d}": 5 for number in range(60)} | {"large": 10}
    table = corpus(strata)
    by_split = speakers_by_split(table, assign_splits(table, PrepareParams(train_min_speakers=20)))
    assert len(by_split["dev"]) == 31  # a tenth of 310; each stratum of five gives 0.4 of a speaker, so none
    assert len(by_split["test"]) >= 78 and len(by_split["discovery"]) >= 60


def test_single_speakers_of_a_stratum_can_be_in_test():
    table = corpus({f"{number:03d}": 1 for number in range(100)} | {"large": 4})
    by_split = speakers_by_split(table, assign_splits(table, PrepareParams(train_min_speakers=20)))
    assert (len(by_split["test"]), len(by_split["discovery"]), len(by_split["dev"])) == (26, 26, 10)


def test_weights_are_relative_to_the_split_that_is_made():
    table = corpus({"a": 200})
    number = table["speaker_id"].str.split("-").str[1].astype(int)
    table["weight"] = np.where(number % 10 == 0, 900.0, 30.0)
    table["split"] = None
    made = with_splits(table, PrepareParams())
    assert (made["split"] == assign_splits(table, PrepareParams())).all()
    for split, rows in made.groupby("split"):
        of = rows.drop_duplicates("speaker_id")
        assert of["weight"].mean() == pytest.approx(1.0), split
        assert set((of["weight"] / of["weight"].min()).round(6)) <= {1.0, 30.0}
    brought = made.assign(weight=2.0)  # a corpus with all five splits keeps its weights
    pd.testing.assert_frame_equal(with_splits(brought, PrepareParams()), brought)
    equal = with_splits(table.assign(weight=1.0), PrepareParams())
    assert (equal["weight"] == 1.0).all()
