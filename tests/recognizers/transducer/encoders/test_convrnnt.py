"""ConvRNN-T: the reach of its global encoder, the channels of its local one, and what the LSTM layers see."""

import pytest
import torch

from isogloss.errors import ModelError
from isogloss.recognizers.transducer import build_encoder
from isogloss.recognizers.transducer.encoders import encoder_options


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_encoder("convrnnt", input_dim=8, local_channels=2, global_dim=8, hidden_dim=8, layers=1).eval()


def test_the_convolutions_of_six_blocks_reach_127_frames_back(model):
    """1 + 2 * (1 + 2 + 4 + 8 + 16 + 32); the gates, which see all the past, are held open."""
    for block in model.blocks.layers:
        torch.nn.init.zeros_(block.excitation.excite.weight)
    frames_BTD = torch.randn(1, 200, 8, requires_grad=True)
    (model.blocks(frames_BTD)[0, -1] * torch.arange(8)).sum().backward()
    seen_T = frames_BTD.grad[0].abs().sum(dim=1) > 0
    assert seen_T.nonzero().min() == 200 - 127


def test_the_gates_see_the_whole_past(model):
    frames_BTD = torch.randn(1, 200, 8, requires_grad=True)
    (model.blocks(frames_BTD)[0, -1] * torch.arange(8)).sum().backward()
    assert (frames_BTD.grad[0].abs().sum(dim=1) > 0).all()


def test_the_published_local_encoder_has_100_100_64_and_64_channels_of_5_by_5():
    with torch.device("meta"):
        model = build_encoder("convrnnt", input_dim=80, **encoder_options("convrnnt", "published"))
    kernels = [layer.convolution.weight.shape for layer in model.local.convolutions.layers]
    assert kernels == [(100, 1, 5, 5), (100, 100, 5, 5), (64, 100, 5, 5), (64, 64, 5, 5)]


def test_the_lstm_layers_see_both_encoders(model):
    features_BTF, lengths_B = torch.randn(1, 40, 8), torch.tensor([40])
    before_BTD, _ = model(features_BTF, lengths_B)
    with torch.no_grad():
        model.projection.weight[:, :8] = 0.0
    without_local_BTD, _ = model(features_BTF, lengths_B)
    with torch.no_grad():
        model.projection.weight[:, 8:] = 0.0
    without_both_BTD, _ = model(features_BTF, lengths_B)
    assert not torch.allclose(before_BTD, without_local_BTD)
    assert not torch.allclose(without_local_BTD, without_both_BTD)


def test_a_subsampling_it_has_no_strides_for_is_refused():
    with pytest.raises(ModelError, match="convrnnt cannot subsample by 8; choose one of 1, 2, 3, 4"):
        build_encoder("convrnnt", input_dim=40, subsampling=8)
