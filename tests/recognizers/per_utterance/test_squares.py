"""Squared per-utterance gradients of pretrained recognisers against one backward pass an utterance."""

from dataclasses import replace

import pytest
import torch

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.recognizers.ctc import CtcRecognizer
from isogloss.recognizers.per_utterance import gradients
from isogloss.recognizers.whisper import WhisperRecognizer

TEXTS = ["go on", "stop", "turn it up please"]


def one_by_one(model, batch):
    named = model.trained_parameters()
    squares = {name: torch.zeros_like(parameter) for name, parameter in named.items()}
    for row in range(len(batch.texts)):
        loss = model.losses(batch.row(row)).loss_B[0]
        found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        for name, gradient in zip(named, found, strict=True):
            if gradient is not None:
                squares[name] += gradient**2
    return squares


@pytest.fixture(params=["whisper", "wav2vec2"])
def model(request, tiny_checkpoints, tmp_path):
    if request.param == "whisper":
        return WhisperRecognizer.from_checkpoint(tiny_checkpoints.write_whisper(tmp_path / "w"), window_seconds=2)
    return CtcRecognizer.from_checkpoint(tiny_checkpoints.write_wav2vec2(tmp_path / "c"))


@pytest.mark.parametrize("large", [2**24, 0])
def test_they_are_those_of_one_utterance_at_a_time(model, make_speech, monkeypatch, large):
    monkeypatch.setattr(gradients, "LARGE", large)
    batch = make_speech(1.2, 0.8, 1.9, texts=TEXTS)
    expected = one_by_one(model.double(), _double(batch))
    found = model.squares(_double(batch))
    assert found is not None and set(found) == set(expected)
    for name, square in expected.items():
        torch.testing.assert_close(found[name], square, rtol=1e-6, atol=1e-12 + 1e-9 * float(square.max()), msg=name)


def _double(batch):
    return replace(batch, audio_BS=batch.audio_BS.double())
