"""Turns are read with their checks, and each goes to the first free channel."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lhotse import SupervisionSegment
from lhotse.testing.dummies import dummy_cut

from isogloss.corpus.conversations.turns import Turn, assign_channels, overlap_ratio, overlapped_share, turns_of
from isogloss.errors import CorpusError


def turn(start, end, speaker="s"):
    return Turn(f"{speaker}-{start}", speaker, "a", start, end)


def cut_of(*spans, text="a b"):
    cut = dummy_cut(1, duration=10.0)
    cut.supervisions = [
        SupervisionSegment(id=f"t{n}", recording_id="r", start=start, duration=end - start, text=text, speaker=f"s{n}")
        for n, (start, end) in enumerate(spans)
    ]
    return cut


def test_turns_come_in_the_order_of_their_starts():
    assert [(t.start, t.end) for t in turns_of(cut_of((3, 5), (1, 9)))] == [(1, 9), (3, 5)]


def test_the_first_free_channel_is_taken():
    turns = [turn(0, 3), turn(1, 5), turn(3, 4), turn(4.5, 6), turn(7, 8)]
    assert assign_channels(turns) == [0, 1, 0, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=8))
def test_no_channel_has_two_talkers_at_once_unless_three_talk(spans):
    """Against counting heads at every instant: an assignment exists exactly where never more than two talk."""
    turns = sorted((turn(start, start + length) for start, length in spans), key=lambda t: (t.start, t.end))
    crowded = any(sum(t.start <= at < t.end for t in turns) > 2 for at in range(30))
    if crowded:
        with pytest.raises(CorpusError, match="3 talkers speak at once"):
            assign_channels(turns)
        return
    for channel in (0, 1):
        own = [t for t, at in zip(turns, assign_channels(turns), strict=True) if at == channel]
        assert all(before.end <= after.start for before, after in itertools.pairwise(own))


def test_shares_and_ratios_of_overlap():
    first, second = turn(0, 4), turn(3, 7, "t")
    assert overlap_ratio([first, second]) == pytest.approx(1 / 7)
    assert overlapped_share(first, [second]) == pytest.approx(0.25)
    assert overlapped_share(turn(0, 4), [turn(0, 2), turn(1, 3)]) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (cut_of(), "has no speech; leave it out"),
        (cut_of((2, 12)), r"turn 't0' spans 2\.00 to 12\.00 s, but the recording lasts from 0 to 10\.00 s"),
        (cut_of((2, 4), text=" "), "turn 't0' has no words"),
        (cut_of((10, 10.005)), r"turn 't0' spans 10\.00 to 10\.0. s, but"),
        (cut_of((10.004, 10.009)), r"turn 't0' spans 10\.00 to 10\.01 s, but"),
        (cut_of((-0.009, -0.004)), r"turn 't0' spans -0\.01 to -0\.00 s, but"),
        (cut_of((float("nan"), 4)), r"turn 't0' spans nan to nan s, but"),
    ],
)
def test_what_is_no_conversation_is_refused(cut, message):
    with pytest.raises(CorpusError, match=message):
        turns_of(cut)
