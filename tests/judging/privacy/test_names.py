"""What is shown of several rules together gives away no few speakers."""

import itertools

import numpy as np
import pandas as pd
import pytest

from isogloss.errors import TableError
from isogloss.judging.grouping import Grouping, Ranked
from isogloss.judging.privacy import ShownNames, shown_names
from isogloss.judging.wer import on_discovery


def corpus(sizes: dict[str, dict[str, int]]) -> pd.DataFrame:
    """So many speakers of each cohort in each split, two utterances each."""
    rows = [
        (f"{split}-{cohort}-{speaker}", split, cohort)
        for split, cohorts in sizes.items()
        for cohort, speakers in cohorts.items()
        for speaker, _ in itertools.product(range(speakers), range(2))
    ]
    return pd.DataFrame(rows, columns=["speaker_id", "split", "cohort"])


def names(table: pd.DataFrame, columns=("cohort",), *, min_speakers: int = 5) -> list[ShownNames]:
    """The names of the cohorts in these columns, which discovery chose and test judges."""
    test, discovery = (table[table["split"] == split].reset_index(drop=True) for split in ("test", "discovery"))
    groupings = [Grouping(column, test[column], chosen=discovery[column]) for column in columns]
    return shown_names(groupings, test["speaker_id"], discovery["speaker_id"], min_speakers=min_speakers)


def test_large_cohorts_keep_their_names_on_both_splits():
    (shown,) = names(corpus({"discovery": {"a": 9, "b": 8}, "test": {"a": 7, "b": 6}}))
    assert dict(shown.chosen) == dict(shown.judged) == {"a": "a", "b": "b"}
    assert shown.itself("a") and shown.itself("b") and not shown.itself("c")
    assert shown.merged is None and not shown.withheld


def test_a_cohort_that_is_small_on_one_split_is_hidden_there_and_takes_another_along():
    (shown,) = names(corpus({"discovery": {"a": 3, "b": 8, "c": 9}, "test": {"a": 7, "b": 6, "c": 9}}))
    assert shown.judged["a"] == "a" and not shown.chosen_alone("a") and not shown.itself("a")
    assert not shown.chosen_alone("b"), "b alone would tell a, by the total"
    assert shown.itself("c")


def test_two_rules_that_differ_by_few_speakers_are_not_both_shown():
    rng = np.random.default_rng(0)
    table = corpus({"discovery": {"x": 40}, "test": {"x": 40}})
    speakers = table["speaker_id"].drop_duplicates()
    one = pd.Series(rng.integers(0, 2, len(speakers)).astype(str), index=speakers)
    other = one.copy()
    moved = [name for name in speakers if name.startswith("test") and one[name] == "0"][:2]
    other[moved] = "1"
    first, second = names(
        table.assign(one=table["speaker_id"].map(one), other=table["speaker_id"].map(other)), ("one", "other")
    )
    # Cohort 0 of one rule less cohort 0 of the other is the two that were moved.
    assert not (first.judged.get("0") == "0" and second.judged.get("0") == "0")
    assert first.chosen_alone("0") and second.chosen_alone("0")


def test_where_cohorts_cannot_be_told_apart_all_are_withheld():
    (late,) = names(corpus({"discovery": {"a": 9, "b": 9}, "test": {"a": 3, "b": 3}}))
    assert late.withheld
    (early,) = names(corpus({"discovery": {"a": 3, "b": 3}, "test": {"a": 9, "b": 9}}))
    assert not early.withheld and not early.chosen_alone("a")


def test_a_single_cohort_is_the_total_and_shown():
    (shown,) = names(corpus({"discovery": {"a": 9}, "test": {"a": 9}}))
    assert shown.itself("a") and not shown.withheld


def test_too_few_speakers_for_anything_are_refused():
    with pytest.raises(TableError, match="3 speakers are fewer than the 5"):
        names(corpus({"discovery": {"a": 2}, "test": {"a": 3}}))


def test_the_total_of_test_is_published_so_its_speakers_count_without_those_of_discovery():
    with pytest.raises(TableError, match="2 speakers are fewer than the 5"):
        names(corpus({"discovery": {"a": 30, "b": 30}, "test": {"a": 1, "b": 1}}))


def test_the_total_of_test_less_its_cohorts_is_of_enough_speakers_however_many_discovery_leaves_out():
    (shown,) = names(corpus({"discovery": {"a": 25, "b": 25, None: 10}, "test": {"a": 19, "b": 19, None: 2}}))
    assert shown.withheld, "the total of test less a and b would be the two speakers of neither"
    assert shown.chosen_alone("a") and shown.chosen_alone("b")


def test_too_few_speakers_of_discovery_hide_its_figures_and_none_of_test():
    (shown,) = names(corpus({"discovery": {"a": 1, "b": 2}, "test": {"a": 20, "b": 20}}))
    assert dict(shown.judged) == {"a": "a", "b": "b"}
    assert dict(shown.chosen) == {}


def test_the_discovery_figure_of_a_hidden_cohort_is_withheld_and_its_rank_kept():
    (shown,) = names(corpus({"discovery": {"a": 3, "b": 8, "c": 9}, "test": {"a": 7, "b": 6, "c": 9}}))
    told = {name: on_discovery(Ranked(rank, rank / 10), shown, name) for rank, name in enumerate("abc", start=1)}
    assert told["a"] == {"discovery_rank": 1} and told["b"] == {"discovery_rank": 2}
    assert told["c"] == {"discovery_rank": 3, "discovery": 0.3, "discovery_ci95": None}
