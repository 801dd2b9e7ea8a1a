"""An MP3 file that has been cut off is found without decoding it, and a whole one is never refused."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from isogloss.cli import main
from isogloss.corpus.ingest import describe
from isogloss.corpus.ingest.mpeg import mp3_length
from isogloss.errors import CorpusError

FORMS = [
    (rate, channels, mode) for rate in (16000, 22050, 44100) for channels in (1, 2) for mode in ("CONSTANT", "VARIABLE")
]
LONGEST_FRAME = 1441
"""Bytes of a frame of 320 kbit/s at 32 kHz."""


def encoded(path: Path, rate: int, channels: int, mode: str, seconds: float = 2.0) -> bytes:
    """Noise of changing loudness, encoded by LAME with a tag in the first frame."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(1).normal(0, 0.1, (len(times), channels)) * np.abs(np.sin(3 * times))[:, None]
    soundfile.write(path, noise, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return path.read_bytes()


def without_tag(content: bytes) -> bytes:
    """A file without its first frame, which holds the tag alone; the second begins with the same version and rate."""
    first = content[:2]
    return content[content.index(first, content.index(b"LAME" if b"LAME" in content[:400] else b"Lav")) :]


def mp3_fault(path: Path, promised: int) -> str | None:
    """What is wrong with a file."""
    return mp3_length(path, promised)[1]


def samples_in(path: Path) -> tuple[int, int]:
    """What the decoder promises, and what it gives."""
    with soundfile.SoundFile(path) as file:
        return file.frames, len(file.read())


@pytest.mark.parametrize(("rate", "channels", "mode"), FORMS)
def test_what_a_cut_takes_away_is_noticed_and_whole_files_pass(tmp_path, rate, channels, mode):
    path = tmp_path / "a.mp3"
    whole = encoded(path, rate, channels, mode)
    promised, given = samples_in(path)
    assert promised == given == 2 * rate and mp3_fault(path, promised) is None
    for tail in (b"TAG" + bytes(125), b"APETAGEX" + b"\xff" * 40):
        path.write_bytes(b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + whole + tail)
        assert mp3_fault(path, promised) is None
    for at in np.random.default_rng(2).integers(LONGEST_FRAME, len(whole), 40):
        path.write_bytes(whole[:at])
        promised, given = samples_in(path)
        fault = mp3_fault(path, promised)
        assert fault == "ends before the length in its header; copy it again", (at, len(whole), promised - given)


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2)])
def test_a_file_without_a_length_is_found_where_it_ends_in_a_frame(tmp_path, rate, channels):
    path = tmp_path / "a.mp3"
    whole = without_tag(encoded(path, rate, channels, "CONSTANT", seconds=0.5))
    path.write_bytes(whole)
    promised, given = samples_in(path)
    # The decoder's guess may be some samples too high; what is read is what counts.
    assert mp3_length(path, promised) == (given, None)
    size = {16000: 72, 44100: 144}[rate] * 1000 / rate  # bytes of a frame for each kbit/s
    at_a_frame_end = 0
    cuts = range(len(whole) - 800, len(whole))  # more than a frame
    for at in cuts:
        path.write_bytes(whole[:at])
        fault = mp3_fault(path, samples_in(path)[0])
        at_a_frame_end += fault is None
        assert fault is None or "ends in the middle of a frame" in fault
    assert at_a_frame_end <= len(cuts) / (32 * size) + 1


def test_a_variable_bit_rate_without_a_length_is_refused_since_not_all_of_it_would_be_read(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(without_tag(encoded(path, 44100, 1, "VARIABLE", seconds=5.0)))
    promised, _ = samples_in(path)
    assert abs(promised - 5 * 44100) > 44100
    fault = mp3_fault(path, promised)
    assert fault is not None and f"so that {promised} samples are read of 2" in fault


def test_a_whole_file_without_a_length_is_ingested(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "0.mp3"
    path.write_bytes(without_tag(encoded(path, 44100, 1, "CONSTANT")))
    promised, given = samples_in(path)
    assert given < promised
    (tmp_path / "t.csv").write_text("audio,text,speaker_id\n0.mp3,turn it on,a\n")
    assert describe(tmp_path / "t.csv", "mine").headers["0.mp3"].num_samples == given


def test_check_finds_a_file_that_is_cut_off_after_it_was_described(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("speech").mkdir()
    for number in range(2):
        encoded(Path(f"speech/{number}.mp3"), 16000, 1, "CONSTANT")
    Path("speech/t.csv").write_text("audio,text,speaker_id\n0.mp3,turn it on,a\n1.mp3,turn it off,b\n")
    describe("speech/t.csv", "mine")
    path = Path("speech/1.mp3")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorpusError, match="ends before the length"):
        describe("speech/t.csv", "other")
    Path("params.yaml").write_text("corpus: {source: mine}\n")
    result = CliRunner().invoke(main, ["check"])
    assert result.exit_code == 2
    assert "t.csv, line 3: audio file speech/1.mp3 ends before the length in its header" in " ".join(
        result.output.split()
    )


def test_a_walk_takes_a_fraction_of_the_time_of_decoding(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(without_tag(encoded(path, 16000, 1, "CONSTANT", seconds=120.0)))
    began = time.process_time()
    promised, _ = samples_in(path)
    decoded = time.process_time()
    assert mp3_fault(path, promised) is None
    assert time.process_time() - decoded < 0.5 * (decoded - began)
