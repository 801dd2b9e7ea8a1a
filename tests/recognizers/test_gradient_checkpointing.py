"""Gradient checkpointing: the same gradients, with each layer computed once more in the backward pass."""

import pytest
import torch

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.errors import ModelError
from isogloss.recognizers.ctc import CtcRecognizer
from isogloss.recognizers.pretrained import checkpoint_gradients
from isogloss.recognizers.whisper import WhisperRecognizer


@pytest.fixture(params=["whisper", "ctc"])
def recognizer(request, tiny_whisper, make_wav2vec2, tmp_path):
    """A function that opens one of two tiny checkpoints."""
    if request.param == "ctc":
        folder = make_wav2vec2(tmp_path / "tiny")
        return lambda **options: CtcRecognizer.from_checkpoint(folder, **options)
    return lambda **options: WhisperRecognizer.from_checkpoint(tiny_whisper, window_seconds=2, **options)


def gradients(model, batch):
    """Gradients by parameter, and how often the first layer of the encoder ran."""
    runs = []
    layers = ("encoder.layers.0.fc1", "encoder.layers.0.feed_forward")
    first = next(module for name, module in model.named_modules() if name.endswith(layers))
    first.register_forward_pre_hook(lambda *_: runs.append(1))
    model.model.config.layerdrop = 0.0  # dropout draws the same twice, skipped layers do not
    torch.manual_seed(0)
    model.train().losses(batch).loss_B.sum().backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, len(runs)


def test_gradients_are_the_same_and_layers_run_twice(recognizer, make_speech):
    batch = make_speech(1.2, 0.8, texts=["go on", "stop"])
    plain, once = gradients(recognizer(), batch)
    saving, twice = gradients(recognizer(gradient_checkpointing=True), batch)
    assert (once, twice) == (1, 2) and plain.keys() == saving.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(saving[name], gradient, rtol=1e-4, atol=1e-6)


def test_a_model_that_cannot_is_refused():
    class Plain:
        supports_gradient_checkpointing = False

    with pytest.raises(ModelError, match="a Plain has no gradient checkpointing; set gradient_checkpointing to false"):
        checkpoint_gradients(Plain())
