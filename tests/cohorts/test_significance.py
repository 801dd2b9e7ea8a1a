import numpy as np
import pytest

from isogloss.cohorts import significance
from isogloss.cohorts.significance import SpeakerPermutationTest
from isogloss.cohorts.speaker_sums import speaker_sums


def decide(*, speakers, disparity, seed, utterances=4, travels=0.0, alpha=0.1):
    """Whether a country, whose north may be served worse, passes the test; speakers have effects of their own."""
    rng = np.random.default_rng(seed)
    home = rng.uniform(-10, 10, (speakers, 2))
    speaker = np.repeat(np.arange(speakers), utterances)
    position = home[speaker] + travels * rng.normal(size=(len(speaker), 2))
    words = rng.integers(2, 9, len(speaker)).astype(float)
    rate = np.clip(rng.beta(1, 4, speakers) + disparity * (home[:, 0] > 3), 0, 1)[speaker]
    speakers_S = speaker_sums(position, rng.binomial(words.astype(int), rate) / words, words, speaker)
    test = SpeakerPermutationTest(speakers_S, min_speakers=5, min_words=10, alpha=alpha, seed=seed)
    return test(np.arange(speakers))


@pytest.mark.parametrize("travels", [0.0, 0.5], ids=["at home", "at several positions"])
def test_without_disparity_the_best_split_is_significant_as_rarely_as_alpha_says(travels):
    passed = sum(decide(speakers=30, disparity=0.0, seed=seed, travels=travels) for seed in range(60))
    # 60 draws with probability 0.1 exceed 12 once in a hundred times.
    assert passed <= 12


@pytest.mark.parametrize("travels", [0.0, 0.5], ids=["at home", "at several positions"])
def test_a_disparity_of_the_north_is_significant(travels):
    assert all(decide(speakers=60, disparity=0.3, seed=seed, travels=travels) for seed in range(5))


def test_more_utterances_of_the_same_speakers_do_not_make_chance_significant():
    passed = sum(decide(speakers=24, disparity=0.0, seed=seed, utterances=40) for seed in range(50))
    assert passed <= 11


def test_a_selection_of_very_many_speakers_decides_as_well(monkeypatch):
    monkeypatch.setattr(significance, "MOST_SPEAKERS", 60)
    assert all(decide(speakers=600, disparity=0.4, seed=seed) for seed in range(3))
    assert sum(decide(speakers=600, disparity=0.0, seed=seed) for seed in range(30)) <= 8
