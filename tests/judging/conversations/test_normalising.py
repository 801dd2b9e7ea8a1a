"""What a turn says is normalised as one text, and its words keep their times."""

import pandas as pd
import pytest

from isogloss.io.normalise import normalise
from isogloss.judging.conversations.normalising import normalise_heard


def heard(*texts):
    """A turn for each text, one word a second."""
    rows = [
        ("c", 0, turn, word, float(at), at + 0.5, 0.0, 9.0, 9.0)
        for turn, text in enumerate(texts)
        for at, word in enumerate(text.split() or [""])
    ]
    names = ["conversation_id", "channel", "turn", "word", "start", "end", "turn_start", "turn_end", "last_word_end"]
    return pd.DataFrame(rows, columns=names)


def words(table):
    return list(table[["word", "start", "end"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (["english"], "i have twenty one cats and two hundred dogs"),
        (["english"], "don't (uh hm) go"),
        (["basic"], "hear [some noise] this"),
        (["lower", "brackets", "punctuation"], "A ((b c) d) E-f"),
        (["characters"], "ab c"),
        ([], "As It Is"),
    ],
)
def test_a_perfect_hypothesis_is_its_reference(steps, text):
    if {"english", "basic"} & {*steps}:
        pytest.importorskip("whisper_normalizer")
    found = normalise_heard(heard(text, text), steps)
    for _, turn in found.groupby("turn"):
        assert " ".join(turn["word"]) == normalise([text], steps)[0]
        assert turn["start"].is_monotonic_increasing and (turn["start"] <= turn["end"]).all()
    assert found.dtypes.equals(heard(text).dtypes)


def test_a_word_made_of_several_lasts_as_long_as_they():
    pytest.importorskip("whisper_normalizer")
    found = normalise_heard(heard("has twenty one cats"), ["english"])
    assert words(found) == [("has", 0.0, 0.5), ("21", 1.0, 2.5), ("cats", 3.0, 3.5)]


def test_a_turn_of_which_nothing_is_left_stays_a_turn_without_words():
    found = normalise_heard(heard("(in here)", "", "a"), ["brackets"])
    assert found["turn"].tolist() == [0, 1, 2]
    assert words(found) == [("", 0.0, 0.0), ("", 0.0, 0.0), ("a", 0.0, 0.5)]


def test_nothing_heard_is_nothing():
    assert normalise_heard(heard("a").iloc[:0], ["lower"]).empty
