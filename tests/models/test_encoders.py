"""Encoders: streamed equals offline for any chunking, no present output sees the future, padding never leaks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.errors import ModelError
from isogloss.models import build_encoder

ENCODERS = {
    "lstm": {"subsampling": 2, "channels": 4, "hidden_dim": 16, "layers": 2},
    "lstm of 30 ms": {"subsampling": 3, "channels": 4, "hidden_dim": 16, "layers": 1},
    "lstm of 40 ms": {"subsampling": 4, "channels": 4, "hidden_dim": 16, "layers": 1},
}
FILTERS = 20


def encoder(name):
    torch.manual_seed(0)
    return build_encoder(name.split()[0], input_dim=FILTERS, **ENCODERS[name]).eval()


def noise(frames, seed=0):
    return torch.randn(1, frames, FILTERS, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ENCODERS)
@settings(max_examples=25, deadline=None)
@given(chunks=st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(lambda chunks: sum(chunks) > 0))
def test_streaming_in_any_chunks_equals_encoding_the_whole(name, chunks):
    model = encoder(name)
    features_BTF = noise(sum(chunks))
    with torch.no_grad():
        whole_BTD, lengths_B = model(features_BTF, torch.tensor([sum(chunks)]))
        state, pieces, start = None, [], 0
        for number, size in enumerate(chunks):
            chunk_BTF = features_BTF[:, start : start + size]
            piece_BTD, state = model.stream(chunk_BTF, state, last=number + 1 == len(chunks))
            pieces.append(piece_BTD)
            start += size
    streamed_BTD = torch.cat(pieces, dim=1)
    assert streamed_BTD.shape[1] == lengths_B.item()
    torch.testing.assert_close(streamed_BTD, whole_BTD, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ENCODERS)
@settings(max_examples=15, deadline=None)
@given(frames=st.integers(2, 40), data=st.data())
def test_a_changed_future_frame_changes_no_present_output(name, frames, data):
    changed = data.draw(st.integers(1, frames - 1))
    model = encoder(name)
    features_BTF = noise(frames)
    other_BTF = features_BTF.clone()
    other_BTF[:, changed:] += 5.0
    with torch.no_grad():
        first_BTD, _ = model(features_BTF, torch.tensor([frames]))
        second_BTD, _ = model(other_BTF, torch.tensor([frames]))
    present = (changed + model.subsampling - 1) // model.subsampling
    torch.testing.assert_close(first_BTD[:, :present], second_BTD[:, :present], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ENCODERS)
def test_what_stands_in_the_padding_does_not_reach_the_utterance(name):
    model = encoder(name)
    features_BTF = torch.cat([noise(20), torch.full((1, 13, FILTERS), 1e4)], dim=1)
    with torch.no_grad():
        alone_BTD, alone_B = model(features_BTF[:, :20], torch.tensor([20]))
        padded_BTD, padded_B = model(features_BTF, torch.tensor([20]))
    assert alone_B.item() == padded_B.item() == alone_BTD.shape[1]
    torch.testing.assert_close(padded_BTD[:, : alone_B.item()], alone_BTD, rtol=1e-4, atol=1e-5)


def test_an_unknown_encoder_is_refused_with_the_nearest_name():
    with pytest.raises(ModelError, match="did you mean 'lstm'"):
        build_encoder("lstmm", input_dim=FILTERS)
