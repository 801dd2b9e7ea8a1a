"""ORC-WER is meeteval's and that of trying every assignment, whatever the order of speakers; its errors go to turns."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from isogloss.judging.conversations.attribution import turn_errors

pytest.importorskip("meeteval")

WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(" ".join)


def turns_of(*texts, speakers=None):
    speakers = speakers or [f"s{n % 2}" for n in range(len(texts))]
    return pd.DataFrame(
        {
            "conversation_id": "c",
            "speaker_id": speakers,
            "ref": texts,
            "start": [float(n) for n in range(len(texts))],
            "end": [n + 1.5 for n in range(len(texts))],
        }
    )


def heard_of(*channels):
    rows = [
        ("c", channel, 0, word, 0.5 * number, 0.5 * number + 0.2)
        for channel, text in enumerate(channels)
        for number, word in enumerate(text.split() or [""])
    ]
    return pd.DataFrame(rows, columns=["conversation_id", "channel", "turn", "word", "start", "end"])


def total(errors):
    return int(errors[["substitutions", "deletions", "insertions"]].to_numpy().sum())


def brute_force(texts, channels):
    """The least errors over every assignment of turns to channels."""
    streams = [channel.split() for channel in channels]
    return min(
        sum(
            Levenshtein.distance([w for t, a in zip(texts, at, strict=True) if a == n for w in t.split()], stream)
            for n, stream in enumerate(streams)
        )
        for at in itertools.product(range(len(streams)), repeat=len(texts))
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(WORDS, min_size=1, max_size=4), WORDS, st.one_of(st.just(""), WORDS))
def test_it_is_the_best_of_all_assignments_and_meetevals(texts, first, second):
    import meeteval.wer

    errors = turn_errors(turns_of(*texts), heard_of(first, second))
    assert total(errors) == brute_force(texts, [first, second])
    assert total(errors) == meeteval.wer.orc_word_error_rate(texts, [first, second]).errors
    assert errors["words"].tolist() == [len(text.split()) for text in texts]


@pytest.mark.parametrize(
    ("texts", "channels", "errors"),
    [
        (["a b", "c d"], ["a b", "c d"], [(0, 0, 0), (0, 0, 0)]),
        (["a b", "c d"], ["c d", "a b"], [(0, 0, 0), (0, 0, 0)]),  # channels have no order
        (["a b", "c d", "e"], ["a b e", "c d"], [(0, 0, 0)] * 3),  # a channel is used again
        (["a b", "c d"], ["a b c d", ""], [(0, 0, 0), (0, 0, 0)]),
        (["a b", "c d"], ["a x", "c"], [(1, 0, 0), (0, 1, 0)]),
        (["a b", "c d"], ["", ""], [(0, 2, 0), (0, 2, 0)]),
        (["a b"], ["a b", "q"], [(0, 0, 1)]),  # what nobody said
    ],
)
def test_hand_made_cases(texts, channels, errors):
    found = turn_errors(turns_of(*texts), heard_of(*channels))
    columns = ["substitutions", "deletions", "insertions"]
    assert found[columns].to_numpy().tolist() == [list(row) for row in errors]


def test_neither_names_nor_the_order_of_speakers_count():
    texts, channels = ["a b c", "c a", "b b", "a"], ["a b b a", "c c a"]
    expected = total(turn_errors(turns_of(*texts), heard_of(*channels)))
    for speakers in itertools.permutations(["s0", "s1", "s2", "s3"]):
        turns = turns_of(*texts, speakers=list(speakers))
        shuffled = turns.sample(frac=1.0, random_state=len(speakers[0]))
        assert total(turn_errors(turns, heard_of(*channels))) == expected
        assert total(turn_errors(shuffled, heard_of(*channels[::-1]))) == expected


def test_an_inserted_word_counts_for_the_turn_nearest_in_time():
    turns = turns_of("a", "b").assign(start=[0.0, 5.0], end=[1.0, 6.0])
    heard = heard_of("a x b").assign(start=[0.2, 4.6, 5.5], end=[0.4, 4.8, 5.6])
    assert turn_errors(turns, heard)["insertions"].tolist() == [0, 1]


def test_a_system_that_says_nothing_deletes_every_word():
    errors = turn_errors(turns_of("a b", "c"), heard_of().iloc[:0])
    assert errors["deletions"].tolist() == [2, 1] and np.all(errors["words"] == [2, 1])
