"""Gradients against finite differences, against FastEmit's definition, and on padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from isogloss.recognizers.transducer.losses import transducer_loss, transducer_loss_from_logits


@pytest.mark.parametrize(("encoder_lengths", "token_lengths"), [([4, 2], [2, 3]), ([1, 3], [2, 0]), ([1], [0])])
def test_gradient_is_the_finite_difference_of_the_value(oracle, encoder_lengths, token_lengths):
    case = oracle.case(encoder_lengths, token_lengths, extra=(1, 1))

    def loss(encoder, predictor, weight, bias):
        layer = nn.Linear(4, 5, dtype=torch.float64)
        del layer.weight, layer.bias
        layer.weight, layer.bias = weight, bias
        return transducer_loss(encoder, predictor, layer, *case.targets, delay_penalty=0.1)

    leaves = [leaf.detach().clone().requires_grad_() for leaf in case.leaves]
    assert torch.autograd.gradcheck(loss, leaves)


def test_gradient_in_logits_is_the_finite_difference_of_the_value(oracle):
    case = oracle.case([3, 2], [2, 1], extra=(1, 1))
    logits = case.logits().detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: transducer_loss_from_logits(x, *case.targets), logits)


def fastemit_by_definition(oracle, case, fastemit):
    """Enumerate all alignments, scale what flows into label probabilities, go on by autograd."""
    logits = case.logits()
    roots, cotangents = [], []
    for b, (frames, labels) in enumerate(zip(case.encoder_lengths.tolist(), case.token_lengths.tolist(), strict=True)):
        log_blank, log_label = oracle.arcs(logits[b, :frames, : labels + 1], case.tokens[b, :labels])
        blank, label = log_blank.detach().requires_grad_(), log_label.detach().requires_grad_()
        grad_blank, grad_label = torch.autograd.grad(
            oracle.enumerate_loss(blank, label), (blank, label), materialize_grads=True
        )
        roots += [log_blank, log_label]
        cotangents += [grad_blank, (1 + fastemit) * grad_label]
    return torch.autograd.grad(roots, case.leaves, cotangents)


@pytest.mark.parametrize("fastemit", [0.0, 0.01, 1.5])
def test_fastemit_scales_the_label_branch_and_leaves_the_value(oracle, fastemit):
    case = oracle.case([4, 2, 3], [2, 3, 1])
    loss = transducer_loss(*case.arguments, fastemit=fastemit)
    torch.testing.assert_close(loss, oracle.loss(case))
    expected = fastemit_by_definition(oracle, case, fastemit)
    torch.testing.assert_close(torch.autograd.grad(loss.sum(), case.leaves), expected)
    from_logits = transducer_loss_from_logits(case.logits(), *case.targets, fastemit=fastemit)
    torch.testing.assert_close(torch.autograd.grad(from_logits.sum(), case.leaves), expected)


@given(
    lengths=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 4)), min_size=1, max_size=4),
    extra=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    vocabulary=st.integers(2, 7),
    bias=st.booleans(),
    fastemit=st.sampled_from([0.0, 0.3]),
    dtype=st.sampled_from([torch.float64, torch.bfloat16]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=40, deadline=None)
def test_garbage_in_the_padding_changes_nothing(oracle, lengths, extra, vocabulary, bias, fastemit, dtype, seed):
    case = oracle.case(
        [t for t, _ in lengths],
        [u for _, u in lengths],
        vocabulary=vocabulary,
        bias=bias,
        dtype=dtype,
        extra=extra,
        seed=seed,
    )
    loss = transducer_loss(*case.arguments, fastemit=fastemit)
    gradients = torch.autograd.grad(loss.sum(), case.leaves)
    logits = case.logits().detach().requires_grad_()
    loss_of_logits = transducer_loss_from_logits(logits, *case.targets, fastemit=fastemit)
    (gradient_of_logits,) = torch.autograd.grad(loss_of_logits.sum(), logits)
    inside = torch.zeros(logits.shape[:3], dtype=torch.bool)
    with torch.no_grad():
        for b, (frames, labels) in enumerate(lengths):
            case.encoder[b, frames:] = torch.nan
            case.predictor[b, labels + 1 :] = torch.inf
            case.tokens[b, labels:] = -1 - b
            inside[b, :frames, : labels + 1] = True
        logits[~inside] = torch.nan

    spoilt = transducer_loss(*case.arguments, fastemit=fastemit)
    assert torch.isfinite(spoilt).all()
    assert torch.equal(spoilt, loss)
    for spoilt_gradient, gradient in zip(torch.autograd.grad(spoilt.sum(), case.leaves), gradients, strict=True):
        assert torch.equal(spoilt_gradient, gradient)
    for b, (frames, labels) in enumerate(lengths):
        assert (gradients[0][b, frames:] == 0).all()
        assert (gradients[1][b, labels + 1 :] == 0).all()

    spoilt_of_logits = transducer_loss_from_logits(logits, *case.targets, fastemit=fastemit)
    assert torch.equal(spoilt_of_logits, loss_of_logits)
    (spoilt_gradient,) = torch.autograd.grad(spoilt_of_logits.sum(), logits)
    assert torch.equal(spoilt_gradient, gradient_of_logits)
    assert (spoilt_gradient[~inside] == 0).all()


def test_gradients_of_single_inputs_can_be_asked_for(oracle):
    case = oracle.case([4, 2], [2, 1])
    every = torch.autograd.grad(transducer_loss(*case.arguments).sum(), case.leaves)
    for index, leaf in enumerate(case.leaves):
        for other in case.leaves:
            other.requires_grad_(other is leaf)
        (gradient,) = torch.autograd.grad(transducer_loss(*case.arguments).sum(), leaf)
        torch.testing.assert_close(gradient, every[index])


def test_long_and_confident_utterances_stay_exact_in_float32(oracle):
    case = oracle.case([400], [60], vocabulary=6, dtype=torch.float64)
    with torch.no_grad():
        case.layer.weight.mul_(8)
    exact = torch.autograd.grad(transducer_loss(*case.arguments).sum(), case.encoder)[0]
    single = case.encoder.detach().float().requires_grad_()
    layer = nn.Linear(4, 6)
    layer.load_state_dict({name: value.float() for name, value in case.layer.state_dict().items()})
    loss = transducer_loss(single, case.predictor.detach().float(), layer, *case.targets)
    (gradient,) = torch.autograd.grad(loss.sum(), single)
    torch.testing.assert_close(loss.double(), transducer_loss(*case.arguments), rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(gradient.double(), exact, rtol=2e-2, atol=2e-3)
