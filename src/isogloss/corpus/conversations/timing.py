"""When the turns of a conversation start, so that a given share of its speech is of two talkers.

K turns.
"""

from collections.abc import Sequence

Seconds = float

MOST_OF_A_TURN = 0.9
"""Largest share of the shorter of two turns in which they overlap, so that who speaks first also ends first (our
choice)."""
HALVINGS = 50


def turn_starts(
    durations: Sequence[Seconds], shares: Sequence[float], pauses: Sequence[Seconds], *, ratio: float
) -> list[Seconds]:
    """The start of each turn, the first at 0.

    Turns end in the order in which they start, and a turn starts only after the last but one has ended: never do more
    than two talk, and nobody interrupts themselves where speakers alternate.

    Parameters
    ----------
    durations
        Of the K turns.
    shares
        For each of the K - 1 changes of talker its share of the overlap; 0 for a pause. They need no common sum.
    pauses
        For each change the pause where there is no overlap.
    ratio
        Seconds with two talkers over seconds with any. It is reached unless the turns are too unequal in length.
    """
    overlaps = _overlaps(durations, shares, ratio / (1 + ratio) * sum(durations))
    starts, end = [0.0], durations[0]
    for duration, overlap, pause in zip(durations[1:], overlaps, pauses, strict=True):
        starts.append(end - overlap if overlap > 0 else end + pause)
        end = starts[-1] + duration
    return starts


def _overlaps(durations: Sequence[Seconds], shares: Sequence[float], total: Seconds) -> list[Seconds]:
    """The overlap at each change: in proportion to the shares where turns are long enough, `total` in all."""
    low, high = 0.0, total / min((share for share in shares if share > 0), default=1.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(_limited(durations, shares, middle)) < total else (low, middle)
    return _limited(durations, shares, high if total > 0 else 0.0)


def _limited(durations: Sequence[Seconds], shares: Sequence[float], scale: float) -> list[Seconds]:
    """Each share times the scale, or as much as the two turns allow."""
    overlaps: list[Seconds] = []
    taken = 0.0
    for before, after, share in zip(durations, durations[1:], shares, strict=False):
        taken = min(scale * share, MOST_OF_A_TURN * min(before - taken, after))
        overlaps.append(taken)
    return overlaps
