"""What is shown of several rules together gives away no few speakers."""

import itertools

import numpy as np
import pandas as pd
import pytest

from isogloss.errors import TableError
from isogloss.judging.publication import shown_names


def corpus(sizes: dict[str, dict[str, int]]) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """One rule `r` with so many speakers of each cohort in each split, two utterances each."""
    rows = [
        (f"{split}-{cohort}-{speaker}-{number}", f"{split}-{cohort}-{speaker}", split, cohort)
        for split, cohorts in sizes.items()
        for cohort, speakers in cohorts.items()
        for speaker, number in itertools.product(range(speakers), range(2))
    ]
    table = pd.DataFrame(rows, columns=["utterance_id", "speaker_id", "split", "cohort"])
    return {"r": table[["utterance_id", "cohort"]]}, table[["utterance_id", "speaker_id", "split"]]


def test_large_cohorts_keep_their_names_on_both_splits():
    assignments, utterances = corpus({"discovery": {"a": 9, "b": 8}, "test": {"a": 7, "b": 6}})
    shown = shown_names(assignments, utterances, min_speakers=5)["r"]
    assert dict(shown.discovery) == dict(shown.test) == {"a": "a", "b": "b"}
    assert shown.itself("a") and shown.itself("b") and not shown.itself("c")


def test_a_cohort_that_is_small_on_one_split_is_hidden_there_and_takes_another_along():
    assignments, utterances = corpus({"discovery": {"a": 3, "b": 8, "c": 9}, "test": {"a": 7, "b": 6, "c": 9}})
    shown = shown_names(assignments, utterances, min_speakers=5)["r"]
    assert shown.alone("test", "a") and not shown.alone("discovery", "a") and not shown.itself("a")
    assert not shown.alone("discovery", "b"), "b alone would tell a, by the total"
    assert shown.itself("c")


def test_other_splits_play_no_part():
    assignments, utterances = corpus(
        {"train": {"a": 1, "z": 1}, "discovery": {"a": 9, "b": 8}, "test": {"a": 7, "b": 6}}
    )
    shown = shown_names(assignments, utterances, min_speakers=5)["r"]
    assert set(shown.test) == {"a", "b"} and shown.itself("a")


def test_two_rules_that_differ_by_few_speakers_are_not_both_shown():
    rng = np.random.default_rng(0)
    _, utterances = corpus({"discovery": {"x": 40}, "test": {"x": 40}})
    speakers = utterances["speaker_id"].drop_duplicates()
    one = pd.Series(rng.integers(0, 2, len(speakers)).astype(str), index=speakers)
    other = one.copy()
    moved = [name for name in speakers if name.startswith("test") and one[name] == "0"][:2]
    other[moved] = "1"
    assignments = {
        rule: utterances[["utterance_id"]].assign(cohort=utterances["speaker_id"].map(names).to_numpy(object))
        for rule, names in (("one", one), ("other", other))
    }
    shown = shown_names(assignments, utterances, min_speakers=5)
    # Cohort 0 of one rule less cohort 0 of the other is the two that were moved.
    assert not (shown["one"].alone("test", "0") and shown["other"].alone("test", "0"))
    assert shown["one"].alone("discovery", "0") and shown["other"].alone("discovery", "0")


def test_where_nothing_may_be_shown_one_name_stands_for_all():
    assignments, utterances = corpus({"discovery": {"a": 3, "b": 3}, "test": {"a": 9, "b": 9}})
    shown = shown_names(assignments, utterances, min_speakers=5)["r"]
    assert len(set(shown.discovery.values())) == 1 and not shown.alone("discovery", "a")


def test_too_few_speakers_for_anything_are_refused():
    assignments, utterances = corpus({"discovery": {"a": 2}, "test": {"a": 1}})
    with pytest.raises(TableError, match="3 speakers are fewer than the 5"):
        shown_names(assignments, utterances, min_speakers=5)


def test_the_discovery_figure_of_a_hidden_cohort_is_withheld_and_its_rank_kept():
    assignments, utterances = corpus({"discovery": {"a": 3, "b": 8, "c": 9}, "test": {"a": 7, "b": 6, "c": 9}})
    shown = shown_names(assignments, utterances, min_speakers=5)["r"]
    cohorts = [{"cohort": name, "wer_rank": rank, "discovery": {"wer": rank / 10}} for rank, name in enumerate("abc")]
    summary = {"cohorts": cohorts}
    assert shown.discovery_figures(summary) == {
        "a": {"wer": None, "rank": 0},
        "b": {"wer": None, "rank": 1},
        "c": {"wer": 0.2, "rank": 2},
    }
