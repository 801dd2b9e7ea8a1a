"""Where checkpoints come from, and what is refused in one sentence."""

import pytest

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.errors import ModelError
from isogloss.recognizers.ctc import CtcRecognizer
from isogloss.recognizers.pretrained import checkpoint_digest, require_digest, resolve_checkpoint
from isogloss.recognizers.whisper import WhisperRecognizer


def test_a_folder_may_begin_with_the_models_variable(tiny_whisper, monkeypatch):
    monkeypatch.setenv("ISOGLOSS_MODELS", str(tiny_whisper.parent))
    assert resolve_checkpoint("$ISOGLOSS_MODELS/tiny") == tiny_whisper


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"there is no folder .*; correct it, or set \$ISOGLOSS_MODELS"):
        resolve_checkpoint(str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        resolve_checkpoint(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"it has no \*\.safetensors"):
        resolve_checkpoint(str(tmp_path))


def test_pickled_weights_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin, a pickle, which can run code"):
        resolve_checkpoint(str(tmp_path))


def test_a_model_of_the_hub_needs_a_full_revision(tmp_path):
    for name in ("openai/whisper-tiny.en", "openai/whisper-tiny.en@main"):
        with pytest.raises(ModelError, match="is named with its full commit hash"):
            resolve_checkpoint(name, repository=tmp_path)


def test_without_leave_nothing_is_downloaded(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"not in the local cache of the hub .*; set asr\.download: true once"):
        resolve_checkpoint(f"openai/whisper-tiny.en@{'0' * 40}")


def test_a_checkpoint_of_another_kind_or_a_damaged_one_is_refused(tiny_whisper, tmp_path):
    with pytest.raises(ModelError, match="cannot be read as a checkpoint"):
        CtcRecognizer.from_checkpoint(tiny_whisper)
    for path in tiny_whisper.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be read as a checkpoint"):
        WhisperRecognizer.from_checkpoint(tmp_path)


@pytest.fixture(params=[(WhisperRecognizer, "whisper"), (CtcRecognizer, "wav2vec2")], ids=["whisper", "ctc"])
def parts(request, tmp_path, make_whisper, make_wav2vec2):
    """A kind of recogniser, and the three parts of a tiny checkpoint."""
    kind, name = request.param
    folder = (make_whisper if name == "whisper" else make_wav2vec2)(tmp_path / name)
    recognizer = kind.from_checkpoint(folder)
    tokenizer = recognizer.tokenizer if name == "whisper" else recognizer.text.tokenizer
    return kind, recognizer.model, tokenizer, recognizer.feature_extractor


def test_another_sampling_rate_is_refused(parts):
    kind, model, tokenizer, extractor = parts
    extractor.sampling_rate = 8_000
    with pytest.raises(ModelError, match="the checkpoint hears 8000 samples a second; Isogloss has 16000"):
        kind(model, tokenizer, extractor)


def test_a_tokenizer_of_another_model_is_refused(parts):
    kind, model, tokenizer, extractor = parts
    model.config.vocab_size = 20
    with pytest.raises(ModelError, match=r"tokenizer has a token \d+, but its model knows 20 tokens .* one checkpoint"):
        kind(model, tokenizer, extractor)


def test_the_digest_follows_the_bytes(tiny_whisper, tmp_path):
    for path in tiny_whisper.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    digest = checkpoint_digest(tiny_whisper)
    assert checkpoint_digest(tmp_path) == digest
    require_digest(tmp_path, digest, checkpoint="here")
    with pytest.raises(ModelError, match=f"set it to {digest}"):
        require_digest(tmp_path, None, checkpoint="here")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="write the new digest there if the new checkpoint is meant"):
        require_digest(tmp_path, digest, checkpoint="here")
