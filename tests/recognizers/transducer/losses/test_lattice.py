"""Occupancies against posteriors of listed alignments."""

import math

import pytest
import torch

from isogloss.recognizers.transducer.losses.lattice import forward_backward
from isogloss.recognizers.transducer.losses.lattice_loss import lattice_loss
from isogloss.recognizers.transducer.losses.reference import reference_lattice_loss


@pytest.mark.parametrize(("frames", "labels"), [(4, 3), (1, 2), (3, 0), (1, 0)])
def test_an_occupancy_is_the_posterior_of_its_arc(oracle, frames, labels):
    generator = torch.Generator().manual_seed(3)
    arcs = torch.rand(2, frames, labels + 1, generator=generator, dtype=torch.float64).log()
    paths = list(oracle.alignments(frames, labels))
    probabilities = [math.exp(sum(arcs[int(k == "label"), t, u] for k, t, u in path)) for path in paths]
    expected = torch.zeros_like(arcs)
    for path, probability in zip(paths, probabilities, strict=True):
        for kind, t, u in path:
            expected[int(kind == "label"), t, u] += probability / sum(probabilities)

    padded = torch.full((2, 1, frames + 2, labels + 3), torch.nan, dtype=torch.float64)
    padded[:, 0, :frames, : labels + 1] = arcs
    log_likelihood, blank, label = forward_backward(*padded, torch.tensor([frames]), torch.tensor([labels]))

    assert log_likelihood.item() == pytest.approx(math.log(sum(probabilities)))
    torch.testing.assert_close(blank[0, :frames, : labels + 1], expected[0])
    torch.testing.assert_close(label[0, :frames, : labels + 1], expected[1])
    assert blank.sum().item() == pytest.approx(frames)
    assert label.sum().item() == pytest.approx(labels)


def test_the_sweep_agrees_with_plain_loops_under_autograd():
    generator = torch.Generator().manual_seed(5)
    blank = torch.randn(3, 9, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    label = torch.randn(3, 9, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([9, 4, 1]), torch.tensor([2, 5, 0])
    loss = lattice_loss(blank, label, *lengths)
    expected = reference_lattice_loss(blank, label[:, :, :-1], *lengths)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss.sum(), (blank, label)), torch.autograd.grad(expected.sum(), (blank, label))
    )


def test_an_impossible_utterance_has_infinite_loss_and_no_gradient_and_spares_the_others():
    blank = torch.full((2, 3, 2), -1.0, requires_grad=True)
    with torch.no_grad():
        label = torch.full((2, 3, 2), -1.0)
        label[0] = -torch.inf
    loss = lattice_loss(blank, label, torch.tensor([3, 3]), torch.tensor([1, 1]))
    assert loss[0] == torch.inf
    assert torch.isfinite(loss[1])
    (gradient,) = torch.autograd.grad(loss.sum(), blank)
    assert (gradient[0] == 0).all()
    assert gradient[1].sum().item() == pytest.approx(-3)
