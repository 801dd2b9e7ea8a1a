"""The pruned loss against lists of the alignments within its windows, and the windows against their definition."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from isogloss.errors import ModelError
from isogloss.recognizers.transducer.losses import (
    Pruning,
    lattice,
    transducer_loss,
    transducer_loss_from_logits,
    warm_up_scales,
)
from isogloss.recognizers.transducer.losses.pruning import windows
from isogloss.recognizers.transducer.losses.workspace import Workspace

LENGTHS = [([5, 2, 3], [3, 4, 0]), ([1, 1], [0, 3]), ([4], [0]), ([6], [4])]


def simple_parts(case, *, vocabulary=5, seed=9):
    """The simple joiner's logits for a case."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(like):
        shape = (*like.shape[:2], vocabulary)
        return torch.randn(shape, generator=generator, dtype=torch.float64).mul_(2).to(like.dtype).requires_grad_()

    return {"encoder_BTV": drawn(case.encoder), "predictor_BPV": drawn(case.predictor)}


def simple_logits(parts):
    return parts["encoder_BTV"][:, :, None] + parts["predictor_BPV"][:, None]


def listed_windows(oracle, case, parts, range_, **options):
    """First position and width of each frame's window, utterance by utterance, from listed alignments.

    The paper's definition in plain loops: the window of a frame that keeps the largest part of the posterior, moved as
    the constraints ask.
    """
    found = []
    for b, (frames, labels) in enumerate(zip(case.encoder_lengths.tolist(), case.token_lengths.tolist(), strict=True)):
        width = min(max(range_, math.ceil(labels / frames) + 1), labels + 1)
        posterior = posteriors(oracle, case, parts, b, **options)
        begin = []
        for t in range(frames):
            kept = []
            for first in range(labels + 2 - width):
                inside = sum(posterior["blank", t, u] for u in range(first, first + width))
                kept.append(inside - (posterior["label", t, first - 1] if first else 0.0))
            begin.append(max(range(len(kept)), key=lambda first: kept[first]))
        begin[-1] = labels + 1 - width
        for t in reversed(range(frames - 1)):  # never back, and no further than the next window reaches
            begin[t] = max(min(begin[t], begin[t + 1]), begin[t + 1] - (width - 1))
        begin = [min(first, t * (width - 1)) for t, first in enumerate(begin)]
        found.append((begin, width))
    return found


def posteriors(oracle, case, parts, b, *, delay_penalty=0.0):
    """Posterior probability of each arc of an utterance under the simple joiner, by listing alignments."""
    frames, labels = int(case.encoder_lengths[b]), int(case.token_lengths[b])
    logits = simple_logits(parts)[b, :frames, : labels + 1].detach()
    log_blank, log_label = oracle.arcs(logits, case.tokens[b, :labels])
    total = dict.fromkeys(itertools.product(("blank", "label"), range(frames), range(labels + 1)), 0.0)
    paths, probabilities = list(oracle.alignments(frames, labels)), []
    for path in paths:
        score = sum(float(log_blank[t, u] if kind == "blank" else log_label[t, u]) for kind, t, u in path)
        score += delay_penalty * sum((frames - 1) / 2 - t for kind, t, _ in path if kind == "label")
        probabilities.append(math.exp(score))
    for path, probability in zip(paths, probabilities, strict=True):
        for arc in path:
            total[arc] += probability / sum(probabilities)
    return total


def listed_pruned_loss(oracle, case, found, *, delay_penalty=0.0):
    """-log of the sum over the alignments that pass windows' positions alone."""
    logits, losses = case.logits(), []
    for b, (begin, width) in enumerate(found):
        frames, labels = int(case.encoder_lengths[b]), int(case.token_lengths[b])
        log_blank, log_label = oracle.arcs(logits[b, :frames, : labels + 1], case.tokens[b, :labels])
        scores = []
        for path in oracle.alignments(frames, labels):
            if not all(begin[t] <= u < begin[t] + width for _, t, u in path):
                continue
            terms = [log_blank[t, u] if kind == "blank" else log_label[t, u] for kind, t, u in path]
            earliness = sum((frames - 1) / 2 - t for kind, t, _ in path if kind == "label")
            scores.append(torch.stack(terms).sum() + delay_penalty * earliness)
        losses.append(-torch.stack(scores).logsumexp(0))
    return torch.stack(losses)


