"""CTC models behind the port, against PyTorch and `transformers` used by hand; with tiny models of random weights."""

from dataclasses import replace

import pytest
import torch

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.config import DecodingParams
from isogloss.errors import ModelError
from isogloss.recognizers.ctc import CtcRecognizer
from isogloss.recognizers.ctc_search import Path as TokenPath
from isogloss.recognizers.ctc_text import case_of, in_capitals

GREEDY = DecodingParams()
TEXTS = ["go on", "stop", "it's up"]


@pytest.fixture
def recognizer(tiny_wav2vec2):
    return CtcRecognizer.from_checkpoint(tiny_wav2vec2)


@pytest.fixture
def batch(make_speech):
    return make_speech(1.2, 0.8, 1.5, texts=TEXTS)


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_transcribing_yields_the_embedding(recognizer, batch, method):
    found = recognizer.eval().transcribe(batch, DecodingParams(method=method))
    for one, embedding_D in zip(found, recognizer.embed(batch), strict=True):
        torch.testing.assert_close(torch.from_numpy(one.embedding_D), embedding_D)


def test_the_loss_is_that_of_transformers_one_utterance_at_a_time(recognizer, batch):
    ours = recognizer.losses(batch)
    recognizer.model.config.ctc_loss_reduction = "sum"
    for row, text in enumerate(TEXTS):
        audio = batch.audio_BS[row, : int(batch.lengths_B[row])].numpy()
        inputs = recognizer.feature_extractor(audio, sampling_rate=16_000, return_tensors="pt")
        labels = recognizer.text.tokenizer(text.upper(), return_tensors="pt").input_ids
        theirs = recognizer.model(**inputs, labels=labels).loss
        assert float(ours.loss_B[row]) == pytest.approx(float(theirs), rel=1e-4)
        assert int(ours.units_B[row]) == labels.numel()


def test_an_utterance_depends_on_nothing_but_itself(recognizer, batch):
    together, texts = recognizer.losses(batch), recognizer.transcribe(batch, GREEDY)
    for row in range(len(TEXTS)):
        alone = recognizer.losses(batch.row(row))
        assert float(alone.loss_B) == pytest.approx(float(together.loss_B[row]), rel=1e-4)
        torch.testing.assert_close(alone.embedding_BD[0], together.embedding_BD[row], rtol=1e-3, atol=1e-4)
        assert recognizer.transcribe(batch.row(row), GREEDY)[0].text == texts[row].text


def test_hypotheses_are_lower_case_and_their_tokens_have_times(recognizer, batch):
    for hypothesis, samples in zip(recognizer.transcribe(batch, GREEDY), batch.lengths_B.tolist(), strict=True):
        assert hypothesis.text == hypothesis.text.lower()
        assert list(hypothesis.token_seconds) == sorted(hypothesis.token_seconds)
        assert not hypothesis.token_seconds or hypothesis.token_seconds[-1] < samples / 16_000


def test_letters_that_are_said_twice_stay_two(recognizer):
    spoken = recognizer.text.tokenizer("ALL ON").input_ids
    assert recognizer._hypothesis(TokenPath(spoken, list(range(len(spoken)))), 0.02).text == "all on"


def test_a_saved_model_opens_in_transformers_and_gives_the_same_logits(recognizer, batch, tmp_path):
    from transformers import AutoModelForCTC

    with torch.no_grad():
        recognizer.model.lm_head.weight.mul_(1.5)
    recognizer.save(tmp_path)
    plain = AutoModelForCTC.from_pretrained(tmp_path).eval()
    audio = batch.audio_BS[0, : int(batch.lengths_B[0])]
    inputs = recognizer.feature_extractor(audio.numpy(), sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        theirs = plain(**inputs).logits[0]
        ours = recognizer.frames(audio[None], batch.lengths_B[:1])[0][0]
    torch.testing.assert_close(ours, theirs)
    assert CtcRecognizer.load(tmp_path).transcribe(batch, GREEDY) == recognizer.transcribe(batch, GREEDY)


def test_a_character_that_the_vocabulary_lacks_is_named(recognizer, make_speech):
    with pytest.raises(ModelError, match=r"vocabulary lacks 'É' of the reference 'é on'; drop such characters"):
        recognizer.losses(make_speech(1.0, texts=["é on"]))


def test_a_letter_without_a_capital_of_its_own_keeps_a_vocabulary_one_of_capitals():
    vocabulary = {token: number for number, token in enumerate(["|", *"ADEKNRST", "ß"])}
    assert case_of(vocabulary) == "upper" and in_capitals("straße", vocabulary) == "STRAßE"
    assert case_of({"a": 0, "ß": 1}) == "lower" and case_of({"a": 0, "A": 1}) == "both"
    del vocabulary["ß"]
    assert in_capitals("straße", vocabulary) == "STRASSE"


def test_the_output_layer_is_no_acoustic_part(recognizer):
    parts = {name: recognizer.part(name) for name, _ in recognizer.named_parameters()}
    assert {name for name, part in parts.items() if part != "acoustic"} == {
        "model.lm_head.weight",
        "model.lm_head.bias",
    }


def test_a_cohort_input_changes_nothing_at_first_and_survives_saving(recognizer, batch, tmp_path):
    model = recognizer.with_cohort_input(["north", "south"], hidden_share=0.0)
    torch.testing.assert_close(model.losses(batch).loss_B, recognizer.losses(batch).loss_B)
    with torch.no_grad():
        model.cohort_input.shift.weight[0, ::2] += 0.5
    north = replace(batch, cohorts=["north", "", "south"])
    shifted = (model.losses(north).loss_B - recognizer.losses(batch).loss_B).abs()
    assert shifted[0] > 1e-3 and float(shifted[1:].max()) < 1e-4
    model.save(tmp_path)
    torch.testing.assert_close(CtcRecognizer.load(tmp_path).losses(north).loss_B, model.losses(north).loss_B)


def test_a_frozen_front_end_has_no_gradient(tiny_wav2vec2):
    frozen = CtcRecognizer.from_checkpoint(tiny_wav2vec2, freeze_front_end=True)
    names = {name for name, parameter in frozen.named_parameters() if not parameter.requires_grad}
    assert names and all(name.startswith("model.wav2vec2.feature_extractor.") for name in names)
    assert not any("feature_extractor" in name for name in frozen.trained_parameters())


def test_a_parakeet_has_a_cohort_input_and_can_be_frozen(tmp_path, make_parakeet, batch):
    parakeet = CtcRecognizer.from_checkpoint(make_parakeet(tmp_path / "tiny"), freeze_front_end=True)
    assert any("subsampling" in name for name, p in parakeet.named_parameters() if not p.requires_grad)
    model = parakeet.with_cohort_input(["north"], hidden_share=0.0)
    torch.testing.assert_close(model.losses(batch).loss_B, parakeet.losses(batch).loss_B)
    with torch.no_grad():
        model.cohort_input.shift.weight[0, ::2] += 0.5
    north = replace(batch, cohorts=["north", "", ""])
    shifted = (model.losses(north).loss_B - parakeet.losses(batch).loss_B).abs()
    assert shifted[0] > 1e-3 and float(shifted[1:].max()) < 1e-4
