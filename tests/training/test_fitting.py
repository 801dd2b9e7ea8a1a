"""Fitting: a run that dies goes on from its last epoch and ends where an undisturbed one does."""

import copy

import lightning
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from isogloss.errors import ModelError
from isogloss.training.checkpoints import read_checkpoint
from isogloss.training.fitting import CHECKPOINTS, finish, fit, training_key


class DiedError(Exception):
    pass


class Line(lightning.LightningModule):
    """A regression with dropout, so that random numbers matter; it may die in some epoch, in training or on dev."""

    def __init__(self, dies_in=None, dies_on_dev=False, dropout=0.5):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Dropout(dropout), nn.Linear(8, 1))
        self.dies_in = dies_in
        self.dies_on_dev = dies_on_dev
        self.steps = []
        self.judged = []

    def training_step(self, batch, number):
        if self.current_epoch == self.dies_in and number == 1 and not self.dies_on_dev:
            raise DiedError
        x, y = batch
        return ((self.net(x) - y) ** 2).mean()

    def validation_step(self, batch, number):
        if self.current_epoch == self.dies_in and self.dies_on_dev:
            raise DiedError
        assert not self.training
        self.judged.append(copy.deepcopy(self.net.state_dict()))
        x, y = batch
        self.log("dev_loss", ((self.net(x) - y) ** 2).mean(), batch_size=len(x))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)

    def on_train_batch_end(self, *_):
        self.steps.append((self.global_step, copy.deepcopy(self.net.state_dict())))


def batches(epoch):
    generator = torch.Generator().manual_seed(epoch)
    x = torch.randn(12, 3, generator=generator)
    return DataLoader(TensorDataset(x, x.sum(dim=1, keepdim=True)), batch_size=4)


def dev_batches():
    return list(batches(1000))


def train(module, folder, epochs=4, **options):
    options = {"seed": 7, "checkpoints": folder / "checkpoints", "curve": folder / "loss.tsv"} | options
    assert fit(module, options.pop("batches", batches), epochs=epochs, **options)
    return [parameter.detach().clone() for parameter in module.parameters()]


EVERYTHING = {"ema_decay": 0.7, "accumulate": 2, "dev_batches": dev_batches}


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["plain", "averaged, accumulated, judged"])
@pytest.mark.parametrize(("dies_in", "on_dev"), [(1, False), (3, False), (2, True)])
def test_a_run_that_died_ends_as_an_undisturbed_one(tmp_path, dies_in, on_dev, options):
    if on_dev and not options:
        pytest.skip("there is no dev to die on")
    undisturbed = train(Line(), tmp_path / "undisturbed", **options)
    with pytest.raises(DiedError):
        train(Line(dies_in, on_dev), tmp_path / "disturbed", **options)
    assert not (tmp_path / "disturbed" / "loss.tsv").exists()
    resumed = train(Line(), tmp_path / "disturbed", **options)
    assert all(torch.equal(a, b) for a, b in zip(undisturbed, resumed, strict=True))
    curves = [(tmp_path / run / "loss.tsv").read_text() for run in ("undisturbed", "disturbed")]
    assert curves[0] == curves[1]
    header, *rows = curves[0].splitlines()
    assert header.split("\t") == (["epoch", "loss", "dev_loss"] if options else ["epoch", "loss"])
    assert len(rows) == 4


def test_a_run_that_died_after_its_last_epoch_still_ends_with_the_average(tmp_path):
    undisturbed = train(Line(), tmp_path, **EVERYTHING)
    curve = (tmp_path / "loss.tsv").read_text()
    (tmp_path / "loss.tsv").unlink()  # as if killed before the outputs were written
    assert all(torch.equal(*pair) for pair in zip(undisturbed, train(Line(), tmp_path, **EVERYTHING), strict=True))
    assert (tmp_path / "loss.tsv").read_text() == curve


def test_accumulated_batches_take_the_step_of_one_large_batch(tmp_path):
    def large(epoch):
        return [tuple(torch.cat(parts) for parts in zip(*batches(epoch), strict=True))]

    apart = train(Line(dropout=0.0), tmp_path / "apart", accumulate=3)
    whole = train(
        Line(dropout=0.0), tmp_path / "whole", batches=lambda epoch: DataLoader(large(epoch), batch_size=None)
    )
    torch.testing.assert_close(apart, whole)
    curves = [np.loadtxt(tmp_path / run / "loss.tsv", skiprows=1) for run in ("apart", "whole")]
    np.testing.assert_allclose(*curves, atol=2e-6)


def test_accumulated_batches_have_dropout_of_their_own(tmp_path):
    class Same(Line):
        def training_step(self, batch, number):
            drawn.append(torch.rand(()).item())
            return super().training_step(batch, number)

    drawn = []
    train(Same(), tmp_path, accumulate=3)
    assert len(set(drawn)) == len(drawn) == 12


def test_the_average_follows_its_recurrence_and_is_what_dev_judges_and_the_model_becomes(tmp_path):
    module = Line()
    train(module, tmp_path, ema_decay=0.7, accumulate=2, dev_batches=dev_batches)
    weights = dict(reversed(module.steps))  # the first batch end after each step
    assert sorted(weights)[-1] == 8  # two steps an epoch: of two batches, and of the one that is left
    average, averages = None, {}
    for step in range(1, 9):
        decay = min(0.7, (1 + step) / (10 + step))
        average = (
            weights[step]
            if average is None
            else {name: decay * average[name] + (1 - decay) * tensor for name, tensor in weights[step].items()}
        )
        averages[step] = average
    for epoch, judged in enumerate(module.judged[::3], 1):
        torch.testing.assert_close(judged, averages[2 * epoch])
    torch.testing.assert_close(dict(module.net.state_dict()), averages[8])


