"""Counts of operations, against counts by hand."""

import copy

import pytest
import torch
from torch import nn

from isogloss.recognizers.transducer import build_encoder
from isogloss.recognizers.transducer.encoders import encoder_names, encoder_options
from isogloss.recognizers.transducer.encoders.attention import CausalSelfAttention
from isogloss.recognizers.transducer.flops import count_flops

FILTERS = 40
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.LSTM)


def encoder(name, **options):
    torch.manual_seed(0)
    return build_encoder(name, input_dim=FILTERS, **{**encoder_options(name), **options}).eval()


def noise(batch, frames):
    return torch.randn(batch, frames, FILTERS, generator=torch.Generator().manual_seed(0))


def front_end(frames, dim, channels=32):
    """Operations of the convolutional front end that makes one frame of four."""
    half, quarter = -(-frames // 2), -(-frames // 4)
    first = half * (FILTERS // 2) * channels * 9
    second = quarter * (FILTERS // 4) * channels * channels * 9
    return 2 * (first + second + quarter * channels * (FILTERS // 4) * dim)


def attention_pairs(frames, left_context):
    """Queries times the frames they see."""
    return sum(min(t, left_context) + 1 for t in range(frames))


def of_layer(layer, inputs, output):
    """Operations of one layer by the shapes that went in and out; other layers are made of these."""
    if isinstance(layer, nn.LSTM):
        steps = inputs[0].shape[0] * inputs[0].shape[1]
        return 2 * steps * sum(weights.numel() for name, weights in layer.named_parameters() if "weight" in name)
    return 2 * output.numel() * layer.weight[0].numel()


def test_an_lstm_is_counted_as_by_hand():
    sizes = encoder_options("lstm")
    dim, steps = sizes["hidden_dim"], 25
    expected = front_end(100, dim) + sizes["layers"] * 2 * steps * 4 * dim * (dim + dim)
    assert count_flops(encoder("lstm"), noise(1, 100), torch.tensor([100])).total == expected


@pytest.mark.parametrize("left_context", [5, 64])
def test_a_conformer_is_counted_as_by_hand(left_context):
    sizes = encoder_options("conformer")
    dim, steps = sizes["dim"], 100
    block = 2 * 2 * dim * sizes["feed_forward"] + 4 * dim * dim + 2 * dim * dim + sizes["kernel"] * dim + dim * dim
    pairs = attention_pairs(steps, left_context)
    expected = front_end(400, dim) + sizes["layers"] * (2 * steps * block + 4 * dim * pairs)
    counted = count_flops(encoder("conformer", left_context=left_context), noise(1, 400), torch.tensor([400]))
    assert counted.total == expected


@pytest.mark.parametrize("name", encoder_names())
def test_every_encoder_is_counted_as_its_layers_are(name):
    model, by_hand = encoder(name), 0

    def add(layer, inputs, output):
        nonlocal by_hand
        by_hand += of_layer(layer, inputs, output)

    counted = count_flops(model, noise(2, 90), torch.tensor([90, 61]))
    for module in model.modules():
        if isinstance(module, LAYERS):
            module.register_forward_hook(add)
        if isinstance(module, CausalSelfAttention):
            by_hand += 4 * model.output_dim * sum(attention_pairs(frames, 64) for frames in (23, 16))
    with torch.no_grad():
        for row, frames in enumerate((90, 61)):
            model(noise(2, 90)[row : row + 1, :frames], torch.tensor([frames]))
    assert counted.total == by_hand


@pytest.mark.parametrize("left_context", [3, 64])
def test_gates_save_exactly_what_they_switch_off(left_context):
    model = encoder("amortized", left_context=left_context)
    gates = []
    for arbitrator in model.arbitrators:
        nn.init.normal_(arbitrator.linear.weight, std=3.0)
        nn.init.constant_(arbitrator.linear.bias, -0.5)
        arbitrator.register_forward_hook(lambda _, __, logits_BT2: gates.append((logits_BT2 > 0)[0].tolist()))
    steps, dim, wide = 300, model.output_dim, encoder_options("amortized")["feed_forward"]
    counted = count_flops(model, noise(1, 4 * steps), torch.tensor([4 * steps]))
    expected = front_end(4 * steps, dim) + len(gates) * 2 * steps * 2 * dim
    for layer in gates:
        for t, (attends, feeds) in enumerate(layer):
            seen = sum(other for other, _ in layer[max(0, t - left_context) : t + 1])
            expected += attends * (8 * dim * dim + 4 * dim * seen) + feeds * 4 * dim * wide
    assert 0.1 < sum(attends for layer in gates for attends, _ in layer) / (steps * len(gates)) < 0.9
    assert counted.total == expected


def test_with_open_gates_the_arbitrators_are_all_that_is_added():
    gated, plain = encoder("amortized"), encoder("amortized", gates="none")
    for arbitrator in gated.arbitrators:
        nn.init.constant_(arbitrator.linear.bias, 100.0)
    batch = noise(1, 400), torch.tensor([400])
    arbitrators = 6 * 100 * 4 * plain.output_dim
    assert count_flops(gated, *batch).total == count_flops(plain, *batch).total + arbitrators


def test_padding_and_neighbours_change_nothing():
    model = encoder("conformer")
    both = count_flops(model, noise(2, 90), torch.tensor([90, 33]))
    alone = [count_flops(model, noise(2, 90)[:1, :frames], torch.tensor([frames])) for frames in (90, 33)]
    assert both.total == sum(flops.total for flops in alone)
    assert both.seconds == pytest.approx(1.23)
    assert both.per_second == pytest.approx(both.total / 1.23)


def test_kinds_add_up_to_the_total():
    flops = count_flops(encoder("conformer"), noise(1, 90), torch.tensor([90]))
    assert sum(flops.by_kind.values()) == flops.total
    assert set(flops.by_kind) == {"CausalSelfAttention", "Conv2d", "Linear"}


def test_the_encoder_is_left_as_it_was():
    model = encoder("amortized").train()
    before = copy.deepcopy(model.state_dict())
    count_flops(model, noise(1, 40), torch.tensor([40]))
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
