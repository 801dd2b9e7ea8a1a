import jiwer
import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given
from hypothesis import strategies as st

from isogloss.errors import TableError
from isogloss.judging.word_errors import error_rate, error_rates, word_errors

sentences = st.lists(st.sampled_from(["on", "off", "the", "lights"]), max_size=7).map(" ".join)


def edit_distance(reference: list[str], hypothesis: list[str]) -> int:
    """The recursion of Wagner & Fischer, row by row."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, heard in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != heard))
    return row[-1]


@given(sentences, sentences)
def test_errors_are_a_minimal_alignment(reference, hypothesis):
    row = word_errors([reference], [hypothesis]).iloc[0]
    words, heard = reference.split(), hypothesis.split()
    assert row[["substitutions", "deletions", "insertions"]].sum() == edit_distance(words, heard)
    assert row["words"] == len(words)
    assert row["insertions"] - row["deletions"] == len(heard) - len(words)
    assert row["substitutions"] + row["deletions"] <= len(words)


@given(st.lists(st.tuples(sentences.filter(bool), sentences), min_size=1, max_size=5))
def test_error_rate_is_that_of_jiwer(pairs):
    references, hypotheses = zip(*pairs, strict=True)
    table = word_errors(references, hypotheses)
    assert error_rate(table) == pytest.approx(jiwer.wer(list(references), list(hypotheses)))


def test_a_silent_hypothesis_deletes_and_an_empty_reference_inserts():
    table = word_errors(["a b", ""], ["", "c"])
    assert table.to_numpy().tolist() == [[2, 0, 2, 0], [0, 0, 0, 1]]


def test_a_missing_text_is_named_by_row_and_side():
    with pytest.raises(TableError, match="row 1: the hypothesis is None"):
        word_errors(["a", "b"], ["a", None])
    with pytest.raises(TableError, match="2 references, but 1 hypotheses"):
        word_errors(["a", "b"], ["a"])


def scored(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(rng.integers(0, 3, (rows, 3)), columns=["substitutions", "deletions", "insertions"])
    return table.assign(
        words=rng.integers(1, 9, rows),
        weight=rng.uniform(0.1, 3, rows),
        speaker_id=[f"s{i % 7}" for i in range(rows)],
        region=[["north", "south", "west"][i % 3] for i in range(rows)],
    )


def test_error_rate_is_a_weighted_ratio_of_sums_and_no_mean_of_ratios():
    table = pd.DataFrame(
        {"words": [2, 98], "substitutions": [2, 0], "deletions": 0, "insertions": 0, "weight": [3.0, 1.0]}
    )
    assert error_rate(table) == pytest.approx(6 / 104)
    assert error_rate(table, weights=[1, 1]) == pytest.approx(0.02)
    assert np.isnan(error_rate(table.assign(words=0)))


def test_error_rates_by_group_agree_with_fairlearn():
    table = scored(60)

    def weighted_rate(words, errors, weight):
        return (weight * errors).sum() / (weight * words).sum()

    frame = MetricFrame(
        metrics=weighted_rate,
        y_true=table["words"],
        y_pred=table[["substitutions", "deletions", "insertions"]].sum(axis=1),
        sensitive_features=table["region"],
        sample_params={"weight": table["weight"]},
    )
    ours = error_rates(table, "region")
    assert ours["error_rate"].to_dict() == pytest.approx(frame.by_group.to_dict())
    assert ours["utterances"].sum() == 60 and ours["words"].sum() == table["words"].sum()
    assert (ours["speakers"] == 7).all()


def test_impossible_weights_and_missing_columns_are_refused():
    table = scored(3)
    with pytest.raises(TableError, match=r"row 1: weight is -1\.0"):
        error_rate(table, weights=[1, -1, 1])
    with pytest.raises(TableError, match="2 weights stand against 3 rows"):
        error_rate(table, weights=[1, 1])
    with pytest.raises(TableError, match="did you mean 'insertion'"):
        error_rate(table.rename(columns={"insertions": "insertion"}))
