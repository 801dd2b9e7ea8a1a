"""An utterance's loss and gradient depend on that utterance alone, whatever its neighbours hold."""

import pytest
import torch

from isogloss.recognizers.transducer.losses import Pruning, transducer_loss, transducer_loss_from_logits
from isogloss.recognizers.transducer.losses.lattice_loss import lattice_loss

SPOILT = [torch.nan, torch.inf, -torch.inf]


def of_joiner(case):
    return transducer_loss(*case.arguments)


def pruned(case):
    simple = torch.arange(case.encoder[..., :1].numel()).sin().view(*case.encoder.shape[:2], 1)
    encoder_BTV = case.encoder.sum(2, keepdim=True) * torch.arange(5.0) * simple
    predictor_BPV = case.predictor.sum(2, keepdim=True) * torch.arange(5.0).cos()
    return transducer_loss(
        *case.arguments, pruning=Pruning(range=2, encoder_BTV=encoder_BTV, predictor_BPV=predictor_BPV)
    )


def of_logits(case):
    return transducer_loss_from_logits(case.logits(), *case.targets)


@pytest.mark.parametrize("loss", [of_joiner, pruned, of_logits])
@pytest.mark.parametrize("value", SPOILT)
@pytest.mark.parametrize("part", ["encoder", "predictor"])
@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize("tokens", [[3, 2, 3], [4, 1, 3]])
def test_a_spoilt_utterance_leaves_its_neighbours_as_they_are(oracle, loss, value, part, bad, tokens):
    lengths = [4, 4, 3], tokens
    clean, spoilt = oracle.case(*lengths), oracle.case(*lengths)
    with torch.no_grad():
        getattr(spoilt, part)[bad] = value
    good = [b for b in range(3) if b != bad]
    expected, found = loss(clean), loss(spoilt)
    assert torch.equal(found[good], expected[good])
    inputs = [case.leaves[:2] for case in (clean, spoilt)]
    # Each loss with its part in the sum: a spoilt utterance may spoil itself and what all share, no neighbour.
    for first, second in zip(
        torch.autograd.grad(expected.sum(), inputs[0], retain_graph=True),
        torch.autograd.grad(found.sum(), inputs[1], retain_graph=True),
        strict=True,
    ):
        assert torch.equal(first[good], second[good])


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_spoilt_utterance_that_is_left_out_of_the_sum_spoils_no_shared_weight(oracle, bad):
    lengths = [4, 4, 3], [3, 2, 3]
    clean, spoilt = oracle.case(*lengths), oracle.case(*lengths)
    with torch.no_grad():
        spoilt.encoder[bad] = torch.nan
    good = [b for b in range(3) if b != bad]
    expected = torch.autograd.grad(of_joiner(clean)[good].sum(), clean.leaves)
    found = torch.autograd.grad(of_joiner(spoilt)[good].sum(), spoilt.leaves)
    torch.testing.assert_close(found, expected)
    assert (found[0][bad] == 0).all()


@pytest.mark.filterwarnings("ignore:invalid value encountered in add:RuntimeWarning")
@pytest.mark.parametrize("value", SPOILT)
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_spoilt_arcs_reach_no_cell_of_another_utterance(value, bad):
    generator = torch.Generator().manual_seed(1)
    arcs = torch.rand(2, 3, 5, 4, generator=generator, dtype=torch.float64).log()
    lengths = torch.tensor([5, 5, 5]), torch.tensor([3, 3, 3])
    spoilt = arcs.clone()
    spoilt[:, bad] = value
    arcs.requires_grad_(), spoilt.requires_grad_()
    good = [b for b in range(3) if b != bad]
    losses = [lattice_loss(*x, *lengths) for x in (arcs, spoilt)]
    assert torch.equal(losses[0][good], losses[1][good])
    gradients = [torch.autograd.grad(x.sum(), y)[0] for x, y in zip(losses, (arcs, spoilt), strict=True)]
    assert torch.equal(gradients[0][:, good], gradients[1][:, good])


def test_the_delay_penalty_has_the_precision_of_the_inputs(oracle):
    case = oracle.case([4, 3], [2, 3])
    loss = transducer_loss(*case.arguments, delay_penalty=1 / 3)
    torch.testing.assert_close(loss, oracle.loss(case, delay_penalty=1 / 3), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("loss", [of_joiner, pruned, of_logits])
@pytest.mark.parametrize("value", SPOILT)
@pytest.mark.parametrize("tokens", [[3, 2, 3], [4, 1, 3]])
def test_a_weight_that_is_no_number_spoils_its_utterance_alone(oracle, loss, value, tokens):
    """The shortest utterance, so that there is padding that its gradient must not reach."""
    lengths = [4, 4, 3], tokens
    clean, spoilt = oracle.case(*lengths), oracle.case(*lengths)
    weights = torch.tensor([1.0, value, 1.0])
    expected = torch.autograd.grad(loss(clean)[[0, 2]].sum(), clean.leaves[:2])
    found = torch.autograd.grad((weights * loss(spoilt)).sum(), spoilt.leaves[:2])
    for first, second in zip(expected, found, strict=True):
        torch.testing.assert_close(second[[0, 2]], first[[0, 2]])
    assert found[0][1].isnan().any() or found[0][1].isinf().any()
