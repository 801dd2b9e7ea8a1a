"""The speaker encoder: padding never reaches an embedding, files bring back the same model, pooling is as published."""

import json

import pytest
import torch

from isogloss.errors import ModelError
from isogloss.speakers import (
    SIZES,
    load_speaker_encoder,
    new_speaker_encoder,
    save_speaker_encoder,
)
from isogloss.speakers.pooling import AttentiveStatisticsPooling

DIMENSIONS = {"input_dim": 20, "embedding_dim": 16}


def encoder(size="small"):
    torch.manual_seed(3)
    model = new_speaker_encoder(size, **DIMENSIONS)
    model.feature_mean_F.normal_()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):  # as after training: a mean that zeros do not have
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()


@pytest.mark.parametrize("size", ["small", "ecapa_512"])
def test_an_embedding_does_not_depend_on_what_it_is_batched_with(size):
    model = encoder(size)
    lengths = [7, 40, 41, 42, 3]
    utterances = [torch.randn(length, 20) for length in lengths]
    padded = torch.nn.utils.rnn.pad_sequence(utterances, batch_first=True, padding_value=1e3)
    with torch.inference_mode():
        together = model(padded, torch.tensor(lengths))
        alone = torch.cat([model(u[None], torch.tensor([len(u)])) for u in utterances])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_no_gradient_reaches_the_padding():
    features = torch.randn(2, 30, 20, requires_grad=True)
    encoder()(features, torch.tensor([30, 17])).square().sum().backward()
    assert features.grad[1, 17:].abs().max() == 0
    assert features.grad[1, :17].abs().min() > 0


def test_a_steady_channel_is_forgotten():
    model, features = encoder(), torch.randn(1, 50, 20)
    lengths = torch.tensor([50])
    with torch.inference_mode():
        torch.testing.assert_close(
            model(features, lengths), model(features + torch.randn(20), lengths), atol=1e-4, rtol=0
        )


def test_pooling_with_equal_attention_is_mean_and_standard_deviation():
    pooling = AttentiveStatisticsPooling(4, attention_dim=3)
    torch.nn.init.zeros_(pooling.scores.weight)
    input_BCT = torch.randn(1, 4, 9)
    mask = torch.ones(1, 1, 9)
    mask[..., 6:] = 0
    kept = input_BCT[0, :, :6]
    expected = torch.cat([kept.mean(dim=1), kept.std(dim=1, correction=0)])
    torch.testing.assert_close(pooling(input_BCT, mask)[0], expected)


def test_the_published_sizes_have_the_published_numbers_of_parameters():
    # Table 1 of 2005.07143: 6.2 M and 14.7 M with 80 filters.
    for size, millions in (("ecapa_512", 6.2), ("ecapa_1024", 14.7)):
        model = new_speaker_encoder(size, input_dim=80, embedding_dim=192)
        assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


@pytest.mark.parametrize("size", SIZES)
def test_the_published_blocks_see_the_sum_of_all_before_them(size):
    model, seen = encoder(size), []
    model.first.register_forward_hook(lambda _, inputs, output: seen.append((None, output)))
    for block in model.blocks:
        block.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    with torch.inference_mode():
        model(torch.randn(1, 30, 20), torch.tensor([30]))
    outputs = [output for _, output in seen]
    for place in (1, 2, 3):
        expected = outputs[place - 1] if size == "small" else torch.stack(outputs[:place]).sum(dim=0)
        torch.testing.assert_close(seen[place][0], expected)


def test_an_encoder_of_before_there_were_sums_is_a_chain_still(tmp_path):
    save_speaker_encoder(encoder("ecapa_512"), tmp_path / "base")
    assert load_speaker_encoder(tmp_path / "base").summed
    description = json.loads((tmp_path / "base" / "model.json").read_text())
    del description["dimensions"]["summed"]
    (tmp_path / "base" / "model.json").write_text(json.dumps(description))
    assert not load_speaker_encoder(tmp_path / "base").summed


def test_a_saved_encoder_comes_back_the_same(tmp_path):
    model, features = encoder(), torch.randn(2, 25, 20)
    save_speaker_encoder(model, tmp_path / "base", head={"scale": torch.tensor(10.0)}, loss="angular_prototypical")
    again = load_speaker_encoder(tmp_path / "base")
    lengths = torch.tensor([25, 20])
    assert torch.equal(model(features, lengths), again(features, lengths))
    assert (tmp_path / "base" / "head.safetensors").exists()
    assert json.loads((tmp_path / "base" / "model.json").read_text())["loss"] == "angular_prototypical"


def test_weights_that_do_not_fit_are_one_sentence(tmp_path):
    save_speaker_encoder(encoder(), tmp_path / "base")
    description = json.loads((tmp_path / "base" / "model.json").read_text())
    description["dimensions"]["channels"] *= 2
    (tmp_path / "base" / "model.json").write_text(json.dumps(description))
    with pytest.raises(ModelError, match="does not fit"):
        load_speaker_encoder(tmp_path / "base")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.9])
def test_weights_that_are_cut_short_are_one_sentence(tmp_path, share):
    save_speaker_encoder(encoder(), tmp_path / "base")
    file = tmp_path / "base" / "model.safetensors"
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(ModelError, match=r"^[^\n]*model\.safetensors is no file of weights, or not a whole one[^\n]*$"):
        load_speaker_encoder(tmp_path / "base")


def test_brought_embeddings_are_no_encoder(tmp_path):
    (tmp_path / "model.json").write_text('{"embeddings": "other.parquet"}')
    with pytest.raises(ModelError, match="brought from elsewhere"):
        load_speaker_encoder(tmp_path)


def test_an_unknown_size_is_named():
    with pytest.raises(ModelError, match=f"known are {', '.join(SIZES)}"):
        new_speaker_encoder("tiny", **DIMENSIONS)
