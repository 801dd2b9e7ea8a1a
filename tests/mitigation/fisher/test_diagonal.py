"""The Fisher information against gradients taken one utterance at a time, and over two processes."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from isogloss.errors import ModelError
from isogloss.mitigation.fisher import diagonal, diagonal_fisher
from isogloss.recognizers import save_recognizer
from isogloss.recognizers.per_utterance import gradients
from isogloss.recognizers.transducer.losses import transducer_loss_from_logits


def one_at_a_time(model, batch):
    """Mean squared gradient by a backward pass an utterance on full logits: nothing of the library but the loss."""
    named = dict(model.named_parameters())
    squares = {name: torch.zeros_like(p) for name, p in named.items()}
    for row in range(len(batch)):
        frames = int(batch.lengths_B[row])
        labels_BU = torch.tensor([model.tokens.encode(batch.texts[row])], dtype=torch.long)
        encoded_BTD, lengths_B = model.encode(
            batch.features_BTF[row : row + 1, :frames], batch.lengths_B[row : row + 1]
        )
        sums_BTUJ = (
            model.encoder_projection(encoded_BTD)[:, :, None]
            + model.predictor_projection(model.predictor(labels_BU))[:, None]
        )
        logits_BTUV = model.output_layer(torch.tanh(sums_BTUJ))
        loss = transducer_loss_from_logits(logits_BTUV, labels_BU, lengths_B, torch.tensor([labels_BU.shape[1]]))
        found = torch.autograd.grad(loss.sum(), list(named.values()), allow_unused=True)
        for name, gradient in zip(named, found, strict=True):
            if gradient is not None:
                squares[name] += gradient**2 / len(batch)
    return squares


def assert_equal(found, expected):
    assert set(found) == set(expected)
    for name, one in found.items():
        torch.testing.assert_close(one, expected[name], rtol=1e-4, atol=1e-7, msg=name)


def test_fisher_in_batches_is_the_fisher_one_at_a_time(tiny_model, speech):
    model, batch = tiny_model(), speech(7)
    assert_equal(diagonal_fisher(model, [batch]), one_at_a_time(model, batch))


def test_an_utterance_counts_the_same_in_whatever_batch_it_is(tiny_model, speech):
    model, batches = tiny_model(), [speech(6, seed=1), speech(2, seed=2)]
    expected = {
        name: (6 * first + 2 * second) / 8
        for (name, first), second in zip(
            one_at_a_time(model, batches[0]).items(), one_at_a_time(model, batches[1]).values(), strict=True
        )
    }
    assert_equal(diagonal_fisher(model, batches), expected)


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        ("conformer", {"dim": 8, "layers": 2, "heads": 2, "feed_forward": 12, "kernel": 3, "left_context": 4}),
        ("contextnet", {"alpha": 0.02, "blocks": 5, "layers": 2, "kernel": 3}),
        ("convrnnt", {"local_channels": 4, "global_dim": 6, "global_blocks": 2, "hidden_dim": 5, "layers": 1}),
        ("amortized", {"channels": 2, "dim": 8, "layers": 2, "heads": 2, "feed_forward": 12, "left_context": 4}),
    ],
)
def test_every_encoder_is_seen_into_by_one_backward_pass(tiny_model, speech, monkeypatch, encoder, options):
    model, batch = tiny_model(encoder, subsampling=4, **options), speech(5)
    expected = one_at_a_time(model, batch)

    def never(*_):
        raise AssertionError("a backward pass an utterance was needed")

    monkeypatch.setattr(diagonal, "squares_one_by_one", never)
    assert_equal(diagonal_fisher(model, [batch]), expected)


def test_the_arbitrators_of_the_amortized_transformer_are_held_too(tiny_model, speech):
    options = {"channels": 2, "dim": 8, "layers": 2, "heads": 2, "feed_forward": 12, "left_context": 4}
    found = diagonal_fisher(tiny_model("amortized", subsampling=2, **options), [speech(5)])
    names = [name for name in found if name.startswith("encoder.arbitrators.")]
    assert len(names) == 2 * 4
    assert all(found[name].sum() > 0 for name in names)


def test_a_model_that_cannot_be_seen_into_is_measured_all_the_same(tiny_model, speech):
    class Squashed(torch.nn.Module):
        """Uses its inner layer's weight without calling it."""

        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return torch.nn.functional.linear(x, self.inner.weight, self.inner.bias)

    model, batch = tiny_model(), speech(4)
    model.encoder_projection = Squashed(model.encoder_projection)
    assert_equal(diagonal_fisher(model, [batch]), one_at_a_time(model, batch))


