"""Conversations are functions of their seed, mixed as their turns say; the ratio moves nothing but times."""

import numpy as np
import pytest
import soundfile

from isogloss.config import ConversationParams
from isogloss.corpus.conversations.bounds import find_speech
from isogloss.corpus.conversations.channel import LEVEL
from isogloss.corpus.conversations.simulator import BEFORE, Simulator
from isogloss.corpus.conversations.turns import overlap_ratio, turns_of
from isogloss.errors import CorpusError

RATE = 16_000
QUIET = ConversationParams(least_snr_db=200.0, most_snr_db=200.0, level_db=0.0)


@pytest.fixture(scope="module")
def simulator(utterances):
    return Simulator(utterances, QUIET)


def test_a_seed_and_a_number_give_the_same_conversation_always(simulator, utterances):
    again = Simulator(utterances, QUIET)
    again.draw(seed=(5, 6), name="another")
    one, two = simulator.draw(seed=(1, 2), name="c"), again.draw(seed=(1, 2), name="c")
    assert one.turns == two.turns and one.channel == two.channel
    assert (one.audio()[0] == two.audio()[0]).all()
    assert one.turns != simulator.draw(seed=(1, 3), name="c").turns


def test_the_ratio_moves_the_turns_and_nothing_else(simulator):
    apart, together = (simulator.draw(seed=(1, 7), name="c", ratio=ratio) for ratio in (0.0, 0.15))
    assert overlap_ratio(apart.turns) == 0.0 and overlap_ratio(together.turns) == pytest.approx(0.15, abs=1e-6)
    for name in ("levels", "sources", "channel"):
        assert getattr(apart, name) == getattr(together, name)
    said = [[(turn.utterance_id, turn.speaker_id, turn.text) for turn in one.turns] for one in (apart, together)]
    assert said[0] == said[1]


def test_nothing_but_sound_tells_when_the_first_turn_starts(simulator):
    starts = [simulator.draw(seed=(1, number), name="c").turns[0].start for number in range(20)]
    assert BEFORE[0] <= min(starts) < 0.4 and 0.7 < max(starts) <= BEFORE[1]


def test_silences_differ_from_conversation_to_conversation(simulator):
    """What Lhotse's own simulator gets wrong: every meeting has the same."""
    pauses = {
        round(turns[1].start - turns[0].end, 6)
        for number in range(10)
        for turns in [simulator.draw(seed=(1, number), name="c", ratio=0.0).turns]
    }
    assert len(pauses) == 10


def test_each_turn_is_heard_at_its_time_and_level_on_its_channel(simulator):
    conversation = simulator.draw(seed=(3, 1), name="c", ratio=0.0)
    mixture_N, parts_CN = conversation.audio()
    assert not parts_CN[1].any()
    for turn in conversation.turns:
        within_N = mixture_N[round(turn.start * RATE) : round(turn.end * RATE)]
        assert 0.4 * LEVEL < np.sqrt(np.square(within_N).mean()) < 1.1 * LEVEL  # the low-pass takes its part of noise
    silent_N = np.ones(len(mixture_N), dtype=bool)
    for turn in conversation.turns:
        silent_N[int(turn.start * RATE) - 5 : int(turn.end * RATE) + 50] = False
    assert np.abs(mixture_N[silent_N]).max() < 1e-3


def test_the_channels_add_up_to_the_mixture(simulator):
    mixture_N, parts_CN = simulator.draw(seed=(3, 4), name="c", ratio=0.4).audio()
    assert parts_CN[1].any() and np.allclose(parts_CN.sum(axis=0), mixture_N, atol=1e-5)


def test_the_cut_says_the_turns_of_the_conversation(simulator):
    conversation = simulator.draw(seed=(3, 4), name="c", ratio=0.4)
    read = turns_of(conversation.cut())
    assert [turn.utterance_id for turn in read] == [turn.utterance_id for turn in conversation.turns]
    assert np.allclose([turn.start for turn in read], [turn.start for turn in conversation.turns])
    assert np.allclose([turn.end for turn in read], [turn.end for turn in conversation.turns], atol=1e-3)


def test_more_speakers_take_turns(utterances):
    params = ConversationParams(speakers=4, fewest_turns=5, most_turns=6)
    conversation = Simulator(utterances, params).draw(seed=(1, 1), name="c", ratio=0.4)
    assert len({turn.speaker_id for turn in conversation.turns}) == 4
    conversation.audio()


def test_a_corpus_of_one_speaker_is_refused(utterances):
    with pytest.raises(CorpusError, match="need as many in the split, but it has 1 who are heard"):
        Simulator(utterances[:3], ConversationParams())


def test_speech_is_found_between_silences(utterances):
    samples_N, rate = soundfile.read(utterances[4].recording.sources[0].source)
    speech = find_speech(samples_N, rate)
    assert speech.start == pytest.approx(0.3, abs=0.04)
    assert speech.end == pytest.approx(len(samples_N) / rate - 0.3, abs=0.04)
    assert find_speech(np.zeros(RATE), RATE) is None and find_speech(samples_N[:100], rate) is None
