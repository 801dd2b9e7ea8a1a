"""The prompt of Whisper: training and decoding begin with the same tokens, whatever a checkpoint's files say."""

import json
import shutil
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.config import DecodingParams
from isogloss.errors import ModelError
from isogloss.recognizers.whisper import WhisperRecognizer

ENGLISH = ["<|startoftranscript|>", "<|notimestamps|>"]
GERMAN = ["<|startoftranscript|>", "<|de|>", "<|transcribe|>", "<|notimestamps|>"]
LANGUAGES = ("en", "zh", "de")


def changed(folder: Path, into: Path, file: str, **values: object) -> Path:
    """A copy of a checkpoint with other values in one of its files."""
    shutil.copytree(folder, into)
    (into / file).write_text(json.dumps(json.loads((folder / file).read_text()) | values))
    return into


def prompts(recognizer: WhisperRecognizer, batch) -> tuple[list[str], list[str]]:
    """The tokens with which training and decoding begin, as the decoder gets them."""
    seen: list[list[int]] = []
    decoder = recognizer.model.model.decoder
    handle = decoder.register_forward_pre_hook(
        lambda _, __, named: seen.append(named["input_ids"][0].tolist()), with_kwargs=True
    )
    recognizer.losses(batch)
    recognizer.transcribe(batch, DecodingParams())
    handle.remove()
    taught, first = seen[0], seen[1]
    text = recognizer.tokenizer(recognizer.target(batch.texts[0]), add_special_tokens=False).input_ids
    names = recognizer.tokenizer.convert_ids_to_tokens
    return names(taught[: len(taught) - len(text)]), names(first)


@pytest.fixture
def batch(make_speech):
    return make_speech(1.2, texts=["go on"])


@pytest.fixture
def multilingual(tmp_path, make_whisper):
    return make_whisper(tmp_path / "several", languages=LANGUAGES, size=51_865)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("tokenizer_config.json", {}),
        ("tokenizer_config.json", {"language": "en", "task": "transcribe"}),
        ("tokenizer_config.json", {"predict_timestamps": True}),
        ("generation_config.json", {"return_timestamps": True}),
        ("generation_config.json", {"lang_to_id": {"<|en|>": 5, "<|de|>": 6}}),
        ("generation_config.json", {"forced_decoder_ids": [[1, 7], [2, 8]]}),
        ("generation_config.json", {"no_timestamps_token_id": None, "is_multilingual": None}),
    ],
)
def test_an_english_checkpoint_is_trained_and_decoded_with_one_prompt(tiny_whisper, tmp_path, batch, file, values):
    folder = changed(tiny_whisper, tmp_path / "changed", file, **values)
    recognizer = WhisperRecognizer.from_checkpoint(folder, window_seconds=2)
    assert prompts(recognizer, batch) == (ENGLISH, ENGLISH)
    assert recognizer.tokenizer.convert_ids_to_tokens(recognizer.tokenizer.prefix_tokens) == ENGLISH


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("tokenizer_config.json", {"language": "en", "task": "translate", "predict_timestamps": True}),
        ("generation_config.json", {"return_timestamps": True, "language": "zh", "task": "translate"}),
        ("generation_config.json", {"lang_to_id": None, "task_to_id": None, "is_multilingual": None}),
    ],
)
def test_a_multilingual_checkpoint_is_too(multilingual, tmp_path, batch, file, values):
    folder = changed(multilingual, tmp_path / "changed", file, **values)
    recognizer = WhisperRecognizer.from_checkpoint(folder, window_seconds=2, language="de")
    assert prompts(recognizer, batch) == (GERMAN, GERMAN)


def test_a_checkpoint_without_a_generation_config_gets_one_that_it_keeps(multilingual, tmp_path, batch):
    (multilingual / "generation_config.json").unlink()
    with pytest.raises(ModelError, match="language is None, but must be one of the checkpoint's languages: de, en, zh"):
        WhisperRecognizer.from_checkpoint(multilingual)
    recognizer = WhisperRecognizer.from_checkpoint(multilingual, window_seconds=2, language="de")
    assert prompts(recognizer, batch) == (GERMAN, GERMAN)
    recognizer.save(tmp_path)
    saved = json.loads((tmp_path / "generation_config.json").read_text())
    assert saved["is_multilingual"] and sorted(saved["lang_to_id"]) == ["<|de|>", "<|en|>", "<|zh|>"]


def test_tokens_that_are_no_text_are_left_out_of_hypotheses(multilingual, batch, monkeypatch):
    recognizer = WhisperRecognizer.from_checkpoint(multilingual, window_seconds=2, language="de")
    said = [*recognizer.tokenizer(" ja", add_special_tokens=False).input_ids]
    marks = recognizer.tokenizer.convert_tokens_to_ids(["<|en|>", "<|translate|>", "<|notimestamps|>"])
    monkeypatch.setattr(recognizer.model, "generate", lambda **_: torch.tensor([[*marks, *said, marks[0]]]))
    assert recognizer.transcribe(batch, DecodingParams())[0].text == "ja"


def test_another_tokenizer_is_refused(tiny_whisper):
    recognizer = WhisperRecognizer.from_checkpoint(tiny_whisper)
    recognizer.model.generation_config.no_timestamps_token_id = None
    known = {name: n for name, n in recognizer.tokenizer.get_vocab().items() if name != "<|notimestamps|>"}
    recognizer.tokenizer.get_vocab = lambda: known
    with pytest.raises(ModelError, match=r"tokenizer has no token <\|notimestamps\|>; take that of a Whisper model"):
        WhisperRecognizer(recognizer.model, recognizer.tokenizer, recognizer.feature_extractor)
