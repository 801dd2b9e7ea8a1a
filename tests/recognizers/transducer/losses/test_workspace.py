"""The memory that the lattice keeps: what one call leaves there reaches no other."""

import threading

import torch

from isogloss.recognizers.transducer.losses.lattice_loss import lattice_loss
from isogloss.recognizers.transducer.losses.workspace import KEPT_BYTES, Workspace


def test_a_name_keeps_its_memory_and_grows():
    workspace = Workspace()
    first = workspace.take("a", (3, 4), torch.float64)
    assert workspace.take("a", (5,), torch.float32).data_ptr() == first.data_ptr()
    assert workspace.take("b", (3, 4), torch.float64).data_ptr() != first.data_ptr()
    grown = workspace.take("a", (100,), torch.float64)
    assert grown.shape == (100,)
    assert workspace.take("a", (3, 4), torch.float64).data_ptr() == grown.data_ptr()


def test_large_memory_is_not_kept():
    workspace = Workspace()
    large = workspace.take("a", (KEPT_BYTES // 4 + 1,), torch.float32)
    assert workspace.take("a", (2,), torch.float32).data_ptr() != large.data_ptr()


def test_another_thread_has_memory_of_its_own():
    workspace, taken = Workspace(), []
    here = workspace.take("a", (3,), torch.float32)
    thread = threading.Thread(target=lambda: taken.append(workspace.take("a", (3,), torch.float32)))
    thread.start()
    thread.join()
    assert taken[0].data_ptr() != here.data_ptr()


def test_a_loss_is_not_changed_by_the_calls_before_and_after():
    generator = torch.Generator().manual_seed(2)
    small = torch.randn(2, 2, 4, 3, generator=generator).log_softmax(-1).requires_grad_()
    large = torch.full((2, 3, 20, 9), -1.0, requires_grad=True)
    lengths = torch.tensor([4, 2]), torch.tensor([2, 1])
    before = lattice_loss(*small, *lengths)
    expected = before.tolist()
    lattice_loss(*large, torch.tensor([20, 20, 20]), torch.tensor([8, 8, 8])).sum().backward()
    after = lattice_loss(*small, *lengths)
    assert before.tolist() == after.tolist() == expected
    gradients = [torch.autograd.grad(loss.sum(), small)[0] for loss in (before, after)]
    assert torch.equal(*gradients)
