"""A recording that streams says in the end what it says as a whole, whatever its format."""

import copy

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from isogloss.cli import main
from isogloss.config import DecodingParams
from isogloss.corpus.frontend.audio import read_audio
from isogloss.corpus.frontend.features import feature_extractor
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.errors import CorpusError
from isogloss.inference.stream import stream_file
from isogloss.recognizers import save_recognizer
from isogloss.recognizers.batches import Batch
from isogloss.recognizers.transducer import TransducerRecognizer

TOKENS = Tokens.of(["ab cd"])


@pytest.fixture(scope="module")
def recognizer():
    """Random weights that say different things."""
    torch.manual_seed(3)
    options = {"channels": 4, "hidden_dim": 16, "layers": 1}
    model = TransducerRecognizer(
        TOKENS, encoder="lstm", encoder_options=options, input_dim=20, predictor_dim=8, joiner_dim=12
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
        model.predictor_projection.weight.mul_(15.0)
        model.output_layer.weight.mul_(3.0)
        model.output_layer.bias[0] += 2.0
    return model


def recording(folder, *, suffix="wav", rate=16_000, channels=1):
    """A second of noise whose level wanders."""
    level_N = np.abs(np.sin(np.linspace(0.0, 9.0, rate)))[:, None]
    samples_NC = level_N * np.random.default_rng(rate).normal(0.0, 0.2, (rate, channels))
    path = folder / f"speech.{suffix}"
    soundfile.write(path, np.clip(samples_NC, -1.0, 1.0), rate)
    return path


@pytest.mark.parametrize(
    ("suffix", "rate", "channels"), [("wav", 16_000, 1), ("flac", 8_000, 1), ("ogg", 44_100, 2), ("wav", 22_050, 2)]
)
def test_the_last_result_is_that_of_the_whole(recognizer, tmp_path, suffix, rate, channels):
    path = recording(tmp_path, suffix=suffix, rate=rate, channels=channels)
    samples_N = read_audio(path)
    assert len(samples_N) == pytest.approx(SAMPLING_RATE, abs=1)
    features_TF = torch.from_numpy(feature_extractor(20).extract(samples_N, SAMPLING_RATE))
    recognizer = copy.deepcopy(recognizer)  # that speaks at these sounds
    recognizer.feature_mean_F.copy_(features_TF.mean(dim=0))
    recognizer.feature_scale_F.copy_(features_TF.std(dim=0))
    results = list(stream_file(recognizer, path, decoding=DecodingParams()))
    whole = Batch(["a"], [""], [""], torch.tensor([len(features_TF)]), features_BTF=features_TF[None])
    (expected,) = recognizer.transcribe(whole, DecodingParams())
    seconds, final = results[-1]
    assert final.is_final and final.text == expected.text != ""
    assert final.times == pytest.approx(expected.token_seconds)
    assert seconds == pytest.approx(1.0, abs=1e-4)
    assert [partial.is_final for _, partial in results[:-1]] == [False] * 10
    assert any(partial.text for _, partial in results[:6])  # it does not wait for the end


def test_channels_are_averaged(tmp_path):
    samples_NC = np.stack([np.linspace(0.0, 0.5, 800), np.zeros(800)], axis=1)
    soundfile.write(tmp_path / "two.wav", samples_NC, SAMPLING_RATE, subtype="FLOAT")
    np.testing.assert_allclose(read_audio(tmp_path / "two.wav"), np.linspace(0.0, 0.25, 800), atol=1e-6)


def test_what_is_no_recording_is_one_sentence(tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), SAMPLING_RATE)
    wrong = {"missing.wav": "there is no audio file", "text.wav": "cannot be decoded", "empty.wav": "holds no samples"}
    for name, sentence in wrong.items():
        with pytest.raises(CorpusError, match=rf"^[^\n]*{sentence}[^\n]*$"):
            read_audio(tmp_path / name)


def test_a_recording_that_is_cut_off_is_one_sentence(tmp_path):
    path = recording(tmp_path, suffix="flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorpusError, match=r"^[^\n]*speech.flac cannot be decoded[^\n]*$"):
        read_audio(path)


def test_the_command_prints_partial_results_and_then_the_final_one(recognizer, tmp_path):
    save_recognizer(recognizer, tmp_path / "model")
    path = recording(tmp_path)
    result = CliRunner().invoke(main, ["transcribe", "--stream", str(path), "--model", str(tmp_path / "model")])
    assert result.exit_code == 0, result.output
    *partial, final = result.stdout.splitlines()
    assert partial and all(line.endswith(" ...") for line in partial)
    *_, (_, expected) = stream_file(recognizer, path, decoding=DecodingParams())
    assert final == f"   1.0 s  {expected.text}"


def test_a_folder_without_a_model_exits_2(tmp_path):
    path = recording(tmp_path)
    result = CliRunner().invoke(main, ["transcribe", "--stream", str(path), "--model", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr.startswith("isogloss: ") and "holds no recogniser" in result.stderr
