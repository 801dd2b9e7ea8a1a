"""LoRA: nothing at first, then low-rank updates of chosen layers alone, which are merged into the weights."""

import pytest
import torch

pytest.importorskip("peft", reason="the extra isogloss[whisper] is not installed")

from isogloss.config import Params, registry
from isogloss.config.components import EncoderComponent
from isogloss.errors import ModelError
from isogloss.mitigation.lora import Lora, LoraParams

ENCODERS = registry.names(EncoderComponent)


@pytest.fixture
def options():
    return LoraParams(rank=2, scale=3.0, dropout=0.0)


def trained(model, batch, options, steps=2):
    """A mitigation whose updates have been trained for a few steps, and the losses before and after."""
    mitigation = Lora(options)
    with torch.no_grad():
        before = model.losses(batch).loss_B
    mitigation.model(model, None)
    torch.testing.assert_close(model.losses(batch).loss_B.detach(), before)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        model.losses(batch).loss_B.sum().backward()
        optimizer.step()
    with torch.no_grad():
        return mitigation, before, model.losses(batch).loss_B


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_layer_that_has_an_update_is_reached_by_the_loss(encoder, tiny_model, speech, options):
    model = tiny_model(encoder, **Params().section(encoder).model_dump())
    layers = model.low_rank_layers()
    trained(model, speech(), options)
    updates = {name: p for name, p in model.named_parameters() if ".lora_B." in name}
    assert layers and len(updates) == len(layers) and all(p.abs().sum() > 0 for p in updates.values())


def test_merged_updates_say_the_same_and_are_of_low_rank(tiny_model, speech, options):
    model, batch = tiny_model(), speech()
    base, layers = {name: p.detach().clone() for name, p in model.named_parameters()}, model.low_rank_layers()
    mitigation, before, after = trained(model, batch, options)
    assert float(after.sum()) < float(before.sum())
    mitigation.settle(model, None)
    torch.testing.assert_close(model.losses(batch).loss_B.detach(), after)
    merged = dict(model.named_parameters())
    assert list(merged) == list(base)
    changed = {name for name in base if not torch.equal(base[name], merged[name])}
    assert changed == {f"{layer}.weight" for layer in layers}
    assert all(torch.linalg.matrix_rank(merged[name] - base[name], rtol=1e-3) <= 2 for name in changed)


def test_layers_are_chosen_by_the_last_part_of_their_name(tiny_model, options):
    model = tiny_model()
    Lora(options.model_copy(update={"layers": ["predictor_projection"]})).model(model, None)
    trained_now = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained_now and all(name.startswith("predictor_projection.lora_") for name in trained_now)


def test_a_layer_that_there_is_not_is_refused(tiny_model, options):
    wrong = options.model_copy(update={"layers": ["q_proj"]})
    with pytest.raises(ModelError, match=r"lora\.layers is q_proj, but .* no such linear layer; it has .*projection"):
        Lora(wrong).model(tiny_model(), None)
