"""The causal depthwise convolution against its definition, and its streaming for any stride and dilation."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.recognizers.transducer.encoders.depthwise import CausalDepthwiseConv1d

SHAPES = {
    "kernel": st.integers(1, 5),
    "stride": st.integers(1, 4),
    "dilation": st.integers(1, 4),
    "frames": st.integers(1, 20),
}


def layer(kernel, stride, dilation):
    torch.manual_seed(kernel)
    return CausalDepthwiseConv1d(3, kernel, stride=stride, dilation=dilation)


def by_definition(model, kernel, stride, dilation, input_BTD):
    """out[n] = bias + sum over taps of weight[tap] * in[n * stride - (kernel - 1 - tap) * dilation]."""
    weight_DK, bias_D = model.convolution.weight.reshape(3, kernel), model.convolution.bias
    rows = []
    for end in range(0, input_BTD.shape[1], stride):
        row_BD = bias_D.expand(input_BTD.shape[0], 3)
        for tap in range(kernel):
            frame = end - (kernel - 1 - tap) * dilation
            if frame >= 0:
                row_BD = row_BD + weight_DK[:, tap] * input_BTD[:, frame]
        rows.append(row_BD)
    return torch.stack(rows, dim=1)


@settings(max_examples=40, deadline=None)
@given(**SHAPES)
def test_it_is_the_convolution_of_its_definition(kernel, stride, dilation, frames):
    model = layer(kernel, stride, dilation)
    input_BTD = torch.randn(2, frames, 3)
    expected_BTD = by_definition(model, kernel, stride, dilation, input_BTD)
    torch.testing.assert_close(model(input_BTD), expected_BTD, rtol=1e-4, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(**SHAPES, data=st.data())
def test_any_stride_and_dilation_streams(kernel, stride, dilation, frames, data):
    model = layer(kernel, stride, dilation)
    input_BTD = torch.randn(1, frames, 3)
    cuts = sorted(data.draw(st.lists(st.integers(0, frames), max_size=6)))
    buffer, pieces = None, []
    for start, end in zip([0, *cuts], [*cuts, frames], strict=True):
        piece_BTD, buffer = model.stream(input_BTD[:, start:end], buffer)
        pieces.append(piece_BTD)
    torch.testing.assert_close(torch.cat(pieces, dim=1), model(input_BTD), rtol=1e-4, atol=1e-5)


def test_a_stream_remembers_no_more_than_its_window():
    model = layer(kernel=3, stride=2, dilation=4)
    _, buffer_BTD = model.stream(torch.randn(1, 501, 3), None)
    assert buffer_BTD.shape[1] <= (3 - 1) * 4 + 1
