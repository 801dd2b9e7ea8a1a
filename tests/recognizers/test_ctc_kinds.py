"""CTC models of every architecture: an utterance is the same alone and in a batch, in training too."""

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

import transformers

from isogloss.config import DecodingParams
from isogloss.recognizers.ctc import MASKING, CtcRecognizer

TOKENS = ["<pad>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"]
TINY = {
    "vocab_size": len(TOKENS),
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "pad_token_id": 0,
    "feat_extract_norm": "layer",
    "conv_bias": True,
    "do_stable_layer_norm": True,
    "mask_time_prob": 0.05,
    "layerdrop": 0.0,
    **dict.fromkeys(("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout"), 0.0),
}
SEW = {"conv_dim": (8,) * 13}
KINDS = {
    "wav2vec2": ("Wav2Vec2", {}),
    "hubert": ("Hubert", {}),
    "wavlm": ("WavLM", {"num_buckets": 20, "max_bucket_distance": 40}),
    "unispeech": ("UniSpeech", {"num_ctc_classes": len(TOKENS)}),
    "unispeech-sat": ("UniSpeechSat", {}),
    "sew": ("SEW", SEW),
    "sew-d": ("SEWD", SEW),
    "data2vec-audio": ("Data2VecAudio", {"conv_pos_kernel_size": 5, "num_conv_pos_embeddings": 3}),
    "wav2vec2-conformer": ("Wav2Vec2Conformer", {"conv_depthwise_kernel_size": 5, "conformer_conv_dropout": 0.0}),
}


def write(folder: Path, kind: str) -> Path:
    """A checkpoint whose vocabulary has no <s> and whose feature extractor gives no mask, as users' checkpoints do."""
    folder.mkdir()
    name, options = KINDS[kind]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(TOKENS)}))
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**{**TINY, "conv_dim": (8,) * 7, **options})
    model = getattr(transformers, f"{name}ForCTC")(config)
    for parameter in model.parameters():  # so that frames depend on each other by more than rounding
        parameter.data.mul_(2.0)
    model.save_pretrained(folder)
    transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)
    return folder


@pytest.fixture(params=[*KINDS, "parakeet"])
def recognizer(request, tmp_path, make_parakeet):
    folder = tmp_path / "tiny"
    made = make_parakeet(folder) if request.param == "parakeet" else write(folder, request.param)
    return CtcRecognizer.from_checkpoint(made)


@torch.no_grad()
def test_an_utterance_is_the_same_alone_and_in_a_batch(recognizer, make_speech):
    batch = make_speech(1.2, 0.01, 0.55, texts=["go on", "", "stop"])
    together = recognizer.losses(batch)
    for row in range(3):
        alone = recognizer.losses(batch.row(row))
        assert float(alone.loss_B) == pytest.approx(float(together.loss_B[row]), rel=1e-5)
        torch.testing.assert_close(alone.embedding_BD[0], together.embedding_BD[row], rtol=1e-4, atol=1e-5)
    assert together.embedding_BD.shape == (3, recognizer.embedding_dim)
    assert len(recognizer.transcribe(batch.row(1), DecodingParams())) == 1  # 10 ms


def test_training_keeps_statistics_of_a_normalisation_and_hears_short_utterances(recognizer, make_speech):
    before = {name: buffer.clone() for name, buffer in recognizer.named_buffers()}
    losses = recognizer.train().losses(make_speech(0.15, 0.01, texts=["a", "a"])).loss_B
    assert recognizer.training and bool(losses.isfinite().all())
    assert all(torch.equal(buffer, before[name]) for name, buffer in recognizer.named_buffers())


def test_types_that_are_padded_together_are_tested():
    assert set(MASKING) <= {*KINDS, "parakeet_ctc"}
