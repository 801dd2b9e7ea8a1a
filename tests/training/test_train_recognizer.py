"""The stage `train_asr`, apart from the training itself."""

import pytest
import torch
from lhotse import CutSet
from lhotse.testing.dummies import dummy_cut, dummy_supervision

from isogloss.config import Params
from isogloss.training import train_recognizer as module


def test_a_pretrained_model_is_trained_in_training_mode(monkeypatch, tmp_path):
    # A checkpoint is read in evaluation mode, and Lightning trains each module in the mode that it has.
    model = torch.nn.Dropout()
    model.hears, model.kind = "audio", "whisper"
    model.base_options, model.base_epochs = lambda params: [], lambda asr: 1
    cuts = CutSet.from_cuts(dummy_cut(number, supervisions=[dummy_supervision(number)]) for number in range(2))
    seen = []
    monkeypatch.setattr(module, "new_recognizer", lambda params, data: model.eval())
    monkeypatch.setattr(module, "read_cuts", lambda path, hears: cuts)
    monkeypatch.setattr(module, "training_key", lambda *_: tmp_path / "checkpoints")
    monkeypatch.setattr(module, "save_recognizer", lambda *_: None)
    monkeypatch.setattr(module, "fit", lambda training, *_, **__: seen.append(training.model.training))
    module.train_recognizer(Params(), data=tmp_path, output=tmp_path / "base")
    assert seen == [True]


@pytest.mark.parametrize(("there", "step", "used"), [(0, 1, 0), (1, 1, 1), (240, 1, 240), (241, 2, 121), (720, 3, 240)])
def test_the_loss_on_dev_is_of_utterances_spread_evenly(there, step, used):
    cuts = CutSet.from_cuts(dummy_cut(number) for number in range(there))
    found = [cut.id for cut in module.for_curve(cuts)]
    assert found == [f"dummy-mono-cut-{number:04d}" for number in range(0, there, step)]
    assert len(found) == used
