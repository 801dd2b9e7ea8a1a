"""Squared gradients from one backward pass against one backward pass an utterance, for each kind of layer."""

import pytest
import torch
from torch import nn

from isogloss.recognizers.per_utterance import UtteranceGradients


class Everything(nn.Module):
    """All the kinds of layers, one of them called twice, a parameter that the loss does not reach."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 6)
        self.strided = nn.Conv1d(6, 8, 3, groups=2, padding=1, stride=2)
        self.depthwise = nn.Conv1d(8, 8, 3, groups=8, dilation=2, bias=False)
        self.norm = nn.LayerNorm(8)
        self.lstm = nn.LSTM(8, 5, num_layers=2, batch_first=True)
        self.plane = nn.Conv2d(1, 3, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2))
        self.twice = nn.Linear(9, 9)
        self.unused = nn.Linear(2, 2)

    def forward(self, tokens_BN):
        hidden = self.depthwise(self.strided(self.embedding(tokens_BN).transpose(1, 2))).transpose(1, 2)
        hidden = self.lstm(self.norm(hidden))[0]
        hidden = self.plane(hidden.unsqueeze(1)).transpose(1, 2).flatten(2)
        return self.twice(torch.tanh(self.twice(hidden))).pow(2).sum((1, 2))


def squares_at_once(model, inputs):
    with UtteranceGradients(model, len(inputs)) as noted:
        model(inputs).sum().backward()
    return noted.squares()


def squares_one_by_one(model, inputs):
    named = dict(model.named_parameters())
    squares = {name: torch.zeros_like(p) for name, p in named.items()}
    for row in range(len(inputs)):
        found = torch.autograd.grad(model(inputs[row : row + 1]).sum(), list(named.values()), allow_unused=True)
        for name, gradient in zip(named, found, strict=True):
            if gradient is not None:
                squares[name] += gradient**2
    return squares


@pytest.mark.parametrize("seed", range(3))
def test_every_kind_of_layer_gives_what_single_utterances_give(seed):
    torch.manual_seed(seed)
    model = Everything().double()
    inputs = torch.randint(0, 7, (5, 21))
    found, expected = squares_at_once(model, inputs), squares_one_by_one(model, inputs)
    assert set(expected) - set(found) == {"unused.weight", "unused.bias"}
    for name, square in found.items():
        torch.testing.assert_close(square, expected[name], rtol=1e-9, atol=1e-14, msg=name)


def test_a_layer_that_sees_gathered_frames_is_left_out():
    class Gathered(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x_BND):
            return self.linear(x_BND[:, 0]).pow(2).sum(1)

    assert squares_at_once(Gathered(), torch.randn(4, 2, 3)) == {}


def test_a_weight_that_is_also_used_beside_its_layer_is_left_out():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x_BND):
            return (self.linear(x_BND) @ self.linear.weight).pow(2).sum((1, 2))

    assert set(squares_at_once(Tied(), torch.randn(4, 2, 3))) == {"linear.bias"}


@pytest.mark.parametrize("beside", ["state", "weight", "rows"])
def test_an_lstm_that_does_more_than_it_can_tell_is_left_out(beside):
    class Continued(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(3, 3, batch_first=True)

        def forward(self, x_BND):
            if beside == "state":
                start = x_BND.new_ones(1, len(x_BND), 3)
                return self.lstm(x_BND, (start, start))[0].pow(2).sum((1, 2))
            if beside == "rows":  # two for each utterance
                return self.lstm(x_BND.repeat_interleave(2, dim=0))[0].pow(2).sum((1, 2)).view(-1, 2).sum(1)
            return (self.lstm(x_BND)[0] @ self.lstm.weight_hh_l0[:3]).pow(2).sum((1, 2))

    found = set(squares_at_once(Continued(), torch.randn(4, 5, 3)))
    assert found == (set() if beside != "weight" else {"lstm.weight_ih_l0", "lstm.bias_ih_l0", "lstm.bias_hh_l0"})


def test_no_hook_is_left_behind():
    model = Everything()
    squares_at_once(model, torch.randint(0, 7, (2, 21)))
    assert not any(module._forward_hooks or "forward" in vars(module) for module in model.modules())
