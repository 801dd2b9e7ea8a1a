"""`isogloss transcribe TABLE`: every row once, in order, by any backend; interrupted runs go on; bad input is told."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("transformers", reason="the extra isogloss[whisper] is not installed")

from isogloss.cli import main
from isogloss.config import DecodingParams
from isogloss.corpus.frontend.audio import read_audio
from isogloss.errors import ModelError
from isogloss.inference import hearing, transcribe_table
from isogloss.inference.recordings import AudioColumns, read_recordings
from isogloss.io.normalise import normalise
from isogloss.recognizers import save_recognizer
from isogloss.recognizers.whisper import WhisperRecognizer

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ISOGLOSS_MODELS") or ROOT.parent / "shared" / "models") / "whisper-tiny.en"
RECORDED = Path(os.environ.get("ISOGLOSS_DATA") or ROOT.parent / "shared" / "data") / "speechocean762"
SPANS = [("a", 0.0, 0.5), ("b", 0.5, 0.75), ("c", 1.25, 0.5), ("d", 2.0, 1.0), ("e", 3.0, 0.25)]


@pytest.fixture(scope="module")
def saved(tiny_checkpoints, tmp_path_factory):
    """A tiny Whisper as a stage writes it, whose window is 2 s."""
    folder = tmp_path_factory.mktemp("models")
    recognizer = WhisperRecognizer.from_checkpoint(
        tiny_checkpoints.write_whisper(folder / "tiny"), window_seconds=2, max_tokens_per_second=4.0
    )
    (folder / "saved").mkdir()
    recognizer.save(folder / "saved")
    return folder / "saved"


@pytest.fixture
def table(tmp_path):
    """Five utterances in one file of noise, with an id that begins with zeros and an empty cell."""
    samples = 0.1 * np.random.default_rng(0).standard_normal(4 * 8_000)
    soundfile.write(tmp_path / "call.flac", samples, 8_000)
    rows = [(f"00{id_}", "call.flac", start, duration, f"spk{id_}", "go on") for id_, start, duration in SPANS]
    columns = ["utterance_id", "audio", "start", "duration", "speaker_id", "text"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "calls.csv", index=False)
    return tmp_path / "calls.csv"


@pytest.fixture
def run(saved, table, monkeypatch):
    monkeypatch.chdir(table.parent)

    def command(*options, path="calls.csv", model=saved):
        given = ["transcribe", path, "--model", str(model), "--start", "start", "--duration", "duration", *options]
        return CliRunner().invoke(main, given)

    return command


def lines(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_each_row_keeps_its_cells_and_gets_what_the_recogniser_says(run, saved, table):
    assert run().exit_code == 0
    found = lines("calls.hyp.jsonl")
    assert [row["utterance_id"] for row in found] == [f"00{id_}" for id_, *_ in SPANS]
    hear = hearing.torch_hearing(WhisperRecognizer.load(saved), decoding=DecodingParams())
    whole = read_audio(table.parent / "call.flac")
    for row, (_, start, duration) in zip(found, SPANS, strict=True):
        samples = whole[int(start * 16_000) : int((start + duration) * 16_000)]
        assert row["text"] == "go on" and len(samples) == duration * 16_000
        assert isinstance(row["hyp"], str) and row["speaker_id"] == f"spk{row['utterance_id'][2:]}"
    rows = read_recordings(table, AudioColumns(start="start", duration="duration"))
    assert [row["hyp"] for row in found] == [hear([one.samples()])[0] for one in rows]


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(run, monkeypatch):
    monkeypatch.setattr(transcribe_table, "ROWS_AT_ONCE", 2)
    assert run().exit_code == 0
    whole = Path("calls.hyp.jsonl").read_bytes()
    cut = whole.split(b"\n")
    Path("calls.hyp.jsonl").write_bytes(b"\n".join([*cut[:3], cut[3][:20]]))  # killed in the fourth row
    assert run().exit_code == 0
    assert Path("calls.hyp.jsonl").read_bytes() == whole


def test_the_output_is_what_an_audit_reads(run, table):
    assert run().exit_code == 0
    audit = CliRunner().invoke(main, ["audit", "calls.hyp.jsonl", "--by", "speaker_id", "--column", "ref=text"])
    assert audit.exit_code == 0, audit.output


def test_hypotheses_of_two_models_are_not_mixed(run, table):
    assert run().exit_code == 0
    result = run("--beam", "2")
    assert result.exit_code == 2 and "holds hypotheses of another options; name another file" in result.output
    Path("mine.jsonl").write_text("{}\n")
    result = run("--out", "mine.jsonl")
    assert result.exit_code == 2 and "was not written by this command" in result.output
    assert Path("mine.jsonl").read_text() == "{}\n"


def test_bad_input_is_one_sentence_and_nothing_is_written(run, table):
    rows = pd.read_csv(table, dtype=str)
    cases = {
        "duration of 3 s": (rows.assign(start="0", duration="3"), r"row 1: the utterance lasts 3.0 s, but the model's"),
        "end": (
            rows.assign(duration="9"),
            "row 1: the utterance lasts from 0.000 to 9.000 s, but its file from 0 to 4",
        ),
        "file": (rows.assign(audio="call.wav"), "row 1: audio file call.wav does not exist"),
        "empty": (rows.assign(audio=["call.flac", None, *["call.flac"] * 3]), "row 2: audio is empty; give a path"),
        "column": (rows.rename(columns={"start": "begin"}), "column 'start' is missing"),
        "hyp": (rows.assign(hyp="go"), "has a column 'hyp' already; rename it"),
    }
    for name, (changed, sentence) in cases.items():
        changed.to_csv("bad.csv", index=False)
        result = run(path="bad.csv")
        assert result.exit_code == 2 and sentence in " ".join(result.output.split()), (name, result.output)
        assert len(result.output.strip().splitlines()) <= 2 and not Path("bad.hyp.jsonl").exists()


def test_a_model_that_there_is_not_is_one_sentence(run, tmp_path):
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text("{}")
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"\x80")
    cases = [
        (
            ["--model", "nothing"],
            "nothing holds no recogniser: it has no model.json; name a folder that `isogloss run` made",
        ),
        (["--model", "whisper"], "--model whisper with --backend torch needs --checkpoint"),
        (["--model", "whisper", "--checkpoint", "nothing"], "checkpoint 'nothing': there is no folder"),
        (["--model", "whisper", "--checkpoint", "pickled"], "pytorch_model.bin, a pickle, which can run code"),
        (["--model", "ctc", "--checkpoint", "owner/name"], "is named with its full commit hash"),
    ]
    for options, sentence in cases:
        result = run(*options)
        assert result.exit_code == 2 and sentence in " ".join(result.output.split()), result.output
    assert CliRunner().invoke(main, ["transcribe"]).exit_code == 2


def test_a_folder_that_another_backend_cannot_read_is_one_sentence(run, saved):
    pytest.importorskip("faster_whisper", reason="the extra isogloss[faster-whisper] is not installed")
    result = run("--backend", "faster-whisper", "--checkpoint", str(saved))
    assert result.exit_code == 2 and "model.bin is missing" in " ".join(result.output.split())


def test_onnx_files_that_are_missing_are_one_sentence(saved):
    pytest.importorskip("onnx_asr", reason="the extra isogloss[onnx-asr] is not installed")
    with pytest.raises(ModelError, match="cannot be read by onnx-asr as whisper"):
        hearing.onnx_hearing("whisper", saved, threads=1)


@pytest.mark.skipif(not SHARED.is_dir() or not RECORDED.is_dir(), reason="the recorded speech is not on this machine")
@pytest.mark.parametrize("window", [None, 4])
def test_faster_whisper_hears_what_torch_hears_of_a_saved_model(tmp_path, window):
    pytest.importorskip("faster_whisper", reason="the extra isogloss[faster-whisper] is not installed")
    from ctranslate2.converters import TransformersConverter

    recognizer = WhisperRecognizer.from_checkpoint(SHARED, window_seconds=window)
    save_recognizer(recognizer, tmp_path / "saved")
    copied = ["tokenizer.json", "preprocessor_config.json"]
    convert = TransformersConverter(str(tmp_path / "saved"), copy_files=copied).convert
    converted = Path(convert(str(tmp_path / "converted")))
    rows = pd.read_csv(RECORDED / "recordings.csv", dtype=str)
    rows[rows["num_samples"].astype(int) < 48_000].iloc[::1200].to_csv(tmp_path / "few.csv", index=False)
    columns = AudioColumns(audio="file", start="start", duration="num_samples", unit="samples")
    audio = [row.samples() for row in read_recordings(tmp_path / "few.csv", columns, root=RECORDED)]
    greedy = DecodingParams()
    theirs = hearing.faster_whisper_hearing(converted, decoding=greedy, language=None, threads=2)(audio)
    ours = hearing.torch_hearing(recognizer, decoding=greedy)(audio)
    pairs = list(zip(normalise(theirs, ("english",)), normalise(ours, ("english",)), strict=True))
    assert len(pairs) >= 2
    for pair in pairs:  # what repeats itself, as a model in a window it does not know does, ends at limits of their own
        shorter, longer = sorted(pair, key=len)
        assert longer.startswith(shorter) and (shorter == longer or window is not None)
