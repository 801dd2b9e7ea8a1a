"""The cost of a recogniser on cuts whose sounds and lengths are known."""

import numpy as np
import pandas as pd
import pytest
import torch
from lhotse import CutSet, Features, LilcomChunkyWriter, MonoCut, SupervisionSegment
from lhotse.utils import fastcopy

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.inference.cost import recognizer_cost
from isogloss.inference.transcribe import decode_splits, last_tokens
from isogloss.judging.latency import end_of_speech
from isogloss.recognizers.decode import decode_cuts
from isogloss.recognizers.transducer import TransducerRecognizer

FILTERS, SUBSAMPLING = 8, 2
FRAMES = (140, 161, 175)
TOKENS = Tokens.of(["ab "])


def cut(writer, name, length):
    """Loud from frame 10 on, with a second of silence at the end."""
    log_mel_TF = np.random.default_rng(length).normal(-10.0, 0.2, (length, FILTERS)).astype(np.float32)
    log_mel_TF[10:-100] += 8.0
    features = Features(
        type="kaldi-fbank",
        num_frames=length,
        num_features=FILTERS,
        frame_shift=0.01,
        sampling_rate=16_000,
        start=0.0,
        duration=length / 100,
        storage_type=writer.name,
        storage_path=str(writer.storage_path),
        storage_key=writer.write(name, log_mel_TF),
        recording_id=name,
        channels=0,
    )
    said = SupervisionSegment(id=name, recording_id=name, start=0.0, duration=length / 100, text="b a")
    return MonoCut(id=name, start=0.0, duration=length / 100, channel=0, features=features, supervisions=[said])


@pytest.fixture
def data(tmp_path):
    (tmp_path / "cuts").mkdir()
    with LilcomChunkyWriter(tmp_path / "features") as writer:
        cuts = CutSet.from_cuts([cut(writer, f"u{length}", length) for length in FRAMES])
    cuts.to_file(tmp_path / "cuts" / "test.jsonl")
    return tmp_path


def recogniser(encoder="lstm", **options):
    torch.manual_seed(1)
    return TransducerRecognizer(
        TOKENS,
        encoder=encoder,
        encoder_options={"subsampling": SUBSAMPLING, "channels": 4, **options},
        input_dim=FILTERS,
        predictor_dim=8,
        joiner_dim=12,
    )


def cost_of(model, data, refs):
    decoding = DecodingParams(max_tokens_per_frame=1)
    hypotheses = decode_splits(model, ["test"], data=data, threads=1, decoding=decoding)
    ids = ["u140", "u161", "u175"]
    said = [hypotheses[id_].text for id_ in ids]
    results = pd.DataFrame({"utterance_id": ids, "split": "test", "ref": refs, "hyp": said})
    return recognizer_cost(model, results, last_tokens(hypotheses), "test", data=data)


def test_parameters_and_operations_are_those_of_the_layers(data):
    model = recogniser(hidden_dim=16, layers=1)
    cost = cost_of(model, data, ["b a"] * 3)
    assert cost["parameters"]["encoder"] == sum(p.numel() for p in model.encoder.parameters())
    assert cost["parameters"]["total"] == sum(p.numel() for p in model.parameters())
    # By hand, an output frame: 3 x 3 convolutions to 4 channels on 8 -> 4 -> 2 bands (the first at every frame, the
    # second at every other one), the projection of 4 x 2 to 16, and an LSTM of 4 gates on 16 + 16.
    outputs = [-(-length // SUBSAMPLING) for length in FRAMES]
    expected = sum(length * 2 * 9 * 4 * 4 for length in FRAMES)
    expected += sum(outputs) * 2 * (9 * 4 * 4 * 2 + 8 * 16 + 4 * 16 * 32)
    assert cost["flops"]["per_second"] == pytest.approx(expected / (sum(FRAMES) / 100), rel=1e-6)
    assert cost["flops"]["dense_share"] is None
    assert cost["latency"]["algorithmic_ms"] == 35.0


def test_gates_that_are_closed_save_what_they_close(data):
    options = {"dim": 16, "layers": 2, "heads": 2, "feed_forward": 32, "left_context": 8}
    gated = recogniser("amortized", **options)
    with torch.no_grad():
        for arbitrator in gated.encoder.arbitrators:
            arbitrator.linear.weight.zero_()
            arbitrator.linear.bias.copy_(torch.tensor([-1.0, 1.0]))  # no attention, all feed-forward blocks
    cost = cost_of(gated, data, ["b a"] * 3)
    dense = cost_of(recogniser("amortized", gates="none", **options), data, ["b a"] * 3)
    assert cost["flops"]["dense_share"] == pytest.approx(
        cost["flops"]["per_second"] / dense["flops"]["per_second"], rel=1e-5
    )
    # Gone are query, key, value and output of two layers at least; the pairs of frames come on top.
    saved = (dense["flops"]["per_second"] - cost["flops"]["per_second"]) * sum(FRAMES) / 100
    assert saved > sum(-(-length // SUBSAMPLING) for length in FRAMES) * 2 * (8 * 16**2 - 4 * 16)
    assert dense["flops"]["dense_share"] is None


def test_the_delay_is_that_of_the_utterances_whose_last_word_is_right(data):
    model = recogniser(hidden_dim=16, layers=1)
    with torch.no_grad():
        model.output_layer.bias.copy_(torch.tensor([0.0, -9.0, 9.0, -9.0]))  # "a" in every frame
    cuts = CutSet.from_file(data / "cuts" / "test.jsonl").to_eager()
    found = decode_cuts(model, cuts, decoding=DecodingParams(max_tokens_per_frame=1))
    said = found["u161"].text
    cost = cost_of(model, data, ["b", f"b {said}", "b"])
    by_hand = found["u161"].token_seconds[-1] + 0.0175 - end_of_speech(cuts["u161"].load_features())
    assert cost["emission_delay"]["median_ms"] == pytest.approx(1e3 * by_hand, abs=1e-3)
    assert cost["emission_delay"]["utterances"] == 1
    # The last frame of 161 is the 81st of two; speech ended after 61.
    assert by_hand == pytest.approx(1.60 + 0.0175 - 0.61)


def test_tokens_of_a_recogniser_of_audio_have_no_delay(data, monkeypatch):
    cuts = CutSet.from_cuts(fastcopy(cut, features=None) for cut in CutSet.from_file(data / "cuts" / "test.jsonl"))
    monkeypatch.setattr("isogloss.inference.cost.read_cuts", lambda path, hears: cuts)
    monkeypatch.setattr("isogloss.inference.cost.Utterances._load", lambda *_: torch.zeros(800))
    heard = torch.nn.Linear(1, 1)  # it answers what `recognizer_cost` asks, and has times as a CTC model has them
    heard.hears, heard.cost = "audio", lambda batch: None
    results = pd.DataFrame({"utterance_id": ["u140"], "split": "test", "ref": "b a", "hyp": "b a"})
    last = pd.DataFrame({"utterance_id": ["u140"], "last_token_s": [1.0]})
    found = recognizer_cost(heard, results, last, "test", data=data)
    assert found["emission_delay"]["median_ms"] is None and found["emission_delay"]["utterances"] == 0
    assert found["parameters"] == {"encoder": None, "total": 2}
