"""Utterances that are left out by length or number, and strata that are made rare in train."""

import pandas as pd
import pytest

from isogloss.config import PrepareParams
from isogloss.corpus.selection import select_utterances
from isogloss.corpus.splits import assign_splits
from isogloss.errors import CorpusError


@pytest.fixture
def utterances():
    rows = [
        {"utterance_id": f"{speaker}-{n}", "speaker_id": f"{speaker}", "duration_s": 1.0 + n, "age_band": band}
        for speaker, band in enumerate(["child"] * 60 + ["adult"] * 60)
        for n in range(6)
    ]
    return pd.DataFrame(rows)


def test_without_options_every_utterance_stays(utterances):
    pd.testing.assert_frame_equal(select_utterances(utterances, PrepareParams()), utterances)


def test_longer_utterances_are_left_out(utterances):
    kept = select_utterances(utterances, PrepareParams(max_duration_s=4.0))
    assert kept["duration_s"].max() == 4.0 and len(kept) == 4 * 120


def test_each_speaker_keeps_as_many_utterances_in_any_order_of_the_rows(utterances):
    params = PrepareParams(speaker_utterances=2)
    kept = select_utterances(utterances, params)
    assert set(kept.groupby("speaker_id").size()) == {2} and kept["utterance_id"].str[-1].nunique() > 2
    again = select_utterances(utterances.sample(frac=1.0, random_state=3).reset_index(drop=True), params)
    assert set(again["utterance_id"]) == set(kept["utterance_id"])


def test_a_length_that_no_utterance_has_is_refused(utterances):
    with pytest.raises(CorpusError, match=r"max_duration_s is 0\.5, but the shortest utterance lasts 1\.0 s; raise it"):
        select_utterances(utterances, PrepareParams(max_duration_s=0.5))


def test_a_stratum_is_as_rare_in_train_as_asked_and_its_others_adapt(utterances):
    plain = PrepareParams(train_min_speakers=3)
    params = plain.model_copy(update={"train_shares": {"child": 0.1}})
    before, after = (utterances.assign(split=assign_splits(utterances, one)) for one in (plain, params))
    held_out = ["discovery", "dev", "test"]
    assert after[after["split"].isin(held_out)].equals(before[before["split"].isin(held_out)])
    speakers = after.drop_duplicates("speaker_id").groupby("split")["age_band"].value_counts()
    share = speakers["train", "child"] / (speakers["train", "child"] + speakers["train", "adult"])
    assert share <= 0.15 and speakers["adapt", "child"] > speakers["adapt", "adult"]
    assert after.groupby("speaker_id")["split"].nunique().max() == 1


def test_a_stratum_that_there_is_not_is_named(utterances):
    with pytest.raises(
        CorpusError, match="names 'toddler', but no speaker of train has that age_band; there are adult"
    ):
        assign_splits(utterances, PrepareParams(train_shares={"toddler": 0.1}))
