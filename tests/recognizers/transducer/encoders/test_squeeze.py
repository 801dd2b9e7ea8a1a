"""The running mean of squeeze-and-excitation."""

import pytest
import torch

from isogloss.recognizers.transducer.encoders.squeeze import RunningMean, SqueezeExcitation, prefix_sum_by_doubling


def test_the_running_mean_at_each_frame_is_the_mean_up_to_it():
    input_BTD = torch.randn(2, 30, 4)
    expected_BTD = torch.stack([input_BTD[:, : frame + 1].mean(dim=1) for frame in range(30)], dim=1)
    torch.testing.assert_close(RunningMean()(input_BTD), expected_BTD)


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 8, 100])
def test_sums_by_doubling_are_cumulative_sums_with_the_same_gradient(frames):
    input_BTD = torch.randn(2, frames, 3, dtype=torch.float64, requires_grad=True)
    weights_BTD = torch.randn(2, frames, 3, dtype=torch.float64)
    (expected_BTD,) = torch.autograd.grad((input_BTD.cumsum(dim=1) * weights_BTD).sum(), input_BTD)
    torch.testing.assert_close(prefix_sum_by_doubling(input_BTD), input_BTD.cumsum(dim=1))
    (prefix_sum_by_doubling(input_BTD) * weights_BTD).sum().backward()
    torch.testing.assert_close(input_BTD.grad, expected_BTD)


def test_the_mean_of_a_long_bfloat16_stream_does_not_stall():
    """A sum kept in bfloat16 would stay at 256 from frame 256 on."""
    mean_BTD = RunningMean()(torch.ones(1, 3000, 1, dtype=torch.bfloat16))
    assert mean_BTD.dtype == torch.bfloat16
    assert mean_BTD[0, -1, 0] == 1.0


def test_the_gate_at_the_last_frame_is_that_of_the_usual_squeeze_and_excitation():
    """There, the mean up to the present frame is the mean of the utterance."""
    layer = SqueezeExcitation(16, reduction=8)
    input_BTD = torch.randn(2, 25, 16)
    mean_BD = input_BTD.mean(dim=1)
    hidden_BH = torch.nn.functional.linear(mean_BD, layer.squeeze.weight, layer.squeeze.bias)
    assert hidden_BH.shape[1] == 2
    hidden_BH = hidden_BH * torch.sigmoid(hidden_BH)
    gate_BD = torch.sigmoid(torch.nn.functional.linear(hidden_BH, layer.excite.weight, layer.excite.bias))
    torch.testing.assert_close(layer(input_BTD)[:, -1], input_BTD[:, -1] * gate_BD)


def test_the_past_frames_gates_do_not_change_when_the_stream_goes_on():
    layer, input_BTD = SqueezeExcitation(8), torch.randn(1, 20, 8)
    torch.testing.assert_close(layer(input_BTD)[:, :7], layer(input_BTD[:, :7]))