@pytest.mark.parametrize(("encoder_lengths", "token_lengths"), [*LENGTHS, ([7, 4], [5, 5])])
@pytest.mark.parametrize("range_", [2, 3])
@pytest.mark.parametrize("delay_penalty", [0.0, 0.4])
def test_the_pruned_loss_sums_the_alignments_within_the_windows(
    oracle, encoder_lengths, token_lengths, range_, delay_penalty
):
    case = oracle.case(encoder_lengths, token_lengths, extra=(1, 1))
    parts = simple_parts(case)
    found = listed_windows(oracle, case, parts, range_, delay_penalty=delay_penalty)
    expected = listed_pruned_loss(oracle, case, found, delay_penalty=delay_penalty)
    pruning = Pruning(range=range_, simple_scale=0.0, **parts)
    loss = transducer_loss(*case.arguments, pruning=pruning, delay_penalty=delay_penalty)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss.sum(), case.leaves), torch.autograd.grad(expected.sum(), case.leaves)
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_gradient_holds_where_most_cells_have_none(oracle, seed):
    """A confident joiner: cells whose occupancy is negligible are not computed again, so tiles have ragged edges."""
    case = oracle.case([7, 6], [5, 4], seed=seed)
    with torch.no_grad():
        case.encoder.mul_(20.0)
        case.layer.weight.mul_(20.0)
    parts = simple_parts(case)
    found = listed_windows(oracle, case, parts, 3)
    expected = listed_pruned_loss(oracle, case, found)
    loss = transducer_loss(*case.arguments, pruning=Pruning(range=3, simple_scale=0.0, **parts))
    torch.testing.assert_close(loss, expected)
    gradients = torch.autograd.grad(loss.sum(), case.leaves)
    assert (gradients[0] == 0).any()
    torch.testing.assert_close(gradients, torch.autograd.grad(expected.sum(), case.leaves))


@pytest.mark.parametrize(("encoder_lengths", "token_lengths"), LENGTHS)
def test_the_simple_loss_is_that_of_added_logits(oracle, encoder_lengths, token_lengths):
    case = oracle.case(encoder_lengths, token_lengths, extra=(1, 1))
    parts = simple_parts(case)
    loss = transducer_loss(*case.arguments, pruning=Pruning(range=2, simple_scale=0.7, pruned_scale=0.0, **parts))
    expected = 0.7 * transducer_loss_from_logits(simple_logits(parts), *case.targets)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(
        torch.autograd.grad(loss.sum(), list(parts.values())), torch.autograd.grad(expected.sum(), list(parts.values()))
    )


@pytest.mark.parametrize("fastemit", [0.0, 0.3])
def test_windows_of_every_position_give_the_full_loss(oracle, fastemit):
    case = oracle.case([40, 33, 7], [12, 3, 15], vocabulary=30, width=16)
    parts = simple_parts(case, vocabulary=30)
    full = transducer_loss(*case.arguments, fastemit=fastemit)
    pruned = transducer_loss(*case.arguments, fastemit=fastemit, pruning=Pruning(range=16, simple_scale=0.0, **parts))
    assert torch.equal(pruned, full)
    for first, second in zip(
        torch.autograd.grad(pruned.sum(), case.leaves), torch.autograd.grad(full.sum(), case.leaves), strict=True
    ):
        assert torch.equal(first, second)


def test_the_gradient_is_the_finite_difference_of_the_value(oracle):
    case = oracle.case([5, 4], [3, 2], extra=(1, 1))
    parts = simple_parts(case)

    def loss(encoder, predictor, weight, bias, encoder_BTV, predictor_BPV):
        layer = nn.Linear(4, 5, dtype=torch.float64)
        del layer.weight, layer.bias
        layer.weight, layer.bias = weight, bias
        pruning = Pruning(range=2, encoder_BTV=encoder_BTV, predictor_BPV=predictor_BPV, simple_scale=0.4)
        return transducer_loss(encoder, predictor, layer, *case.targets, pruning=pruning)

    leaves = [leaf.detach().clone().requires_grad_() for leaf in [*case.leaves, *parts.values()]]
    assert torch.autograd.gradcheck(loss, leaves)


def test_fastemit_scales_labels_in_both_losses_and_leaves_the_value(oracle):
    case = oracle.case([5, 4], [3, 2])
    parts = simple_parts(case)
    leaves = [*case.leaves, *parts.values()]

    def gradients(fastemit):
        pruning = Pruning(range=2, **parts)
        loss = transducer_loss(*case.arguments, fastemit=fastemit, pruning=pruning)
        return loss, torch.autograd.grad(loss.sum(), leaves)

    (plain, none), (value, half), (_, one) = (gradients(fastemit) for fastemit in (0.0, 0.5, 1.0))
    assert torch.equal(plain, value)
    # What flows through labels is in proportion to 1 + fastemit, and is not nothing.
    for start, middle, end in zip(none, half, one, strict=True):
        torch.testing.assert_close(middle - start, (end - start) / 2)
        assert (end - start).abs().max() > 1e-3


