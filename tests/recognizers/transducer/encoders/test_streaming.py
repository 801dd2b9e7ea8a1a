"""Encoding chunk by chunk gives what encoding the whole gives, for every encoder and any chunking."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

CHUNKS = st.lists(st.integers(0, 9), min_size=1, max_size=10).filter(any)


@settings(max_examples=12, deadline=None)
@given(chunks=CHUNKS, flush_alone=st.booleans(), batch=st.integers(1, 3))
def test_streaming_in_any_chunks_equals_encoding_the_whole(case, chunks, flush_alone, batch):
    model, frames = case.build(), sum(chunks)
    features_BTF = case.features(batch, frames)
    with torch.no_grad():
        whole_BTD, lengths_B = model(features_BTF, torch.full((batch,), frames))
        streamed_BTD = case.stream(model, features_BTF, chunks, flush_alone=flush_alone)
    assert streamed_BTD.shape[1] == lengths_B[0]
    torch.testing.assert_close(streamed_BTD, whole_BTD, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1, 37, 240])
def test_a_long_stream_does_not_drift(case, size):
    model, frames = case.build(), 240
    features_BTF = case.features(1, frames) + 3.0
    with torch.no_grad():
        whole_BTD, _ = model(features_BTF, torch.tensor([frames]))
        chunks = [size] * (frames // size) + [frames % size]
        streamed_BTD = case.stream(model, features_BTF, chunks, flush_alone=False)
    torch.testing.assert_close(streamed_BTD, whole_BTD, rtol=1e-3, atol=1e-4)


def test_the_state_of_a_stream_is_not_changed_by_going_on(case):
    """A caller may keep a state and continue from it twice, as a search does."""
    model, features_BTF = case.build(), case.features(1, 40)
    with torch.no_grad():
        _, state = model.stream(features_BTF[:, :17], None)
        first_BTD, _ = model.stream(features_BTF[:, 17:], state, last=True)
        second_BTD, _ = model.stream(features_BTF[:, 17:], state, last=True)
    torch.testing.assert_close(first_BTD, second_BTD, rtol=0, atol=0)


def test_a_stream_that_ends_before_it_began_gives_nothing(case):
    model = case.build()
    with torch.no_grad():
        encoded_BTD, _ = model.stream(case.features(2, 0), None, last=True)
    assert encoded_BTD.shape == (2, 0, model.output_dim)


def test_bfloat16_streams_as_it_encodes(case):
    model, features_BTF = case.build().bfloat16(), case.features(1, 50).bfloat16()
    with torch.no_grad():
        whole_BTD, _ = model(features_BTF, torch.tensor([50]))
        streamed_BTD = case.stream(model, features_BTF, [13, 1, 0, 36], flush_alone=True)
    assert streamed_BTD.dtype == torch.bfloat16
    assert (streamed_BTD - whole_BTD).float().norm() < 0.1 * whole_BTD.float().norm()
