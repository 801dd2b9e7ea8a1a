"""Fitting: a run that dies goes on from its last epoch and ends where an undisturbed one does."""

import lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from isogloss.training.fitting import finish, fit, training_key


class DiedError(Exception):
    pass


class Line(lightning.LightningModule):
    """A regression with dropout, so that random numbers matter; it may die in some epoch."""

    def __init__(self, dies_in=None):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.dies_in = dies_in

    def training_step(self, batch, number):
        if self.current_epoch == self.dies_in and number == 1:
            raise DiedError
        x, y = batch
        return ((self.net(x) - y) ** 2).mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def batches(epoch):
    generator = torch.Generator().manual_seed(epoch)
    x = torch.randn(12, 3, generator=generator)
    return DataLoader(TensorDataset(x, x.sum(dim=1, keepdim=True)), batch_size=4)


def train(module, folder, epochs=4):
    fit(module, batches, epochs=epochs, seed=7, checkpoints=folder / "checkpoints", curve=folder / "loss.tsv")
    return [parameter.detach().clone() for parameter in module.parameters()]


@pytest.mark.parametrize("dies_in", [1, 3])
def test_a_run_that_died_ends_as_an_undisturbed_one(tmp_path, dies_in):
    undisturbed = train(Line(), tmp_path / "undisturbed")
    with pytest.raises(DiedError):
        train(Line(dies_in=dies_in), tmp_path / "disturbed")
    assert not (tmp_path / "disturbed" / "loss.tsv").exists()
    resumed = train(Line(), tmp_path / "disturbed")
    assert all(torch.equal(a, b) for a, b in zip(undisturbed, resumed, strict=True))
    curves = [(tmp_path / run / "loss.tsv").read_text() for run in ("undisturbed", "disturbed")]
    assert curves[0] == curves[1]
    assert len(curves[0].splitlines()) == 1 + 4


def test_finished_checkpoints_are_removed(tmp_path):
    train(Line(), tmp_path, epochs=1)
    assert (tmp_path / "checkpoints" / "last.ckpt").exists()
    finish(tmp_path / "checkpoints")
    assert not (tmp_path / "checkpoints").exists()


def test_the_key_follows_params_inputs_and_code(tmp_path):
    data, code = tmp_path / "data", tmp_path / "code"
    data.mkdir(), code.mkdir()
    (data / "cuts").write_text("a")
    (code / "model.py").write_text("b")
    keys = {training_key("stage", ["params"], [data], [code])}
    assert keys == {training_key("stage", ["params"], [data], [code])}
    keys.add(training_key("stage", ["other"], [data], [code]))
    (data / "cuts").write_text("changed")
    keys.add(training_key("stage", ["params"], [data], [code]))
    (code / "model.py").write_text("changed")
    keys.add(training_key("stage", ["params"], [data], [code]))
    assert len(keys) == 4
