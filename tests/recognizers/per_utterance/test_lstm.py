"""An LSTM that tells its gates' gradients, against PyTorch's own under autograd."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from isogloss.recognizers.per_utterance.lstm import RememberedLSTM, can_be_remembered


def remembered(lstm, inputs):
    """Output, states, gate gradients; the list fills with the backward pass."""
    heard = []
    output, hidden, cell = RememberedLSTM.apply(inputs, lstm.weight_ih_l0, lstm, heard.extend)
    return output, (hidden, cell), heard


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 3), st.booleans(), st.integers(0, 9))
def test_it_computes_what_pytorch_computes(batch, positions, layers, bias, seed):
    torch.manual_seed(seed)
    lstm = nn.LSTM(3, 4, num_layers=layers, bias=bias, batch_first=True).double()
    inputs = torch.randn(batch, positions, 3, dtype=torch.double, requires_grad=True)
    output, states, heard = remembered(lstm, inputs)
    expected, expected_states = lstm(inputs)
    for found, right in zip((output, *states), (expected, *expected_states), strict=True):
        torch.testing.assert_close(found, right)
    # The loss asks for the output and for the last states of all layers.
    weights = [torch.randn_like(part) for part in (expected, *expected_states)]
    loss = sum((part * weight).sum() for part, weight in zip((output, *states), weights, strict=True))
    right = sum((part * weight).sum() for part, weight in zip((expected, *expected_states), weights, strict=True))
    torch.testing.assert_close(*(torch.autograd.grad(one, inputs)[0] for one in (loss, right)))
    named = dict(lstm.named_parameters())
    gradients = dict(zip(named, torch.autograd.grad(lstm_loss(lstm, inputs, weights), named.values()), strict=True))
    for layer, told in enumerate(heard):
        gates = told.gates_NBG.flatten(0, 1)
        torch.testing.assert_close(gates.T @ told.input_NBI.flatten(0, 1), gradients[f"weight_ih_l{layer}"])
        torch.testing.assert_close(gates.T @ told.before_NBH.flatten(0, 1), gradients[f"weight_hh_l{layer}"])
        if bias:
            torch.testing.assert_close(gates.sum(0), gradients[f"bias_hh_l{layer}"])


def lstm_loss(lstm, inputs, weights):
    output, states = lstm(inputs)
    return sum((part * weight).sum() for part, weight in zip((output, *states), weights, strict=True))


def test_only_the_last_state_may_matter():
    lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True)
    inputs = torch.randn(2, 5, 3, requires_grad=True)
    _, (_, cell), heard = remembered(lstm, inputs)
    found = torch.autograd.grad(cell[0].sum(), inputs)[0]
    torch.testing.assert_close(found, torch.autograd.grad(lstm(inputs)[1][1][0].sum(), inputs)[0])
    assert len(heard) == 2 and not heard[1].gates_NBG.any()


@pytest.mark.parametrize(
    "options", [{"batch_first": False}, {"bidirectional": True}, {"proj_size": 2}, {"dropout": 0.1, "num_layers": 2}]
)
def test_other_kinds_are_left_to_pytorch(options):
    assert not can_be_remembered(nn.LSTM(3, 4, **{"batch_first": True, **options}))
