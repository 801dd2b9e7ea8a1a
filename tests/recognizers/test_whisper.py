"""Whisper behind the port, against `transformers` used by hand; with a tiny model of random weights."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import soundfile
import torch

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.config import DecodingParams, Params
from isogloss.errors import ModelError
from isogloss.io.normalise import normalise
from isogloss.judging.word_errors import word_errors
from isogloss.recognizers import whisper
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.pretrained import checkpoint_digest
from isogloss.recognizers.whisper import WhisperRecognizer

GREEDY = DecodingParams()
TEXTS = ["go on", "stop", "turn it up please"]
ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ISOGLOSS_MODELS") or ROOT.parent / "shared" / "models") / "whisper-tiny.en"


@pytest.fixture
def recognizer(tiny_whisper):
    return WhisperRecognizer.from_checkpoint(tiny_whisper, window_seconds=2)


@pytest.fixture
def batch(make_speech):
    return make_speech(1.2, 0.8, 1.9, texts=TEXTS)


def test_the_front_end_is_that_of_transformers(recognizer, batch):
    audio = [batch.audio_BS[row, : int(length)].numpy() for row, length in enumerate(batch.lengths_B)]
    theirs = recognizer.feature_extractor(audio, sampling_rate=16_000, return_tensors="pt").input_features
    torch.testing.assert_close(recognizer.log_mel(batch.audio_BS, batch.lengths_B), theirs, rtol=0, atol=2e-5)


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_transcribing_yields_the_embedding(recognizer, batch, method):
    found = recognizer.eval().transcribe(batch, DecodingParams(method=method))
    for one, embedding_D in zip(found, recognizer.embed(batch), strict=True):
        torch.testing.assert_close(torch.from_numpy(one.embedding_D), embedding_D)


def test_the_loss_is_the_mean_loss_of_transformers_times_the_tokens(recognizer, batch):
    ours = recognizer.losses(batch)
    for row, text in enumerate(TEXTS):
        spoken = recognizer.tokenizer(f" {text.capitalize()}.", add_special_tokens=False).input_ids
        prefix, end = list(recognizer.tokenizer.prefix_tokens), recognizer.model.config.eos_token_id
        output = recognizer.model(
            input_features=recognizer.log_mel(batch.audio_BS, batch.lengths_B)[row : row + 1],
            decoder_input_ids=torch.tensor([[*prefix, *spoken]]),
            labels=torch.tensor([[*[-100] * (len(prefix) - 1), *spoken, end]]),
        )
        assert int(ours.units_B[row]) == len(spoken) + 1
        assert float(ours.loss_B[row]) == pytest.approx(float(output.loss) * (len(spoken) + 1), rel=1e-5)


def test_an_utterance_depends_on_nothing_but_itself(recognizer, batch):
    together = recognizer.losses(batch)
    for row in range(len(TEXTS)):
        alone = recognizer.losses(batch.row(row))
        assert float(alone.loss_B) == pytest.approx(float(together.loss_B[row]), rel=1e-5)
        torch.testing.assert_close(alone.embedding_BD[0], together.embedding_BD[row], rtol=1e-4, atol=1e-5)
    texts = [hypothesis.text for hypothesis in recognizer.transcribe(batch, GREEDY)]
    assert texts == [recognizer.transcribe(batch.row(row), GREEDY)[0].text for row in range(len(TEXTS))]


def test_a_saved_model_opens_in_transformers_and_says_the_same(recognizer, batch, tmp_path):
    from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor

    with torch.no_grad():
        recognizer.model.proj_out.weight.mul_(1.5)
    recognizer.save(tmp_path)
    again = WhisperRecognizer.load(tmp_path)
    assert again.window_seconds == 2
    texts = [hypothesis.text for hypothesis in recognizer.transcribe(batch, GREEDY)]
    assert texts == [hypothesis.text for hypothesis in again.transcribe(batch, GREEDY)]
    plain, processor = AutoModelForSpeechSeq2Seq.from_pretrained(tmp_path), AutoProcessor.from_pretrained(tmp_path)
    audio = [batch.audio_BS[row, : int(length)].numpy() for row, length in enumerate(batch.lengths_B)]
    features = processor(audio, sampling_rate=16_000, return_tensors="pt").input_features
    limit = 48  # tokens of the longest utterance: 20 a second and 10
    heard = processor.batch_decode(plain.generate(features, max_new_tokens=limit), skip_special_tokens=True)
    assert all(theirs.strip().startswith(ours[:20]) for ours, theirs in zip(texts, heard, strict=True))
    assert heard[2].strip() == texts[2]


def test_a_hypothesis_never_has_more_tokens_than_its_audio_allows(recognizer, batch):
    for hypothesis, samples in zip(recognizer.transcribe(batch, GREEDY), batch.lengths_B.tolist(), strict=True):
        assert len(hypothesis.text) <= 20 * samples / 16_000 + 11  # a token is a byte here


def test_no_sequence_of_tokens_is_written_twice_where_that_is_forbidden(tiny_whisper, batch, tmp_path, monkeypatch):
    """A model with random weights repeats itself."""

    def written(recognizer):
        found = []
        with monkeypatch.context() as patched:
            patched.setattr(recognizer.tokenizer, "decode", lambda tokens: found.append(tokens) or "")
            recognizer.eval().transcribe(batch, GREEDY)
        return found

    def repeats(tokens, length=3):
        sequences = [tuple(tokens[at : at + length]) for at in range(len(tokens) - length + 1)]
        return len(sequences) > len(set(sequences))

    free, broken = (
        WhisperRecognizer.from_checkpoint(tiny_whisper, window_seconds=2, no_repeat_ngram=length)
        for length in (None, 3)
    )
    assert all(repeats(tokens) for tokens in written(free))
    found = written(broken)
    assert not any(repeats(tokens) for tokens in found) and all(found)
    broken.save(tmp_path / "saved")
    assert written(WhisperRecognizer.load(tmp_path / "saved")) == found
    assert json.loads((tmp_path / "saved" / "generation_config.json").read_text())["no_repeat_ngram_size"] == 3


def test_a_beam_of_one_is_greedy_search_and_wider_ones_run(recognizer, batch):
    greedy = recognizer.transcribe(batch, GREEDY)
    assert recognizer.transcribe(batch, DecodingParams(method="beam", beam=1)) == greedy
    assert len(recognizer.transcribe(batch, DecodingParams(method="beam", beam=3))) == len(TEXTS)


@pytest.mark.parametrize("seed", range(4))
def test_a_beam_search_does_not_depend_on_longer_utterances_beside_it(tmp_path, make_whisper, make_speech, seed):
    folder = make_whisper(tmp_path / "tiny", seed=seed)
    recognizer = WhisperRecognizer.from_checkpoint(folder, window_seconds=2, max_tokens_per_second=5.0)
    batch, beam = make_speech(1.2, 0.3, 1.9, 0.5, texts=["a"] * 4), DecodingParams(method="beam", beam=3)
    alone = [recognizer.transcribe(batch.row(row), beam)[0] for row in range(4)]
    assert recognizer.transcribe(batch, beam) == alone


def test_parameters_are_acoustic_or_language(recognizer):
    parts = {name: recognizer.part(name) for name, _ in recognizer.named_parameters()}
    assert {part for name, part in parts.items() if ".encoder." in name and ".decoder." not in name} == {"acoustic"}
    assert {part for name, part in parts.items() if ".decoder." in name or "proj_out" in name} == {"language"}


def test_an_utterance_longer_than_the_window_is_refused(recognizer, make_speech):
    with pytest.raises(ModelError, match=r"lasts 2\.5 s, but whisper\.window_seconds is 2; raise it"):
        recognizer.losses(make_speech(2.5, texts=["go"]))


@pytest.mark.parametrize("seconds", [0, 31])
def test_a_window_that_the_checkpoint_does_not_have_is_refused(tiny_whisper, seconds):
    with pytest.raises(ModelError, match="the checkpoint allows 1 to 30"):
        WhisperRecognizer.from_checkpoint(tiny_whisper, window_seconds=seconds)


def test_what_is_searched_at_once_does_not_matter(recognizer, make_speech, monkeypatch):
    batch = make_speech(1.2, 0.8, 1.9, 0.5, 1.0, texts=["a"] * 5)
    together = recognizer.transcribe(batch, GREEDY)
    monkeypatch.setattr(whisper, "SEARCHED_SECONDS", 5)  # two windows of two seconds
    assert recognizer.transcribe(batch, GREEDY) == together


def test_a_checkpoint_of_several_languages_is_told_which(tmp_path, batch, make_whisper):
    folder = make_whisper(tmp_path / "several", languages=("en", "zh", "de"))  # the order of Whisper's tokens
    for language in (None, "fr"):
        with pytest.raises(ModelError, match=f"language is {language}, but must be one of .*: de, en, zh"):
            WhisperRecognizer.from_checkpoint(folder, language=language)
    german = WhisperRecognizer.from_checkpoint(folder, language="de", window_seconds=2)
    begins = german.tokenizer.convert_ids_to_tokens(german.tokenizer.prefix_tokens)
    assert begins == ["<|startoftranscript|>", "<|de|>", "<|transcribe|>", "<|notimestamps|>"]
    german.save(tmp_path / "saved")
    again = WhisperRecognizer.load(tmp_path / "saved")
    assert again.transcribe(batch, GREEDY) == german.transcribe(batch, GREEDY)
    torch.testing.assert_close(again.losses(batch).loss_B, german.losses(batch).loss_B)


def test_a_checkpoint_of_one_language_is_not_told(tiny_whisper):
    with pytest.raises(ModelError, match="the checkpoint knows one language; set it to null"):
        WhisperRecognizer.from_checkpoint(tiny_whisper, language="en")


@pytest.mark.skipif(not SHARED.is_dir(), reason="whisper-tiny.en is not on this machine")
def test_the_published_checkpoint_hears_recorded_speech():
    data = Path(os.environ.get("ISOGLOSS_DATA") or ROOT.parent / "shared" / "data") / "speechocean762"
    rows = pd.read_csv(data / "recordings.csv", dtype={"utterance_id": str}).query("num_samples < 80000").iloc[::500]
    audio = [
        torch.from_numpy(soundfile.read(data / one.file, start=one.start, frames=one.num_samples, dtype="float32")[0])
        for one in rows.itertuples()
    ]
    batch = Batch(
        ids=rows["utterance_id"].tolist(),
        cohorts=[""] * len(rows),
        texts=rows["transcript"].str.lower().tolist(),
        lengths_B=torch.tensor([len(samples) for samples in audio]),
        audio_BS=torch.nn.utils.rnn.pad_sequence(audio, batch_first=True),
    )
    recognizer = WhisperRecognizer.from_checkpoint(SHARED)
    heard = [hypothesis.text for hypothesis in recognizer.transcribe(batch, GREEDY)]
    counts = word_errors(*(normalise(texts, ("english",)) for texts in (batch.texts, heard)))
    errors = counts[["substitutions", "deletions", "insertions"]].to_numpy().sum()
    assert len(rows) >= 8 and errors / counts["words"].sum() < 0.6  # SOURCE.md: 38 % over 200 utterances


def test_a_cohort_input_changes_nothing_at_first_and_survives_saving(recognizer, batch, tmp_path):
    model = recognizer.with_cohort_input(["north", "south"], hidden_share=0.0)
    torch.testing.assert_close(model.losses(batch).loss_B, recognizer.losses(batch).loss_B, rtol=0, atol=0)
    with torch.no_grad():
        model.cohort_input.shift.weight[0] += 0.5
    north = replace(batch, cohorts=["north", "", "south"])
    shifted = model.losses(north).loss_B - recognizer.losses(batch).loss_B
    assert shifted[0] != 0 and shifted[1] == shifted[2] == 0
    model.save(tmp_path)
    torch.testing.assert_close(WhisperRecognizer.load(tmp_path).losses(north).loss_B, model.losses(north).loss_B)


def test_a_frozen_front_end_has_no_gradient(tiny_whisper):
    frozen = WhisperRecognizer.from_checkpoint(tiny_whisper, freeze_front_end=True)
    names = {name for name, parameter in frozen.named_parameters() if not parameter.requires_grad}
    assert {name.split(".")[3] for name in names} == {"conv1", "conv2", "embed_positions"}


@pytest.mark.parametrize(
    ("window", "epochs", "warned"), [(4, 0, True), (4, 1, False), (None, 0, False), (30, 0, False)]
)
def test_a_short_window_that_nothing_adapts_the_model_to_is_said(tiny_whisper, capsys, window, epochs, warned):
    asr = {"model": "whisper", "checkpoint": str(tiny_whisper), "checkpoint_sha256": checkpoint_digest(tiny_whisper)}
    params = Params(asr={**asr, "epochs": epochs}, whisper={"window_seconds": window})
    WhisperRecognizer.new(params, Path("data"))
    assert ("repeats itself; set asr.epochs to 1 or more" in capsys.readouterr().out) is warned