def test_an_lstm_that_is_not_remembered_runs_without_cudnn(tiny_model, speech, monkeypatch):
    """cuDNN's LSTM refuses a backward pass in evaluation mode."""
    with_cudnn = []
    forward = torch.nn.LSTM.forward

    def watched(self, *inputs):
        with_cudnn.append(torch.backends.cudnn.enabled)
        return forward(self, *inputs)

    model, batch = tiny_model(), speech(4)
    expected = one_at_a_time(model, batch)
    monkeypatch.setattr(torch.nn.LSTM, "forward", watched)
    monkeypatch.setattr(gradients, "can_be_remembered", lambda _: False)
    assert_equal(diagonal_fisher(model, [batch]), expected)
    assert len(with_cudnn) == 2 * (1 + 4)  # encoder and predictor, of the batch and of each utterance
    assert not any(with_cudnn)


def test_the_fisher_is_not_the_square_of_the_mean_gradient(tiny_model, speech):
    model, batch = tiny_model(), speech(7)
    model.zero_grad()
    fisher = diagonal_fisher(model, [batch])
    mean = {}
    for row in range(7):
        for name, square in one_at_a_time(model, batch.row(row)).items():
            mean[name] = mean.get(name, 0.0) + square.sqrt() / 7
    name = "output_layer.weight"
    assert (fisher[name] >= mean[name] ** 2 - 1e-9).all() and fisher[name].sum() > mean[name].pow(2).sum()


def test_what_the_loss_does_not_reach_has_zero_fisher(tiny_model, speech):
    fisher = diagonal_fisher(tiny_model(), [speech()])
    assert fisher["ctc_layer.weight"].abs().max() == 0.0


def test_no_utterance_is_refused(tiny_model):
    with pytest.raises(ModelError, match="at least one utterance"):
        diagonal_fisher(tiny_model(), [])


def test_sampled_labels_come_with_the_probability_that_the_loss_gives_them(tiny_model, speech):
    """Of many draws for one short utterance, the share that has no label is its probability."""
    model, batch = tiny_model(), speech(3).row(0)
    batch = replace(batch, features_BTF=batch.features_BTF[:, :4], lengths_B=torch.tensor([4]))
    with torch.no_grad():
        model.output_layer.bias[0] += 1.0
        encoded_BTD, lengths_B = model.encode(batch.features_BTF, batch.lengths_B)
        empty = torch.zeros(1, 0, dtype=torch.long)
        sums = (
            model.encoder_projection(encoded_BTD)[:, :, None]
            + model.predictor_projection(model.predictor(empty))[:, None]
        )
        loss = transducer_loss_from_logits(model.output_layer(torch.tanh(sums)), empty, lengths_B, torch.tensor([0]))
    probability = loss.neg().exp().item()
    draws = [model.with_sampled_texts(batch, seed=seed).texts for seed in range(1500)]
    share = sum(texts == [""] for texts in draws) / len(draws)
    assert abs(share - probability) < 4 * (probability * (1 - probability) / len(draws)) ** 0.5


PROCESS = """
import sys, torch
from isogloss.mitigation.fisher import diagonal_fisher
from isogloss.recognizers import load_recognizer
rank, folder = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
batches = torch.load(f"{folder}/batches.pt", weights_only=False)[rank]
torch.save(diagonal_fisher(load_recognizer(f"{folder}/model"), batches), f"{folder}/fisher{rank}.pt")
torch.distributed.destroy_process_group()
"""


def test_two_processes_find_the_fisher_of_one(tiny_model, speech, tmp_path):
    model, batches = tiny_model(), [speech(4, seed=1), speech(3, seed=2), speech(5, seed=3)]
    save_recognizer(model, tmp_path / "model")
    torch.save([batches[:1], batches[1:]], tmp_path / "batches.pt")
    processes = [subprocess.Popen([sys.executable, "-c", PROCESS, str(rank), str(tmp_path)]) for rank in (0, 1)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    expected = diagonal_fisher(model, batches)
    for rank in (0, 1):
        assert_equal(torch.load(tmp_path / f"fisher{rank}.pt"), expected)
