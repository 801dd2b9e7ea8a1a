"""Gates of the amortized Transformer: their values, their gradients, and attention that they weigh."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.recognizers.transducer.encoders.arbitrator import Arbitrator, sample_gates, threshold_gates
from isogloss.recognizers.transducer.encoders.attention import dense_context
from isogloss.recognizers.transducer.encoders.gated_attention import GatedSelfAttention


@pytest.mark.parametrize("logit", [-2.0, -0.3, 0.0, 1.5])
def test_a_gate_is_open_with_the_probability_of_its_logit(logit):
    torch.manual_seed(0)
    gates = sample_gates(torch.full((20_000,), logit), temperature=0.7)
    assert set(gates.round(decimals=5).abs().unique().tolist()) == {0.0, 1.0}
    expected = 1 / (1 + math.exp(-logit))
    assert gates.mean().item() == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 20_000))


@pytest.mark.parametrize("gates_of", [partial(sample_gates, noise=0.0), threshold_gates])
@settings(max_examples=30, deadline=None)
@given(logit=st.floats(-4, 4).filter(lambda logit: abs(logit) > 1e-3), temperature=st.floats(0.3, 3))
def test_without_noise_gates_are_those_of_inference_with_the_gradient_of_a_sigmoid(gates_of, logit, temperature):
    logits = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
    gates = gates_of(logits, temperature=temperature)
    gates.sum().backward()
    assert gates.item() == pytest.approx(float(logit > 0), abs=1e-9)
    soft = 1 / (1 + math.exp(-logit / temperature))
    assert logits.grad.item() == pytest.approx(soft * (1 - soft) / temperature, rel=1e-6)


def test_an_untrained_arbitrator_leaves_nearly_everything_open():
    torch.manual_seed(0)
    assert (Arbitrator(32)(torch.randn(4, 100, 32)) > 0).float().mean() > 0.9


def weighed(gates_BT, frames, left_context=3, dtype=torch.float64):
    """The attention module, its input and its output with gates."""
    torch.manual_seed(0)
    attention = GatedSelfAttention(8, heads=2, left_context=left_context).to(dtype)
    input_BTD = torch.randn(len(gates_BT), frames, 8, dtype=dtype)
    context = dense_context(0, frames, head_dim=4, left_context=left_context, like=input_BTD)
    return attention, input_BTD, attention.weigh(input_BTD, gates_BT, context)


def test_weighing_by_open_gates_is_plain_attention():
    attention, input_BTD, weighed_BTD = weighed(torch.ones(2, 200, dtype=torch.float64), 200)
    context = dense_context(0, 200, head_dim=4, left_context=3, like=input_BTD)
    torch.testing.assert_close(weighed_BTD, attention(input_BTD, context))


@settings(max_examples=20, deadline=None)
@given(gates=st.lists(st.booleans(), min_size=1, max_size=12))
def test_closed_frames_are_not_attended_to_but_see_themselves(gates):
    """As in a batch that holds, for each frame, only the frames it may attend to."""
    frames, left_context = len(gates), 3
    attention, input_BTD, weighed_BTD = weighed(torch.tensor([gates], dtype=torch.float64), frames)
    context = dense_context(0, frames, head_dim=4, left_context=left_context, like=input_BTD)
    query, key, value = attention.project(input_BTD, context)
    for t in range(frames):
        seen = [s for s in range(max(0, t - left_context), t + 1) if gates[s] or s == t]
        scores_HS = torch.einsum("he,hse->hs", query[0, :, t], key[0][:, seen]) / 2
        attended_HE = torch.einsum("hs,hse->he", scores_HS.softmax(dim=1), value[0][:, seen])
        torch.testing.assert_close(weighed_BTD[0, t], attention.output(attended_HE.flatten()))


def test_the_gradient_of_keys_gates_is_that_of_finite_differences():
    gates_BT = torch.rand(2, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1
    assert torch.autograd.gradcheck(lambda gates: weighed(gates, 9)[2], gates_BT.requires_grad_())


def test_a_closed_key_gets_a_gradient():
    gates_BT = torch.tensor([[1.0, 0.0, 1.0, 1.0]], dtype=torch.float64, requires_grad=True)
    weighed(gates_BT, 4)[2][0, 3].sum().backward()
    assert (gates_BT.grad[0, :3] != 0).all()
    assert gates_BT.grad[0, 3] == 0  # it sees itself anyway; its own gate acts on its output