@given(
    lengths=st.lists(st.tuples(st.integers(1, 12), st.integers(0, 14)), min_size=1, max_size=4),
    range_=st.integers(2, 6),
    confidence=st.sampled_from([0.1, 1.0, 10.0]),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_windows_are_connected_and_reach_from_first_to_last_position(oracle, lengths, range_, confidence, seed):
    frames, positions = max(t for t, _ in lengths), max(u for _, u in lengths) + 1
    generator = torch.Generator().manual_seed(seed)
    blank, label = (
        torch.softmax(confidence * torch.randn(len(lengths), frames, positions, generator=generator), 2)
        for _ in range(2)
    )
    found = windows(range_, blank, label, [(t, u + 1) for t, u in lengths])
    for b, (frames, labels) in enumerate(lengths):
        begin, width = found.begin_BT[b, :frames].tolist(), found.widths[b]
        assert width == min(max(range_, math.ceil(labels / frames) + 1), labels + 1)
        assert begin[0] == 0
        assert begin[-1] == labels + 1 - width
        assert all(0 <= after - before < max(width, 2) for before, after in itertools.pairwise(begin))
        alone = windows(range_, blank[b : b + 1], label[b : b + 1], [(frames, labels + 1)])
        assert alone.begin_BT[0, :frames].tolist() == begin


def test_more_tokens_than_windows_climb_have_a_finite_loss(oracle):
    case = oracle.case([2, 8], [9, 3])
    parts = simple_parts(case)
    loss = transducer_loss(*case.arguments, pruning=Pruning(range=2, simple_scale=0.0, **parts))
    assert torch.isfinite(loss).all()
    assert (loss >= transducer_loss(*case.arguments) - 1e-9).all()


def test_garbage_in_the_padding_changes_nothing(oracle):
    case = oracle.case([5, 3], [2, 4], extra=(2, 1))
    parts = simple_parts(case)
    leaves = [*case.leaves, *parts.values()]
    results = []
    for spoil in (False, True):
        if spoil:
            with torch.no_grad():
                for values, lengths in (
                    (case.encoder, case.encoder_lengths),
                    (parts["encoder_BTV"], case.encoder_lengths),
                    (case.predictor, case.token_lengths + 1),
                    (parts["predictor_BPV"], case.token_lengths + 1),
                ):
                    for b, length in enumerate(lengths.tolist()):
                        values[b, length:] = torch.nan
        loss = transducer_loss(*case.arguments, pruning=Pruning(range=2, **parts))
        results.append([loss, *torch.autograd.grad(loss.sum(), leaves)])
    assert all(torch.equal(clean, spoilt) for clean, spoilt in zip(*results, strict=True))


def test_far_apart_logits_of_the_simple_joiner_do_not_vanish(oracle):
    case = oracle.case([3], [1], dtype=torch.float32)
    encoder_BTV, predictor_BPV = torch.zeros(1, 3, 5), torch.zeros(1, 2, 5)
    encoder_BTV[..., 1], predictor_BPV[..., 2] = 150.0, 150.0
    encoder_BTV.requires_grad_(), predictor_BPV.requires_grad_()
    parts = {"encoder_BTV": encoder_BTV, "predictor_BPV": predictor_BPV}
    loss = transducer_loss(*case.arguments, pruning=Pruning(range=2, pruned_scale=0.0, simple_scale=1.0, **parts))
    torch.testing.assert_close(loss, transducer_loss_from_logits(simple_logits(parts), *case.targets))


def test_no_tensor_over_frames_positions_and_vocabulary_is_made(oracle, monkeypatch):
    monkeypatch.setattr(lattice, "_workspace", Workspace())
    case = oracle.case([80, 60, 80, 70], [20, 20, 17, 20], vocabulary=200, width=8, dtype=torch.float32)
    parts = simple_parts(case, vocabulary=200)

    class LargestTensor(TorchDispatchMode):
        numbers = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            for value in made if isinstance(made, tuple | list) else [made]:
                if isinstance(value, torch.Tensor):
                    self.numbers = max(self.numbers, value.untyped_storage().nbytes() // value.element_size())
            return made

    with LargestTensor() as largest:
        transducer_loss(*case.arguments, reduction="sum", pruning=Pruning(range=4, **parts)).backward()
    full = 4 * 80 * 21 * 200
    assert 0 < largest.numbers < full / 4


def test_the_warm_up_goes_from_the_simple_loss_to_the_pruned_one():
    assert warm_up_scales(0.0, 0.5) == (1.0, 0.1)
    assert warm_up_scales(0.5, 0.5) == pytest.approx((0.75, 0.55))
    assert warm_up_scales(1.0, 0.5) == warm_up_scales(7.0, 0.5) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"range": 1}, "a pruning range of 1 has no path"),
        ({"simple_scale": -1.0}, "must be 0 or more, not -1.0 and 1.0"),
        ({"encoder_BTV": torch.zeros(1, 3, 4)}, r"must have shapes \(2, 4, 5\) and \(2, 4, 5\), not \(1, 3, 4\)"),
    ],
)
def test_what_cannot_prune_is_refused(oracle, change, message):
    case = oracle.case([4, 2], [2, 3])
    with pytest.raises(ModelError, match=message):
        transducer_loss(*case.arguments, pruning=Pruning(**({"range": 2} | simple_parts(case) | change)))