def test_the_curve_holds_the_mean_of_the_batches_and_the_loss_on_dev(tmp_path):
    module = Line(dropout=0.0)
    train(module, tmp_path, epochs=1, dev_batches=dev_batches)
    _, loss, dev_loss = (tmp_path / "loss.tsv").read_text().splitlines()[1].split("\t")
    x, y = (torch.cat(parts) for parts in zip(*dev_batches(), strict=True))
    assert float(dev_loss) == pytest.approx(((module.net(x) - y) ** 2).mean().item(), abs=1e-5)
    start = Line(dropout=0.0)
    states = [start.net.state_dict(), *(state for _, state in module.steps[:-1])]
    expected = []
    for state, (x, y) in zip(states, batches(0), strict=True):
        start.net.load_state_dict(state)
        expected.append(((start.net(x) - y) ** 2).mean().item())
    assert float(loss) == pytest.approx(sum(expected) / 3, abs=1e-5)


def test_bf16_runs_products_in_bfloat16_and_keeps_the_weights_in_float32(tmp_path):
    class Watched(Line):
        def training_step(self, batch, number):
            seen.append(self.net(batch[0]).dtype)
            return super().training_step(batch, number)

    seen = []
    weights = train(Watched(), tmp_path, epochs=1, precision="bf16")
    assert set(seen) == {torch.bfloat16}
    assert {weight.dtype for weight in weights} == {torch.float32}


@pytest.mark.parametrize("what", ["loss", "weight"])
def test_a_training_that_is_not_finite_ends_in_one_sentence_at_the_epoch_before(tmp_path, what):
    class Breaks(Line):
        def training_step(self, batch, number):
            loss = super().training_step(batch, number)
            return loss * float("nan") if what == "loss" and self.breaks(number, 1) else loss

        def on_train_batch_end(self, outputs, batch, number):
            if what == "weight" and self.breaks(number, 2):  # as after an infinite gradient of the last step
                self.net[0].weight.data[0, 0] = float("inf")

        def breaks(self, number, last):
            return self.current_epoch == 2 and number == last

    with pytest.raises(ModelError, match=r"^the loss is not finite in epoch 3; lower .*$"):
        train(Breaks(), tmp_path)
    assert not (tmp_path / "loss.tsv").exists()
    kept = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")
    assert kept["epoch"] == 1  # the second, from 0
    assert all(tensor.isfinite().all() for tensor in kept["state_dict"].values())


def test_finished_checkpoints_are_removed(tmp_path):
    train(Line(), tmp_path, epochs=1)
    assert (tmp_path / "checkpoints" / "last.ckpt").exists()
    finish(tmp_path / "checkpoints")
    assert not (tmp_path / "checkpoints").exists()


def test_finished_checkpoints_leave_no_empty_folders_and_those_of_others_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for key in ("asr/1", "asr/2", "speaker/3"):
        (CHECKPOINTS / key).mkdir(parents=True)
    finish(CHECKPOINTS / "asr/1")
    assert (CHECKPOINTS / "asr/2").exists()
    finish(CHECKPOINTS / "asr/2")
    assert [path.name for path in CHECKPOINTS.iterdir()] == ["speaker"]
    finish(CHECKPOINTS / "speaker/3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["eight flipped bytes", "cut", "emptied", "pickled"])
def test_a_damaged_checkpoint_is_said_in_one_sentence_and_not_used(tmp_path, damage, capsys):
    undisturbed = train(Line(), tmp_path / "undisturbed")
    with pytest.raises(DiedError):
        train(Line(3), tmp_path / "disturbed")
    path = tmp_path / "disturbed" / "checkpoints" / "last.ckpt"
    content = bytearray(path.read_bytes())
    if damage == "eight flipped bytes":
        for place in range(len(content) - 100, len(content) - 20, 10):
            content[place] ^= 0x55
    path.write_bytes({"cut": content[:-7], "emptied": b"", "eight flipped bytes": content}.get(damage, b""))
    if damage == "pickled":
        torch.save({"epoch": 3}, path)
    module = Line()
    after = train(module, tmp_path / "disturbed")
    printed = capsys.readouterr().out
    assert f"the checkpoint {path} is damaged, or of another version of Isogloss; it is not used" in printed
    assert "resuming from" not in printed
    assert len(module.steps) == 12  # all four epochs
    assert all(torch.equal(one, other) for one, other in zip(undisturbed, after, strict=True))


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    with pytest.raises(DiedError):
        train(Line(2), tmp_path)
    path = tmp_path / "checkpoints" / "last.ckpt"
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr("isogloss.tables.os.fsync", full)
        train(Line(), tmp_path)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["last.ckpt"]


def test_the_key_follows_params_inputs_code_and_device(tmp_path, monkeypatch):
    data, code, has_gpu = tmp_path / "data", tmp_path / "code", torch.cuda.is_available()
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
    monkeypatch.setattr(torch.cuda, "is_available", lambda: not has_gpu)
    keys.add(training_key("stage", ["params"], [data], [code]))
    assert len(keys) == 5
