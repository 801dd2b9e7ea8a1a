"""Base training by the pruned loss: what it descends in which epoch, and that the model is none the wiser."""

import json

import pytest
import torch

from isogloss.config import Params
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.recognizers import load_recognizer, new_recognizer, save_recognizer
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.transducer.losses import Pruning, transducer_loss
from isogloss.tables import write_json

LSTM = {"channels": 4, "hidden_dim": 16, "layers": 1, "dropout": 0.0}
ASR = {
    "predictor_dim": 8,
    "joiner_dim": 12,
    "token_dropout": 0.0,
    "ctc_epochs": 2,
    "ctc_weight": 0.0,
    "prune_range": 2,
    "simple_loss_scale": 0.4,
    "prune_warm_up_epochs": 2,
}


def new_model(data, loss):
    params = Params.model_validate({"asr": ASR | {"loss": loss}, "lstm": LSTM})
    Tokens.of(["a b", "cde"]).write(data / "tokens.txt")
    write_json({"mean": [0.0] * 20, "scale": [1.0] * 20}, data / "feature_statistics.json")
    torch.manual_seed(0)
    return new_recognizer(params, data), params.asr


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return Batch(
        ids=["x", "y"],
        cohorts=["", ""],
        texts=["a b a", "cd"],
        features_BTF=torch.randn(2, 29, 20, generator=generator),
        lengths_B=torch.tensor([29, 22]),
    )


def loss_by_hand(model, batch, scales):
    """The full loss, or with scales the two terms of the pruned one."""
    encoded_BTD, lengths_B = model.encode(batch.features_BTF, batch.lengths_B)
    targets = model.targets(batch)
    predicted_BUP = model.predictor(targets.tokens_BU)
    joined = model.encoder_projection(encoded_BTD), model.predictor_projection(predicted_BUP), model.output_layer
    rest = targets.tokens_BU, lengths_B, targets.lengths_B
    if scales is None:
        return transducer_loss(*joined, *rest)
    simple = model.simple_joiner
    parts = {
        "encoder_BTV": encoded_BTD @ simple.encoder_layer.weight.T + simple.encoder_layer.bias,
        "predictor_BPV": predicted_BUP @ simple.predictor_layer.weight.T + simple.predictor_layer.bias,
    }
    return transducer_loss(
        *joined, *rest, pruning=Pruning(range=2, simple_scale=scales[0], pruned_scale=scales[1], **parts)
    )


@pytest.mark.parametrize(("epoch", "scales"), [(2, (1.0, 0.1)), (3, (0.7, 0.55)), (4, (0.4, 1.0)), (7, (0.4, 1.0))])
def test_training_descends_the_pruned_loss_with_its_warm_up(tmp_path, batch, epoch, scales):
    model, asr = new_model(tmp_path, "pruned")
    loss_B = model.train().training_losses(batch, asr, epoch=epoch).loss_B
    torch.testing.assert_close(loss_B, loss_by_hand(model, batch, scales))
    loss_B.sum().backward()
    assert model.simple_joiner.encoder_layer.weight.grad.abs().sum() > 0


def test_dev_and_adaptations_have_the_full_loss(tmp_path, batch):
    model, asr = new_model(tmp_path, "pruned")
    full_B = loss_by_hand(model, batch, None)
    torch.testing.assert_close(model.train().training_losses(batch, asr).loss_B, full_B)
    torch.testing.assert_close(model.train().losses(batch).loss_B, full_B)
    torch.testing.assert_close(model.eval().training_losses(batch, asr, epoch=7).loss_B, full_B)


def test_training_by_the_full_loss_has_no_simple_joiner(tmp_path, batch):
    model, asr = new_model(tmp_path, "full")
    assert model.simple_joiner is None
    torch.testing.assert_close(
        model.train().training_losses(batch, asr, epoch=7).loss_B, loss_by_hand(model, batch, None)
    )


def test_what_is_saved_is_the_model_alone(tmp_path, batch):
    models = {loss: new_model(tmp_path, loss)[0] for loss in ("full", "pruned")}
    for loss, model in models.items():
        save_recognizer(model, tmp_path / loss)
    assert json.loads((tmp_path / "full" / "model.json").read_text()) == json.loads(
        (tmp_path / "pruned" / "model.json").read_text()
    )
    again = load_recognizer(tmp_path / "pruned")
    assert again.simple_joiner is None
    torch.testing.assert_close(again.losses(batch).loss_B, models["pruned"].eval().losses(batch).loss_B)
