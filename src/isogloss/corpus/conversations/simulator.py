"""Conversations from single-talker utterances, each a function of its seed and number alone.

An utterance is trimmed to its speech, so that a turn's times are those of the voice, and brought to one level. Who
speaks what, how loud, at which share of the overlap and through which channel is drawn first; the overlap ratio then
only moves the turns in time. So the same conversation can be mixed at several ratios, and nothing else differs.

C output channels, K turns, N samples.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from lhotse import SupervisionSegment
from lhotse.cut import Cut, MixedCut, MixTrack, PaddingCut
from numpy.typing import NDArray

from isogloss.config.multitalker import ConversationParams
from isogloss.corpus.conversations.bounds import find_speech
from isogloss.corpus.conversations.channel import LEVEL, Channel, draw_channel, record
from isogloss.corpus.conversations.timing import turn_starts
from isogloss.corpus.conversations.turns import Turn, assign_channels
from isogloss.corpus.frontend.audio import load_audio
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.errors import CorpusError

Seconds = float

BEFORE: tuple[Seconds, Seconds] = (0.1, 1.0)
"""Range of the silence before the first turn; it varies, since otherwise a system could know the start without hearing
it."""
AFTER: Seconds = 0.6
"""Silence after the last turn, in which a system can still report its end (our choice)."""
SHARES = (0.5, 1.5)


@dataclass(frozen=True)
class Conversation:
    """A conversation that can be mixed.

    Attributes
    ----------
    id
        Unique in its set.
    turns
        In the order of their starts.
    levels
        For each turn, the factor of its samples.
    sources
        For each turn, the trimmed utterance.
    channel
        The noise and the microphone of the recording.
    """

    id: str
    turns: tuple[Turn, ...]
    levels: tuple[float, ...]
    sources: tuple[Cut, ...]
    channel: Channel

    @property
    def duration(self) -> Seconds:
        """Of the recording."""
        return max(turn.end for turn in self.turns) + AFTER

    def cut(self) -> MixedCut:
        """The turns mixed by Lhotse, without the channel; a supervision for each turn."""
        silence = PaddingCut(
            id=f"{self.id}-silence",
            duration=round(self.duration, 4),
            sampling_rate=SAMPLING_RATE,
            feat_value=0.0,
            num_samples=round(self.duration * SAMPLING_RATE),
        )
        tracks = [MixTrack(silence)]
        for number, (turn, level, source) in enumerate(zip(self.turns, self.levels, self.sources, strict=True)):
            said = SupervisionSegment(
                id=f"{self.id}/{number}",
                recording_id=self.id,
                start=0.0,
                duration=source.duration,
                text=turn.text,
                speaker=turn.speaker_id,
                custom={"utterance_id": turn.utterance_id},
            )
            voice = source.perturb_volume(level, affix_id=False)
            voice.supervisions = [said]
            tracks.append(MixTrack(voice, offset=turn.start))
        return MixedCut(id=self.id, tracks=tracks)

    def audio(self, *, channels: int = 2) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The mixture, (N,), and what each output channel of it should hold, (C, N), at 16 kHz.

        Raises
        ------
        CorpusError
            More talkers speak at once than there are channels.
        """
        assigned = [0] * len(self.turns) if channels == 1 else assign_channels(self.turns, where=self.id)
        tracks = self.cut().load_audio(mixed=False)[1:]
        length = round(self.duration * SAMPLING_RATE)
        sources_CN = np.zeros((channels, length), dtype=np.float32)
        for channel, track in zip(assigned, tracks, strict=True):
            samples_N = np.atleast_2d(track)[0][:length]
            sources_CN[channel, : len(samples_N)] += samples_N
        return record(sources_CN, self.channel, sampling_rate=SAMPLING_RATE)


class Simulator:
    """Draws conversations of some speakers.

    Parameters
    ----------
    cuts
        Single-talker utterances with audio, one supervision each; those in which nothing sounds are left out.
    params
        Section `multitalker.conversations`.

    Raises
    ------
    CorpusError
        There are fewer speakers than a conversation has.
    """

    def __init__(self, cuts: Iterable[Cut], params: ConversationParams) -> None:
        self.params = params
        self._spoken: dict[str, list[tuple[Cut, float]]] = defaultdict(list)
        for cut in cuts:
            resampled = cut.resample(SAMPLING_RATE)
            speech = find_speech(load_audio(cut), SAMPLING_RATE)
            if speech is not None and (cut.supervisions[0].text or "").strip():
                trimmed = resampled.truncate(offset=speech.start, duration=round(speech.end - speech.start, 4))
                self._spoken[cut.supervisions[0].speaker].append((trimmed.with_id(cut.id), LEVEL / speech.level))
        self._speakers = sorted(self._spoken)
        if len(self._speakers) < params.speakers:
            named = ", ".join(map(repr, self._speakers)) or "none"
            raise CorpusError(
                f"conversations of {params.speakers} speakers need as many in the split, but it has "
                f"{len(self._speakers)} who are heard ({named}); add speakers to the corpus"
            )

    def draw(self, *, seed: Sequence[int], name: str, ratio: float | None = None) -> Conversation:
        """One conversation.

        Parameters
        ----------
        seed
            Numbers that decide it, such as the seed of params, the epoch and the conversation's place in it.
        name
            Its id.
        ratio
            The overlap ratio; None draws one between the least and the largest of params.
        """
        rng, params = np.random.default_rng(list(seed)), self.params
        said = self._said(rng)
        changes = len(said) - 1
        shares = rng.uniform(*SHARES, changes) * (rng.random(changes) >= params.pauses)
        if not shares.any():
            shares[rng.integers(changes)] = 1.0
        pauses = rng.exponential(params.pause_s, changes)
        decibels = rng.uniform(-params.level_db, params.level_db, len(said))
        channel = draw_channel(rng, params)
        before = rng.uniform(*BEFORE)
        drawn = rng.uniform(min(params.overlap_ratios), max(params.overlap_ratios))
        durations = [cut.duration for cut, _ in said]
        starts = turn_starts(durations, shares.tolist(), pauses.tolist(), ratio=drawn if ratio is None else ratio)
        return Conversation(
            id=name,
            turns=tuple(_turn(cut, before + start) for (cut, _), start in zip(said, starts, strict=True)),
            levels=tuple(float(level * 10 ** (db / 20)) for (_, level), db in zip(said, decibels, strict=True)),
            sources=tuple(cut for cut, _ in said),
            channel=channel,
        )

    def _said(self, rng: np.random.Generator) -> list[tuple[Cut, float]]:
        """The utterances of the turns in order: nobody follows themselves, or says a thing again before all is said."""
        speakers = [self._speakers[n] for n in rng.choice(len(self._speakers), self.params.speakers, replace=False)]
        order = {speaker: rng.permutation(len(self._spoken[speaker])) for speaker in speakers}
        spoken = dict.fromkeys(speakers, 0)
        said, present = [], ""
        for number in range(int(rng.integers(self.params.fewest_turns, self.params.most_turns + 1))):
            others = [speaker for speaker in speakers if speaker != present]
            present = speakers[number] if number < len(speakers) else others[rng.integers(len(others))]
            at = order[present][spoken[present] % len(order[present])]
            said.append(self._spoken[present][at])
            spoken[present] += 1
        return said


def _turn(cut: Cut, start: Seconds) -> Turn:
    """A trimmed utterance at its place."""
    (supervision,) = cut.supervisions
    return Turn(cut.id, supervision.speaker, supervision.text, start, start + cut.duration)
