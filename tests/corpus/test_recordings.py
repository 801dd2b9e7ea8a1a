"""Recordings that cannot be used are named with file and row, or left out; those that should be looked at are said."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from isogloss.corpus.description import read_description
from isogloss.corpus.frontend.samples import load_mono
from isogloss.corpus.ingest import describe, ingest
from isogloss.corpus.ingest.source import Options
from isogloss.corpus.manifests import make_cuts
from isogloss.errors import CorpusError

from .conftest import sound

RATE = 16000


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech").mkdir()
    return tmp_path / "speech"


def table(folder: Path, *names: str) -> Path:
    lines = ["audio,text,speaker_id", *(f"{name},turn it on,s{number}" for number, name in enumerate(names))]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    return folder / "t.csv"


def _nan(path: Path) -> None:
    samples = sound(RATE, 1) / 32768
    samples[5000] = np.nan
    soundfile.write(path, samples, RATE, subtype="FLOAT")


def _halved(path: Path) -> None:
    how = {".opus": {"format": "OGG", "subtype": "OPUS"}, ".sph": {"format": "NIST"}}.get(path.suffix, {})
    soundfile.write(path, sound(RATE, 1), RATE, **how)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


FAULTS = {
    "nan.wav": (_nan, r"holds 1 samples that are NaN or infinite"),
    "zero.wav": (lambda p: soundfile.write(p, np.zeros(RATE), RATE), r"is silent"),
    "half.wav": (_halved, r"ends before the length in its header; copy it again"),
    "half.aiff": (_halved, r"ends before the length in its header"),
    "half.sph": (_halved, r"ends before the length in its header"),
    "half.mp3": (_halved, r"ends before the length in its header|cannot be decoded"),
    "half.flac": (_halved, r"cannot be decoded"),
    "half.opus": (_halved, r"cannot be decoded"),
    "empty.wav": (lambda p: p.write_bytes(b""), r"cannot be decoded"),
    "text.wav": (lambda p: p.write_text("no audio"), r"cannot be decoded"),
    "folder.wav": (lambda p: p.mkdir(), r"does not exist"),
    "loop.wav": (lambda p: p.symlink_to(p), r"cannot be decoded|does not exist"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_recording_that_cannot_be_used_is_named_with_its_row_or_left_out(folder, name):
    make, sentence = FAULTS[name]
    soundfile.write(folder / "good.wav", sound(RATE, 2), RATE)
    make(folder / name)
    given = table(folder, "good.wav", name)
    with pytest.raises(CorpusError, match=sentence) as raised:
        describe(given, "mine")
    assert "t.csv, line 3: " in str(raised.value) and name in str(raised.value) and "\n" not in str(raised.value)
    assert not Path("corpora/mine.yaml").exists()
    checked = describe(given, "mine", skip_bad=True)
    assert len(checked.utterances) == 1 and len(checked.left_out) == 1
    ingest(read_description("mine"), "data/corpus", source="mine")
    assert name in Path("data/corpus/left_out.txt").read_text()


def test_clipping_and_a_constant_offset_are_said_with_the_first_row(folder):
    soundfile.write(folder / "clipped.wav", np.clip(sound(RATE, 1) / 3000, -1, 1), RATE)
    soundfile.write(folder / "shifted.wav", sound(RATE, 2) / 32768 + 0.2, RATE)
    said: list[str] = []
    describe(table(folder, "clipped.wav", "shifted.wav"), "mine", say=said.append)
    assert "1 utterances are clipped" in said[0] and "the first in" in said[0]
    assert "1 utterances have a constant offset" in said[0]


def test_a_wav_that_was_written_into_a_pipe_is_no_damaged_one(folder):
    soundfile.write(folder / "piped.wav", sound(RATE, 1), RATE)
    content = bytearray((folder / "piped.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    (folder / "piped.wav").write_bytes(content)
    assert len(describe(table(folder, "piped.wav"), "mine").utterances) == 1


@pytest.mark.parametrize(("channel", "expected"), [(1, 1), ("mix", None)])
def test_a_channel_or_the_mean_of_all_is_what_models_hear(folder, channel, expected):
    both = np.stack([sound(RATE, 1), sound(RATE, 2)], axis=1)
    soundfile.write(folder / "two.wav", both, RATE)
    describe(table(folder, "two.wav"), "mine", options=Options(channel=channel))
    ingest(read_description("mine"), "data/corpus", source="mine")
    (cut,) = make_cuts("data/corpus")
    wanted = both.mean(axis=1) if expected is None else both[:, expected]
    np.testing.assert_allclose(load_mono(cut), wanted / 32768, atol=1e-4)


def test_every_row_of_a_file_that_cannot_be_used_is_left_out_with_its_own_place(folder):
    soundfile.write(folder / "good.wav", sound(RATE, 2), RATE)
    lines = ["audio,text,speaker_id,start,duration", "good.wav,on,s,0,0.5", "none.wav,on,s,0,1", "none.wav,on,s,1,1"]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    checked = describe(folder / "t.csv", "mine", skip_bad=True)
    assert len(checked.utterances) == 1
    assert [sentence.partition("t.csv, ")[2].partition(":")[0] for sentence in checked.left_out] == ["line 3", "line 4"]
    assert all("none.wav does not exist" in sentence for sentence in checked.left_out)
