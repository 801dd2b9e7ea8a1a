"""CTC models behind the port, against PyTorch and `transformers` used by hand; with tiny models of random weights."""

import pytest
import torch

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.config import DecodingParams
from isogloss.errors import ModelError
from isogloss.recognizers.ctc import CtcRecognizer
from isogloss.recognizers.ctc_search import Path as TokenPath

GREEDY = DecodingParams()
TEXTS = ["go on", "stop", "it's up"]


@pytest.fixture
def recognizer(tiny_wav2vec2):
    return CtcRecognizer.from_checkpoint(tiny_wav2vec2)


@pytest.fixture
def batch(make_speech):
    return make_speech(1.2, 0.8, 1.5, texts=TEXTS)


def test_the_loss_is_that_of_transformers_one_utterance_at_a_time(recognizer, batch):
    ours = recognizer.losses(batch)
    recognizer.model.config.ctc_loss_reduction = "sum"
    for row, text in enumerate(TEXTS):
        audio = batch.audio_BS[row, : int(batch.lengths_B[row])].numpy()
        inputs = recognizer.feature_extractor(audio, sampling_rate=16_000, return_tensors="pt")
        labels = recognizer.tokenizer(text.upper(), return_tensors="pt").input_ids
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
    spoken = recognizer.tokenizer("ALL ON").input_ids
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


def test_the_output_layer_is_no_acoustic_part(recognizer):
    parts = {name: recognizer.part(name) for name, _ in recognizer.named_parameters()}
    assert {name for name, part in parts.items() if part != "acoustic"} == {
        "model.lm_head.weight",
        "model.lm_head.bias",
    }
