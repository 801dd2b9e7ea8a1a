"""Turns start where the overlap ratio wants them, and never do three talk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.corpus.conversations.timing import turn_starts
from isogloss.corpus.conversations.turns import Turn, overlap_ratio

DURATIONS = st.lists(st.floats(0.3, 8.0), min_size=2, max_size=6)


def ratio_on_a_grid(starts, durations, step=0.001):
    """The overlap ratio counted millisecond by millisecond."""
    time_N = np.arange(0, max(np.add(starts, durations)), step) + step / 2
    speaking_N = sum(
        (time_N >= start) & (time_N < start + length) for start, length in zip(starts, durations, strict=True)
    )
    return (speaking_N > 1).sum() / (speaking_N > 0).sum(), speaking_N.max()


@given(durations=DURATIONS, seed=st.integers(0, 1000), ratio=st.floats(0.0, 0.6))
def test_never_do_three_talk_and_turns_end_in_their_order(durations, seed, ratio):
    rng = np.random.default_rng(seed)
    shares, pauses = rng.uniform(0, 1, len(durations) - 1) * rng.integers(0, 2), rng.uniform(0, 1, len(durations) - 1)
    starts = turn_starts(durations, shares.tolist(), pauses.tolist(), ratio=ratio)
    ends = np.add(starts, durations)
    assert (np.diff(starts) > 0).all() and (np.diff(ends) > 0).all()
    assert all(start >= end - 1e-9 for start, end in zip(starts[2:], ends, strict=False))
    found, _ = ratio_on_a_grid(starts, durations)
    assert found <= ratio + 0.01


@pytest.mark.parametrize("ratio", [0.0, 0.15, 0.4])
def test_the_ratio_is_reached_where_turns_are_alike(ratio):
    durations, shares, pauses = [2.0, 2.5, 2.2], [1.0, 0.8], [0.3, 0.2]
    starts = turn_starts(durations, shares, pauses, ratio=ratio)
    assert ratio_on_a_grid(starts, durations)[0] == pytest.approx(ratio, abs=2e-3)
    turns = [Turn("u", "s", "a", start, start + length) for start, length in zip(starts, durations, strict=True)]
    assert overlap_ratio(turns) == pytest.approx(ratio, abs=1e-6)


def test_a_change_without_a_share_is_a_pause():
    starts = turn_starts([2.0, 2.0, 2.0], [0.0, 1.0], [0.7, 0.1], ratio=0.2)
    assert starts[1] == pytest.approx(2.7) and starts[2] < starts[1] + 2.0
