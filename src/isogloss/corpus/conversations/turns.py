"""The turns of a conversation, and the output channel of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from lhotse.cut import Cut

from isogloss.errors import CorpusError

Seconds = float

TOLERANCE: Seconds = 0.01
"""Seconds by which a segment may exceed its recording, since manifests of corpora round times (our choice)."""


@dataclass(frozen=True)
class Turn:
    """What one speaker says without a break.

    Attributes
    ----------
    utterance_id
        Id of the single-talker utterance that the turn is made of, or of the segment.
    start, end
        Seconds from the beginning of the conversation.
    """

    utterance_id: str
    speaker_id: str
    text: str
    start: Seconds
    end: Seconds

    @property
    def duration(self) -> Seconds:
        """Seconds."""
        return self.end - self.start


def turns_of(cut: Cut) -> list[Turn]:
    """The turns of a conversation in the order of their starts; of those that start together, the first to end first.

    Raises
    ------
    CorpusError
        There is no turn, one has no words, or one lies outside its recording.
    """
    turns = []
    for one in cut.supervisions:
        if not (one.text or "").strip():
            raise CorpusError(f"conversation {cut.id!r}: turn {one.id!r} has no words; leave it out of the manifest")
        start, end = max(one.start, 0.0), min(one.end, cut.duration)
        if one.start < -TOLERANCE or one.end > cut.duration + TOLERANCE or not start < end:
            raise CorpusError(
                f"conversation {cut.id!r}: turn {one.id!r} spans {one.start:.2f} to {one.end:.2f} s, but the recording "
                f"lasts from 0 to {cut.duration:.2f} s; correct the times of the segment"
            )
        utterance = (one.custom or {}).get("utterance_id", one.id)
        turns.append(Turn(utterance, str(one.speaker), one.text, start, end))
    if not turns:
        raise CorpusError(f"conversation {cut.id!r} has no speech; leave it out of the manifest")
    return sorted(turns, key=lambda turn: (turn.start, turn.end, turn.utterance_id))


def assign_channels(turns: Sequence[Turn], *, channels: int = 2, where: str = "the conversation") -> list[int]:
    """The channel of each turn: the first that is free when it starts (HEAT).

    Turns are taken in the order of their starts, so that no permutation has to be searched (Lu et al. 2021, 2011.13148,
    section 3.2; as 2205.05199 has it).

    Parameters
    ----------
    turns
        In the order of their starts (`turns_of`).
    channels
        How many talkers may speak at once.
    where
        What an error calls the conversation.

    Raises
    ------
    CorpusError
        More speak at once than there are channels.
    """
    free_at = [0.0] * channels
    assigned = []
    for turn in turns:
        free = [channel for channel in range(channels) if free_at[channel] <= turn.start + 1e-9]
        if not free:
            raise CorpusError(
                f"{where}: {channels + 1} talkers speak at once at {turn.start:.2f} s, where speaker "
                f"{turn.speaker_id!r} starts; at most {channels} can be told apart, so leave the conversation out"
            )
        free_at[free[0]] = turn.end
        assigned.append(free[0])
    return assigned


def overlap_ratio(turns: Sequence[Turn]) -> float:
    """Seconds in which two talkers or more speak over seconds in which any does."""
    events = sorted((time, step) for turn in turns for time, step in ((turn.start, 1), (turn.end, -1)))
    speaking, last, any_s, several_s = 0, 0.0, 0.0, 0.0
    for time, step in events:
        any_s += (time - last) * (speaking > 0)
        several_s += (time - last) * (speaking > 1)
        speaking, last = speaking + step, time
    return several_s / any_s if any_s > 0 else 0.0


def overlapped_share(turn: Turn, others: Sequence[Turn]) -> float:
    """The share of a turn's duration in which any of the others speaks."""
    spans = sorted((max(one.start, turn.start), min(one.end, turn.end)) for one in others)
    covered, reached = 0.0, turn.start
    for start, end in spans:
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered / turn.duration
