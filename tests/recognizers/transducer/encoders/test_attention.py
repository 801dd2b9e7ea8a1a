"""Attention: against a loop over queries, the reach of its window, its positions, and its memory."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from isogloss.errors import ModelError
from isogloss.recognizers.transducer.encoders import band as band_module
from isogloss.recognizers.transducer.encoders.attention import CausalSelfAttention, dense_context, rotate, rotations
from isogloss.recognizers.transducer.encoders.band import FAR_PAST, Band


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def loop_over_queries(query_XTE, key_XSE, value_XSE, query_positions, key_positions, left_context):
    """Softmax attention, one query at a time."""
    rows = []
    for number, position in enumerate(query_positions):
        seen = [s for s, other in enumerate(key_positions) if 0 <= position - other <= left_context]
        scores_XS = key_XSE[:, seen] @ query_XTE[:, number, :, None] / query_XTE.shape[2] ** 0.5
        rows.append((scores_XS.softmax(dim=1) * value_XSE[:, seen]).sum(dim=1))
    return torch.stack(rows, dim=1)


@settings(max_examples=40, deadline=None)
@given(
    past=st.lists(st.integers(1, 3), max_size=8),
    present=st.lists(st.integers(1, 3), min_size=1, max_size=30),
    left_context=st.integers(1, 7),
    least_block=st.integers(1, 6),
)
def test_blocks_give_what_a_loop_over_queries_gives(past, present, left_context, least_block):
    positions = torch.tensor([*past, *present]).cumsum(0)
    query_GXTE, key_GXSE = noise(1, 3, len(present), 4), noise(1, 3, len(positions), 4, seed=1)
    value_GXSE = noise(1, 3, len(positions), 4, seed=2)
    query_positions = positions[len(past) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(band_module, "LEAST_BLOCK", least_block)
        band = Band(query_positions[None], positions[None], left_context=left_context)
        attended_GXTE = band.attend(query_GXTE, key_GXSE, value_GXSE)
    expected_XTE = loop_over_queries(
        query_GXTE[0], key_GXSE[0], value_GXSE[0], query_positions.tolist(), positions.tolist(), left_context
    )
    torch.testing.assert_close(attended_GXTE[0], expected_XTE, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("queries", [7, 40])
def test_groups_of_other_positions_do_not_see_each_other(monkeypatch, queries):
    monkeypatch.setattr(band_module, "LEAST_BLOCK", 4)
    steps = torch.randint(1, 4, (3, queries), generator=torch.Generator().manual_seed(0))
    positions_GT = steps.cumsum(1)
    positions_GT[1, queries // 2 :] = FAR_PAST
    query, key, value = (noise(3, 2, queries, 4, seed=seed) for seed in range(3))
    attended = Band(positions_GT, positions_GT, left_context=5).attend(query, key, value)
    for group, length in enumerate([queries, queries // 2, queries]):
        positions = positions_GT[group, :length].tolist()
        alone = (tensor[group, :, :length] for tensor in (query, key, value))
        expected = loop_over_queries(*alone, positions, positions, 5)
        torch.testing.assert_close(attended[group, :, :length], expected, rtol=1e-4, atol=1e-5)
    assert attended.isfinite().all()


def test_a_frame_sees_its_window_and_nothing_before():
    torch.manual_seed(0)
    attention = CausalSelfAttention(8, heads=2, left_context=3)
    input_BTD = noise(1, 10, 8).requires_grad_()
    context = dense_context(0, 10, head_dim=4, left_context=3, like=input_BTD)
    attention(input_BTD, context)[0, 7].sum().backward()
    seen = input_BTD.grad[0].abs().sum(dim=1) > 0
    assert seen.nonzero().flatten().tolist() == [4, 5, 6, 7]


def test_rotations_are_products_of_complex_numbers():
    heads_THE, positions_T = noise(5, 2, 6), torch.tensor([0, 1, 2, 100, 90_000])
    rotated_THE = rotate(heads_THE, *rotations(positions_T, 6, like=heads_THE))
    complex_THE = torch.complex(*heads_THE.double().chunk(2, dim=2))
    rates = torch.tensor([1.0, 10_000 ** (-1 / 3), 10_000 ** (-2 / 3)], dtype=torch.float64)
    turned = complex_THE * torch.exp(1j * positions_T[:, None, None] * rates)
    torch.testing.assert_close(rotated_THE, torch.cat([turned.real, turned.imag], dim=2).float(), rtol=1e-5, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(first=st.integers(0, 1_000_000), distance=st.integers(0, 200))
def test_scores_depend_on_distance_alone_hours_into_a_stream(first, distance):
    query_1E, key_1E = noise(1, 8), noise(1, 8, seed=1)

    def score(query_position, key_position):
        query = rotate(query_1E, *rotations(torch.tensor(query_position), 8, like=query_1E))
        return (query * rotate(key_1E, *rotations(torch.tensor(key_position), 8, like=key_1E))).sum()

    torch.testing.assert_close(score(first + distance, first), score(distance, 0), rtol=1e-4, atol=1e-4)


class Largest(TorchDispatchMode):
    """The most elements that any tensor had."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.elements = max([self.elements, *sizes])
        return result


def test_memory_grows_with_the_length_and_not_with_its_square():
    attention = CausalSelfAttention(4, heads=2, left_context=16)
    largest = []
    for frames in (500, 1_000, 2_000):
        with torch.no_grad(), Largest() as mode:
            context = dense_context(0, frames, head_dim=2, left_context=16, like=torch.zeros(()))
            attention(noise(1, frames, 4), context)
        largest.append(mode.elements)
    assert largest[2] < 2_000**2 / 10
    assert largest[2] <= 4.5 * largest[0]


def test_heads_of_an_odd_width_are_refused():
    with pytest.raises(ModelError, match="12 channels do not go into 4 heads"):
        CausalSelfAttention(12, heads=4, left_context=3)
