"""The dial of the amortized Transformer: its loss is that of the words plus the weighed share of the computation."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from isogloss.config import AsrParams, Params
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.mitigation import Setting, build_mitigation
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.transducer import TransducerRecognizer
from isogloss.training.adapt_recognizer import RecognizerObjective
from isogloss.training.adaptation import Adaptation
from isogloss.training.recognizer import RecognizerTraining

OPTIONS = {"channels": 2, "dim": 8, "layers": 2, "heads": 2, "feed_forward": 8, "left_context": 4, "dropout": 0.0}

WARM = AsrParams().ctc_epochs
"""The first epoch of the transducer loss."""


def training(monkeypatch, epoch, ctc_weight=0.3, **options):
    """A module outside Lightning's loop."""
    torch.manual_seed(0)
    model = TransducerRecognizer(
        Tokens.of(["abcd"]),
        encoder="amortized",
        encoder_options={**OPTIONS, **options},
        input_dim=12,
        predictor_dim=4,
        joiner_dim=4,
    )
    module = RecognizerTraining(model, AsrParams(ctc_weight=ctc_weight), steps_per_epoch=1)
    module._trainer = SimpleNamespace(
        current_epoch=epoch, strategy=SimpleNamespace(reduce=lambda tensor, reduce_op: tensor)
    )
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    return module.train()


def batch():
    generator = torch.Generator().manual_seed(1)
    features_BTF = torch.randn(2, 40, 12, generator=generator)
    return Batch(
        ids=["a", "b"],
        cohorts=["", ""],
        texts=["abc", "da"],
        features_BTF=features_BTF,
        lengths_B=torch.tensor([40, 31]),
    )


def loss(monkeypatch, epoch=WARM, **options):
    module = training(monkeypatch, epoch, **options)
    torch.manual_seed(2)  # of the gates and the masks
    return module.training_step(batch(), 0)


def computed_share():
    """The share of the dense computation in the forward pass that `loss` has."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        model = training(monkeypatch, WARM).model
    torch.manual_seed(2)
    model.encode(batch().features_BTF, batch().lengths_B)
    return model.encoder.compute_cost().item()


@pytest.mark.parametrize("weight", [0.5, 3.0])
def test_the_weighed_cost_is_added_to_the_loss(monkeypatch, weight):
    free, dear = (loss(monkeypatch, compute_weight=each) for each in (0.0, weight))
    assert 0.5 < computed_share() < 1
    assert dear.item() == pytest.approx(free.item() + weight * computed_share(), rel=1e-5)


def test_while_the_encoder_learns_to_listen_computing_is_free(monkeypatch):
    free, dear = (loss(monkeypatch, epoch=0, compute_weight=each) for each in (0.0, 3.0))
    assert dear.item() == free.item()


def adaptation_loss(monkeypatch, method, **options):
    """The loss of the same model and batch as `loss` has them, in an adaptation."""
    model = training(monkeypatch, WARM, **options).model
    mitigation, both = build_mitigation(method, Params()), batch()
    table = pd.DataFrame({"utterance_id": both.ids, "split": "adapt", "cohort": ["x", "x"]})
    setting = Setting(utterances=table, worst=["x"])
    if method == "length_normalised_dro":
        mitigation.start(model, setting, [])
    objective = RecognizerObjective(model.train(), AsrParams(), learning_rate=1e-3)
    objective.drawn = {id_: (id_, 1.0) for id_ in both.ids}
    module = Adaptation(objective, mitigation)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    torch.manual_seed(2)
    return module.training_step(both, 0).item()


def test_an_adaptation_weighs_words_and_computation_as_base_training_does(monkeypatch):
    base = loss(monkeypatch, compute_weight=3.0, ctc_weight=0.0)  # of a token; the batch has 5 in 2 utterances
    found = adaptation_loss(monkeypatch, "finetune", compute_weight=3.0)
    assert found == pytest.approx(base.item() * 5 / 2, rel=1e-5)


def test_a_mitigation_whose_loss_is_of_a_token_adds_the_cost_as_it_is(monkeypatch):
    free, dear = (adaptation_loss(monkeypatch, "length_normalised_dro", compute_weight=w) for w in (0.0, 3.0))
    assert dear == pytest.approx(free + 3.0 * computed_share(), rel=1e-5)


def test_an_encoder_without_gates_adds_nothing(monkeypatch):
    free, dear = (loss(monkeypatch, compute_weight=each, gates="none") for each in (0.0, 3.0))
    assert dear.item() == free.item()
