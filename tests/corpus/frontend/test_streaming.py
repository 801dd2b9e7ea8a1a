"""Features of a stream against those that Lhotse computes of the whole."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.corpus.frontend.features import feature_extractor
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.corpus.frontend.streaming import FEWEST_SAMPLES, StreamingFeatures
from isogloss.errors import CorpusError

FILTERS = 40


def noise(samples, seed=0):
    return np.random.default_rng(seed).normal(0.0, 0.1, samples).astype(np.float32)


def streamed(audio_N, cuts):
    features, edges = StreamingFeatures(num_filters=FILTERS), [0, *sorted(cuts), len(audio_N)]
    pieces = [
        features.accept(audio_N[start:end], last=number + 2 == len(edges))
        for number, (start, end) in enumerate(itertools.pairwise(edges))
    ]
    return torch.cat(pieces).numpy()


@settings(max_examples=60, deadline=None)
@given(samples=st.integers(FEWEST_SAMPLES, 3000), data=st.data())
def test_streamed_features_equal_those_of_the_whole_for_any_length_and_any_chunks(samples, data):
    cuts = data.draw(st.lists(st.integers(0, samples), max_size=12))
    audio_N = noise(samples, samples)
    whole_TF = feature_extractor(FILTERS).extract(audio_N, SAMPLING_RATE)
    np.testing.assert_allclose(streamed(audio_N, cuts), whole_TF, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("samples", [0, 1, 100, FEWEST_SAMPLES - 1])
def test_what_is_too_short_for_a_frame_has_none(samples):
    assert streamed(noise(samples), [samples // 2]).shape == (0, FILTERS)


@pytest.mark.parametrize("frame", [0, 1, 7])
def test_a_frame_comes_with_the_last_sample_of_its_window(frame):
    features = StreamingFeatures(num_filters=FILTERS)
    audio_N = noise(160 * frame + 280)
    assert len(features.accept(audio_N[:-1])) == frame
    assert len(features.accept(audio_N[-1:])) == 1


@pytest.mark.parametrize(
    "chunk", [np.zeros((2, 100), dtype=np.float32), np.zeros(100, dtype=np.int16), torch.zeros(1, 9)]
)
def test_what_is_not_one_row_of_floating_point_samples_is_refused(chunk):
    with pytest.raises(CorpusError, match="one row of floating-point samples"):
        StreamingFeatures(num_filters=FILTERS).accept(chunk)


def test_an_ended_utterance_takes_no_more_audio():
    features = StreamingFeatures(num_filters=FILTERS)
    features.accept(noise(400), last=True)
    with pytest.raises(CorpusError, match="has ended"):
        features.accept(noise(10))
