"""The amortized Transformer: what is closed is not computed, and training, inference and streams agree."""

import copy
from functools import cache

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isogloss.recognizers.transducer import build_encoder
from isogloss.recognizers.transducer.encoders.gated_attention import GatedSelfAttention

FILTERS = 8
OPTIONS = {
    "subsampling": 2,
    "channels": 2,
    "dim": 8,
    "layers": 3,
    "heads": 2,
    "feed_forward": 12,
    "left_context": 4,
    "dropout": 0.0,
    "noise": 0.0,
}


def encoder(open_share=0.5, seed=0, **options):
    """Random arbitrators, each of whose gates is open for a share of the frames of noise."""
    model = copy.deepcopy(built(open_share, seed, **options))
    torch.manual_seed(seed)
    return model


@cache
def built(open_share, seed, **options):
    """One encoder for all that ask for the same."""
    torch.manual_seed(seed)
    model = build_encoder("amortized", input_dim=FILTERS, **{**OPTIONS, **options}).eval()
    for arbitrator in model.arbitrators:
        torch.nn.init.normal_(arbitrator.linear.weight)
        kept = []
        hook = arbitrator.register_forward_hook(lambda _, __, logits_BT2, kept=kept: kept.append(logits_BT2))
        with torch.no_grad():
            model(noise(4, 100, seed=99), torch.full((4,), 100))
            arbitrator.linear.bias -= kept[0].flatten(0, 1).quantile(1 - open_share, dim=0)
        hook.remove()
    return model


def noise(batch, frames, seed=0):
    return torch.randn(batch, frames, FILTERS, generator=torch.Generator().manual_seed(seed))


def assume_decided(model, features_BTF, lengths_B):
    """No gate so near its threshold that the rounding of another order of sums could toggle it."""
    logits = []
    hooks = [a.register_forward_hook(lambda _, __, logits_BT2: logits.append(logits_BT2)) for a in model.arbitrators]
    with torch.no_grad():
        model(features_BTF, lengths_B)
    for hook in hooks:
        hook.remove()
    assume(torch.stack(logits).abs().min() > 1e-4)


SHARES = st.sampled_from([0.05, 0.4, 0.8])


@settings(max_examples=25, deadline=None)
@given(share=SHARES, seed=st.integers(0, 10**6))
def test_what_is_skipped_is_what_is_weighed_with_zero_where_gradients_are_asked_for(share, seed):
    model, features_BTF, lengths_B = encoder(share), noise(3, 30, seed), torch.tensor([30, 17, 1])
    assume_decided(model, features_BTF, lengths_B)
    with torch.no_grad():
        skipped_BTD, _ = model(features_BTF, lengths_B)
    weighed_BTD, _ = model(features_BTF, lengths_B)
    assert weighed_BTD.requires_grad and not skipped_BTD.requires_grad
    for row, length in enumerate(model.output_lengths(lengths_B)):
        torch.testing.assert_close(weighed_BTD[row, :length], skipped_BTD[row, :length], rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4), share=SHARES, seed=st.integers(0, 5))
def test_skipping_gives_what_masking_the_dense_computation_gives(lengths, share, seed):
    """Without noise and dropout, training computes everything and masks; inference skips."""
    model = encoder(share, seed)
    features_BTF, lengths_B = noise(len(lengths), max(lengths)), torch.tensor(lengths)
    assume_decided(model, features_BTF, lengths_B)
    with torch.no_grad():
        skipped_BTD, frames_B = model.eval()(features_BTF, lengths_B)
        masked_BTD, _ = model.train()(features_BTF, lengths_B)
    for row, frames in enumerate(frames_B.tolist()):
        torch.testing.assert_close(skipped_BTD[row, :frames], masked_BTD[row, :frames], rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    chunks=st.lists(st.integers(0, 25), min_size=1, max_size=8).filter(any),
    share=SHARES,
    batch=st.integers(1, 3),
    seed=st.integers(0, 5),
)
def test_streams_whose_gates_differ_give_what_the_whole_gives(chunks, share, batch, seed):
    model, frames = encoder(share, seed), sum(chunks)
    features_BTF, lengths_B = noise(batch, frames), torch.full((batch,), frames)
    assume_decided(model, features_BTF, lengths_B)
    with torch.no_grad():
        whole_BTD, _ = model(features_BTF, lengths_B)
        state, pieces, start = None, [], 0
        for size in chunks:
            piece_BTD, state = model.stream(features_BTF[:, start : start + size], state)
            pieces.append(piece_BTD)
            start += size
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole_BTD, rtol=1e-4, atol=1e-5)


