import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from isogloss.evaluation.privacy import merge_small_cohorts


def merge(sizes: dict[str, int], fewest: int = 5) -> dict[str, str]:
    cohorts = [name for name, size in sizes.items() for _ in range(size)]
    speakers = [f"{name}{i}" for name, size in sizes.items() for i in range(size)]
    return merge_small_cohorts(pd.Series(cohorts), pd.Series(speakers), min_speakers=fewest)


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 12), min_size=2), st.integers(1, 8))
def test_no_shown_cohort_is_small_and_none_can_be_computed_from_the_total(sizes, fewest):
    shown = merge(sizes, fewest)
    assert set(shown) == set(sizes)
    members: dict[str, list[str]] = {}
    for name, label in shown.items():
        members.setdefault(label, []).append(name)
    for label, names in members.items():
        speakers = sum(sizes[name] for name in names)
        assert speakers >= fewest or len(members) == 1
        if label not in sizes:
            # What is not shown is never one cohort, whose figures would be the total less the rest.
            assert len(names) > 1


def test_large_cohorts_keep_their_names():
    assert merge({"a": 5, "b": 9}) == {"a": "a", "b": "b"}


def test_a_single_small_cohort_takes_the_next_smallest_along():
    assert merge({"a": 2, "b": 9, "c": 30}) == {"a": "other", "b": "other", "c": "c"}


def test_small_cohorts_that_are_many_enough_stay_among_themselves():
    assert merge({"a": 2, "b": 3, "c": 30}) == {"a": "other", "b": "other", "c": "c"}


def test_a_cohort_named_other_is_not_confused_with_the_merged_one():
    assert merge({"a": 2, "b": 3, "other": 30}) == {"a": "other_", "b": "other_", "other": "other"}


def test_speakers_of_several_cohorts_count_once():
    cohorts, speakers = pd.Series(list("aabbcccccc")), pd.Series(list("xyxyuvwstz"))
    shown = merge_small_cohorts(cohorts, speakers, min_speakers=3)
    assert set(shown.values()) == {"other"}


def test_a_single_cohort_is_the_total_and_stays():
    assert merge({"a": 2}) == {"a": "a"}
