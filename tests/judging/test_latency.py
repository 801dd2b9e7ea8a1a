"""End of speech and emission delay on sounds whose end is planted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.judging.latency import algorithmic_latency, emission_delay, end_of_speech


def features(frames, speech, *, seed=0, noise_db=0.0, snr_db=25.0):
    """Log-mel features in which given frames are louder than the background by the signal-to-noise ratio."""
    generator = np.random.default_rng(seed)
    level_T = np.full(frames, noise_db)
    level_T[speech] += snr_db
    return (level_T[:, None] + generator.normal(0.0, 1.0, (frames, 40))) * np.log(10) / 10


@given(
    end=st.integers(20, 150),
    silence=st.integers(15, 60),
    noise_db=st.floats(-60, 20),
    snr_db=st.floats(12, 60),
    seed=st.integers(0, 99),
)
def test_speech_ends_where_it_was_planted_at_any_level_and_background(end, silence, noise_db, snr_db, seed):
    log_mel_TF = features(end + silence, slice(10, end), seed=seed, noise_db=noise_db, snr_db=snr_db)
    assert end_of_speech(log_mel_TF) == pytest.approx(end / 100)


def test_a_click_after_the_last_word_is_no_speech():
    log_mel_TF = features(120, slice(10, 80))
    log_mel_TF[100:102] += 8.0
    assert end_of_speech(log_mel_TF) == pytest.approx(0.8)


def test_speech_up_to_the_end_of_the_recording_ends_with_it():
    assert end_of_speech(features(90, slice(30, 90))) == pytest.approx(0.9)


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_a_recording_shorter_than_any_speech_has_no_end(frames):
    assert end_of_speech(np.zeros((frames, 40))) is None


def test_the_delay_runs_from_the_end_of_speech_to_the_end_of_the_window_that_was_heard():
    utterances = [features(100, slice(10, end)) for end in (60, 70, 80)]
    times = [0.60, 0.72, 0.76]
    figures = emission_delay(utterances, times, [True, True, True])
    expected = [17.5, 37.5, -22.5]
    assert figures["mean_ms"] == pytest.approx(np.mean(expected), abs=1e-3)
    assert figures["median_ms"] == pytest.approx(17.5)
    assert figures["p95_ms"] == pytest.approx(np.percentile(expected, 95), abs=1e-3)
    assert (figures["utterances"], figures["utterances_of_split"]) == (3, 3)


def test_utterances_without_the_right_last_word_do_not_count():
    utterances = [features(100, slice(10, 60))] * 3
    figures = emission_delay(utterances, [0.6, 0.9, None], [True, False, True])
    assert (figures["median_ms"], figures["utterances"], figures["utterances_of_split"]) == (17.5, 1, 3)


def test_where_none_counts_there_is_no_figure():
    figures = emission_delay([features(100, slice(10, 60))], [0.6], [False])
    assert figures == {"mean_ms": None, "median_ms": None, "p95_ms": None, "utterances": 0, "utterances_of_split": 1}


@pytest.mark.parametrize("subsampling", [1, 2, 3, 4, 8])
def test_algorithmic_latency_is_the_age_of_the_oldest_sample_of_a_window_when_it_comes_out(subsampling):
    """By the clock: window k covers 10k - 7.5 to 10k + 17.5 ms, and encoder frame n comes out with window n * s."""
    ages = []
    for frame in range(1, 50):
        first_held_by = -(-frame // subsampling) * subsampling
        ages.append(10.0 * first_held_by + 17.5 - (10.0 * frame - 7.5))
    assert algorithmic_latency(subsampling=subsampling)["algorithmic_ms"] == pytest.approx(max(ages))


def test_looking_ahead_adds_to_the_latency():
    ahead, causal = algorithmic_latency(subsampling=4, lookahead_frames=12), algorithmic_latency(subsampling=4)
    assert ahead["algorithmic_ms"] - causal["algorithmic_ms"] == pytest.approx(120.0) == ahead["lookahead_ms"]