def test_the_cache_of_a_stream_stays_within_the_left_context():
    model, state = encoder(0.7), None
    with torch.no_grad():
        for number in range(40):
            _, state = model.stream(noise(3, 10, seed=number), state)
    assert all(cache.pairs_BSHE.shape[1] <= OPTIONS["left_context"] for cache in state[2])


@pytest.mark.parametrize("streamed", [False, True])
def test_blocks_compute_the_open_frames_and_no_other(streamed):
    model, opened, computed = encoder(0.5), [], []
    for arbitrator in model.arbitrators:
        arbitrator.register_forward_hook(lambda _, __, logits_BT2: opened.append((logits_BT2 > 0).sum(dim=(0, 1))))
    for layer in model.layers:
        for part in (layer.attention.input, layer.attention.output, layer.feed_forward):
            part.register_forward_pre_hook(lambda _, inputs: computed.append(inputs[0].flatten(0, -2).shape[0]))
    with torch.no_grad():
        if streamed:
            model.stream(noise(2, 40), None)
        else:
            model(noise(2, 40), torch.tensor([40, 40]))
    attention, feed_forward = torch.stack(opened).sum(dim=0).tolist()
    assert 40 < attention < 80
    assert sum(computed) == 2 * attention + feed_forward


def test_with_every_gate_closed_only_the_front_end_is_left():
    model = encoder()
    for arbitrator in model.arbitrators:
        torch.nn.init.zeros_(arbitrator.linear.weight)
        torch.nn.init.constant_(arbitrator.linear.bias, -1.0)
    features_BTF, lengths_B = noise(2, 30), torch.tensor([30, 17])
    with torch.no_grad():
        encoded_BTD, _ = model(features_BTF, lengths_B)
        features_BTF[1, 17:] = 0.0
        torch.testing.assert_close(encoded_BTD, model.norm(model.front_end(features_BTF)))


def test_the_gates_learn_in_training():
    model = encoder().train()
    encoded_BTD, _ = model(noise(2, 40), torch.tensor([40, 40]))
    encoded_BTD.square()[..., :3].sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.arbitrators.parameters())


def test_the_cost_alone_closes_the_gates():
    model = encoder(0.8, noise=1.0).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.2)
    costs = []
    for _ in range(20):
        model(noise(2, 40), torch.tensor([40, 20]))
        cost = model.compute_cost()
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        costs.append(cost.item())
    assert costs[0] > 0.4
    assert costs[-1] < 0.05


def test_the_cost_is_handed_out_once_and_only_after_training():
    model, batch = encoder().train(), (noise(1, 20), torch.tensor([20]))
    assert model.compute_cost() is None
    model(*batch)
    copied = copy.deepcopy(model)
    assert 0 < model.compute_cost().item() < 1
    assert model.compute_cost() is copied.compute_cost() is None
    model.eval()(*batch)
    assert model.compute_cost() is None


def test_padding_costs_nothing():
    model, features_BTF = encoder().train(), noise(1, 40)
    model(features_BTF[:, :24], torch.tensor([24]))
    alone = model.compute_cost()
    model(features_BTF, torch.tensor([24]))
    torch.testing.assert_close(model.compute_cost(), alone)


def test_it_trains_and_encodes_in_mixed_precision():
    model, batch = encoder(), (noise(2, 40), torch.tensor([40, 23]))
    exact_BTD = model(*batch)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough_BTD, _ = model(*batch)
        _, state = model.stream(noise(2, 20), None)
        model.stream(noise(2, 20), state)
        model.train()(*batch)[0].square()[..., :3].sum().backward()
        cost = model.compute_cost()
    assert (rough_BTD[0] - exact_BTD[0]).norm() < 0.3 * exact_BTD[0].norm()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    assert cost.dtype == torch.float32


def test_without_gates_it_has_no_arbitrator_and_no_cost():
    model = build_encoder("amortized", input_dim=FILTERS, **{**OPTIONS, "gates": "none"}).train()
    model(noise(1, 20), torch.tensor([20]))
    assert model.compute_cost() is None
    assert not [name for name, _ in model.named_parameters() if "arbitrator" in name]
    assert all(isinstance(layer.attention, GatedSelfAttention) for layer in model.layers)
