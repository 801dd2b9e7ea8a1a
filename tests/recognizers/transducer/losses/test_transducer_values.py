"""The loss against a list of all alignments, the plain reference, and itself on other paths."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from isogloss.recognizers.transducer.losses import lattice, tiles, transducer_loss, transducer_loss_from_logits
from isogloss.recognizers.transducer.losses.reference import reference_transducer_loss
from isogloss.recognizers.transducer.losses.workspace import Workspace

LENGTHS = [([5, 2, 3], [3, 4, 0]), ([1, 1], [0, 3]), ([4], [0]), ([6], [1])]


@pytest.mark.parametrize(("encoder_lengths", "token_lengths"), LENGTHS)
@pytest.mark.parametrize("blank", [0, 2])
def test_loss_is_minus_log_of_the_sum_over_all_alignments(oracle, encoder_lengths, token_lengths, blank):
    case = oracle.case(encoder_lengths, token_lengths, blank=blank)
    expected = oracle.loss(case, blank=blank)
    torch.testing.assert_close(transducer_loss(*case.arguments, blank=blank), expected)
    torch.testing.assert_close(transducer_loss_from_logits(case.logits(), *case.targets, blank=blank), expected)
    torch.testing.assert_close(reference_transducer_loss(case.logits(), *case.targets, blank=blank), expected)


@pytest.mark.parametrize("bias", [True, False])
def test_all_paths_agree_in_value_and_gradient_on_a_larger_case(oracle, bias):
    case = oracle.case([40, 33, 7], [12, 3, 15], vocabulary=30, width=16, bias=bias)
    losses = [
        transducer_loss(*case.arguments),
        transducer_loss_from_logits(case.logits(), *case.targets),
        reference_transducer_loss(case.logits(), *case.targets),
    ]
    weight = torch.tensor([1.0, 0.3, 2.0], dtype=torch.float64)
    gradients = [torch.autograd.grad((loss * weight).sum(), case.leaves) for loss in losses]
    for loss, gradient in zip(losses[:2], gradients[:2], strict=True):
        torch.testing.assert_close(loss, losses[2])
        torch.testing.assert_close(gradient, gradients[2])


def test_several_tiles_of_one_utterance_agree_with_one(oracle, monkeypatch):
    case = oracle.case([9, 6], [3, 2])
    whole = transducer_loss(*case.arguments)
    whole_gradients = torch.autograd.grad(whole.sum(), case.leaves)
    monkeypatch.setitem(tiles.TILE_NUMBERS, "cpu", 40)
    tiled = transducer_loss(*case.arguments)
    torch.testing.assert_close(tiled, whole)
    torch.testing.assert_close(torch.autograd.grad(tiled.sum(), case.leaves), whole_gradients)


def test_value_without_autograd_is_the_value_with_it(oracle):
    case = oracle.case([5, 2], [3, 1])
    with torch.no_grad():
        alone = transducer_loss(*case.arguments)
    assert not alone.requires_grad
    torch.testing.assert_close(alone, transducer_loss(*case.arguments).detach())


def test_delay_penalty_shifts_every_label_by_its_frame(oracle):
    case = oracle.case([4, 3, 1], [2, 3, 1])
    expected = oracle.loss(case, delay_penalty=0.7)
    loss = transducer_loss(*case.arguments, delay_penalty=0.7)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss.sum(), case.leaves), torch.autograd.grad(expected.sum(), case.leaves)
    )


def test_reductions_are_mean_and_sum_over_utterances(oracle):
    case = oracle.case([5, 2, 3], [3, 4, 0])
    each = transducer_loss(*case.arguments)
    assert each.shape == (3,)
    torch.testing.assert_close(transducer_loss(*case.arguments, reduction="sum"), each.sum())
    torch.testing.assert_close(transducer_loss(*case.arguments, reduction="mean"), each.mean())


def test_a_batch_gives_what_its_utterances_give_alone(oracle):
    case = oracle.case([7, 3, 5], [2, 4, 0], extra=(2, 1))
    together = transducer_loss(*case.arguments)
    for b in range(3):
        alone = transducer_loss(
            case.encoder[b : b + 1],
            case.predictor[b : b + 1],
            case.layer,
            *(x[b : b + 1] for x in case.targets),
        )
        torch.testing.assert_close(alone[0], together[b])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_inputs_are_summed_in_float32(oracle, dtype):
    case = oracle.case([30, 11], [8, 3], vocabulary=40, width=16, dtype=dtype)
    exact = oracle.case([30, 11], [8, 3], vocabulary=40, width=16, dtype=torch.float32)
    with torch.no_grad():
        for leaf, source in zip(exact.leaves, case.leaves, strict=True):
            leaf.copy_(source)
    loss, expected = transducer_loss(*case.arguments), transducer_loss(*exact.arguments)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, expected)
    gradients = torch.autograd.grad(loss.sum(), case.leaves)
    expected_gradients = torch.autograd.grad(expected.sum(), exact.leaves)
    assert all(gradient.dtype == dtype for gradient in gradients)
    for gradient, reference in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, reference.to(dtype))


def test_autocast_changes_nothing(oracle):
    case = oracle.case([9, 4], [3, 2], dtype=torch.float32)
    plain = transducer_loss(*case.arguments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = transducer_loss(*case.arguments)
        cast_gradients = torch.autograd.grad(cast.sum(), case.leaves)
    assert torch.equal(cast, plain)
    torch.testing.assert_close(cast_gradients, torch.autograd.grad(plain.sum(), case.leaves), rtol=0, atol=0)


def test_the_same_bytes_twice(oracle):
    case = oracle.case([60, 41], [9, 12], vocabulary=50, width=32, dtype=torch.float32)
    results = []
    for _ in range(2):
        loss = transducer_loss(*case.arguments, fastemit=0.01)
        results.append([loss, *torch.autograd.grad(loss.sum(), case.leaves)])
    assert all(torch.equal(first, second) for first, second in zip(*results, strict=True))


def test_no_tensor_of_the_size_of_the_logits_is_ever_made(oracle, monkeypatch):
    monkeypatch.setattr(lattice, "_workspace", Workspace())  # what other tests left there may be larger
    case = oracle.case([80, 60, 80, 70], [20, 20, 17, 20], vocabulary=200, width=8, dtype=torch.float32)

    class LargestTensor(TorchDispatchMode):
        numbers = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            for value in made if isinstance(made, tuple | list) else [made]:
                if isinstance(value, torch.Tensor):
                    self.numbers = max(self.numbers, value.untyped_storage().nbytes() // value.element_size())
            return made

    with LargestTensor() as largest:
        transducer_loss(*case.arguments, reduction="sum").backward()
    full = 4 * 80 * 21 * 200
    assert 0 < largest.numbers < full / 4
