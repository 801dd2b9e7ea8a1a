"""The share of the dense computation: against a loop over frames, and its gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.recognizers.transducer.encoders.compute_share import compute_share

SIZES = {"dim": 6, "feed_forward": 10, "left_context": 3}


def operations(gates_T2):
    """Operations of one utterance at one layer, counted pair by pair."""
    dim, feed_forward, left_context = SIZES.values()
    total = 0
    for t, (attends, feeds) in enumerate(gates_T2):
        total += 2 * 2 * dim * feed_forward * feeds
        if attends:
            seen = sum(other for other, _ in gates_T2[max(0, t - left_context) : t + 1])
            total += 2 * 4 * dim * dim + 2 * 2 * dim * seen
    return total


@settings(max_examples=40, deadline=None)
@given(data=st.data(), lengths=st.lists(st.integers(1, 9), min_size=1, max_size=3), layers=st.integers(1, 3))
def test_it_is_that_of_a_loop_over_frames(data, lengths, layers):
    gate = st.integers(0, 1)
    gates = [[[data.draw(st.tuples(gate, gate)) for _ in range(n)] for n in lengths] for _ in range(layers)]
    padded = torch.ones(layers, len(lengths), max(lengths) + 2, 2)  # open gates in the padding must not count
    for layer in range(layers):
        for row, frames in enumerate(lengths):
            padded[layer, row, :frames] = torch.tensor(gates[layer][row], dtype=torch.float32)
    inside_BT = torch.arange(max(lengths) + 2) < torch.tensor(lengths)[:, None]
    spent = sum(operations(utterance) for layer in gates for utterance in layer)
    dense = layers * sum(operations([(1, 1)] * frames) for frames in lengths)
    assert compute_share(list(padded), inside_BT, **SIZES).item() == pytest.approx(spent / dense, rel=1e-5)


def test_probabilities_give_the_mean_over_independent_gates():
    generator = torch.Generator().manual_seed(0)
    open_BT2 = torch.rand(1, 7, 2, generator=generator)
    inside_BT = torch.ones(1, 7, dtype=torch.bool)
    draws = torch.rand(40_000, 7, 2, generator=generator) < open_BT2
    mean = compute_share([draws.float()], inside_BT.expand(40_000, 7), **SIZES)
    assert compute_share([open_BT2], inside_BT, **SIZES).item() == pytest.approx(mean.item(), abs=0.003)


def test_the_gradient_is_that_of_finite_differences():
    open_BT2 = torch.rand(2, 5, 2, dtype=torch.float64, requires_grad=True)
    inside_BT = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    assert torch.autograd.gradcheck(lambda gates: compute_share([gates], inside_BT, **SIZES), open_BT2)
