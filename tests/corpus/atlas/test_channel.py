import dataclasses

import numpy as np
import pytest
from scipy.signal import welch

from isogloss.corpus.atlas.channel import SAMPLE_RATE, resample, transmit, tremble
from isogloss.corpus.atlas.jobs import ChannelDraw, Job, Take

CLEAN = ChannelDraw(
    level_db=-30.0,
    snr_db=80.0,
    noise_pole=0.5,
    low_cut_hz=20.0,
    high_cut_hz=7900.0,
    seed=[1, 3, 0],
)


def _tone(hertz, seconds, rate):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def test_resampling_keeps_a_tone_and_its_level():
    resampled = resample(_tone(1000.0, 1.0, 22050))
    assert len(resampled) == 16000
    np.testing.assert_allclose(resampled[500:-500], _tone(1000.0, 1.0, 16000)[500:-500], atol=2e-3)


def test_resampling_twice_gives_the_same():
    tone = _tone(440.0, 0.5, 22050)
    np.testing.assert_array_equal(resample(tone), resample(tone))


def test_resampling_removes_what_16_khz_cannot_hold():
    assert np.abs(resample(_tone(10_000.0, 1.0, 22050))[500:-500]).max() < 2e-3


def test_blocks_of_441_become_blocks_of_320():
    for blocks in (1, 7, 50):
        assert len(resample(np.ones(441 * blocks, dtype=np.float32))) == 320 * blocks


def test_speech_has_the_level_that_was_drawn():
    recorded = transmit(_tone(1000.0, 2.0, SAMPLE_RATE), CLEAN) / 32768
    assert 20 * np.log10(recorded.std()) == pytest.approx(-30.0, abs=0.2)


def test_noise_has_the_ratio_and_the_colour_that_were_drawn():
    draw = dataclasses.replace(CLEAN, snr_db=10.0, noise_pole=0.9)
    speech = _tone(1000.0, 4.0, SAMPLE_RATE)
    noise = (transmit(speech, draw) - transmit(speech, CLEAN).astype(np.float64)) / 32768
    assert 20 * np.log10(noise.std()) == pytest.approx(-40.0, abs=0.7)
    frequency, power = welch(noise, SAMPLE_RATE, nperseg=1024)
    low = power[(frequency > 200) & (frequency < 400)].mean()
    high = power[(frequency > 5000) & (frequency < 6000)].mean()

    # |1 - a exp(-iw)|^-2 at 300 Hz and 5500 Hz for a = 0.9
    def gain(hertz):
        return abs(1 - 0.9 * np.exp(-2j * np.pi * hertz / SAMPLE_RATE)) ** -2

    assert 10 * np.log10(low / high) == pytest.approx(10 * np.log10(gain(300) / gain(5500)), abs=2.0)


def test_the_device_cuts_high_frequencies():
    narrow = dataclasses.replace(CLEAN, high_cut_hz=3400.0)
    speech = _tone(6800.0, 1.0, SAMPLE_RATE)
    assert transmit(speech, narrow).std() < 0.3 * transmit(speech, CLEAN).std()


def test_tremor_modulates_the_amplitude():
    speech = tremble(_tone(1000.0, 2.0, SAMPLE_RATE), depth=0.1, hertz=5.0, rng=np.random.default_rng(0))
    frames = transmit(speech, CLEAN).astype(float).reshape(-1, 320).std(axis=1)
    assert frames.max() / frames.min() == pytest.approx(1.1 / 0.9, rel=0.03)


def test_a_job_survives_its_way_to_the_server():
    job = Job(
        speaker_id="s1", voice="en-us+f1", pitch=50, pitch_range=50, rate=160, tremor=0.0, tremor_hz=5.0, seed=[1],
        takes=[Take(recording_id="s1-r1", texts=["call anna"], channel=CLEAN)],
    )  # fmt: skip
    assert Job.from_line(job.to_line()) == job
