"""LoRA on pretrained models: merged, they are plain checkpoints that `transformers` opens and that say the same."""

import pytest
import torch

pytest.importorskip("peft", reason="the extra isogloss[whisper] is not installed")

from isogloss.mitigation.lora import Lora, LoraParams
from isogloss.recognizers.ctc import CtcRecognizer
from isogloss.recognizers.whisper import WhisperRecognizer


@pytest.fixture(params=["whisper", "ctc"])
def recognizer(request, tiny_whisper, make_wav2vec2, tmp_path):
    if request.param == "ctc":
        return CtcRecognizer.from_checkpoint(make_wav2vec2(tmp_path / "tiny"))
    return WhisperRecognizer.from_checkpoint(tiny_whisper, window_seconds=2)


@pytest.mark.parametrize("layers", [[], ["q_proj", "v_proj"]])
def test_a_merged_model_is_a_plain_checkpoint_that_says_the_same(recognizer, make_speech, tmp_path, layers):
    batch = make_speech(1.2, 0.8, texts=["go on", "stop"])
    base = {name: parameter.detach().clone() for name, parameter in recognizer.named_parameters()}
    lora = Lora(LoraParams(rank=2, dropout=0.0, layers=layers))
    lora.model(recognizer, None)
    updates = [parameter for parameter in recognizer.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(updates, lr=0.05)
    for _ in range(2):
        optimizer.zero_grad()
        recognizer.losses(batch).loss_B.sum().backward()
        optimizer.step()
    assert all(update.grad is not None and bool(update.grad.abs().sum() > 0) for update in updates)
    with torch.no_grad():
        adapted = recognizer.losses(batch).loss_B
    lora.settle(recognizer, None)
    merged = dict(recognizer.named_parameters())
    moved = {name for name in base if not torch.equal(base[name], merged[name])}
    assert moved and list(merged) == list(base)
    assert not layers or all(name.rsplit(".", 2)[-2] in layers for name in moved)
    assert not any("proj_out" in name or "lm_head" in name or "embed" in name for name in moved)
    recognizer.save(tmp_path)
    again = type(recognizer).load(tmp_path)
    torch.testing.assert_close(again.losses(batch).loss_B.detach(), adapted, rtol=1e-4, atol=1e-4)
    theirs = type(recognizer.model).from_pretrained(tmp_path)
    assert {name for name, _ in theirs.named_parameters()} == {name.removeprefix("model.") for name in base}
