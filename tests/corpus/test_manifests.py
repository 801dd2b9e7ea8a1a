"""Cuts of a corpus folder hold the samples that the table pointed at."""

import json

import numpy as np
import pytest
import soundfile

from isogloss.corpus.ingest import ingest
from isogloss.corpus.manifests import load_recordings, load_supervisions, make_cuts
from isogloss.errors import CorpusError


def test_a_cut_is_an_utterance_with_exactly_its_samples(describe, rows, folder, tmp_path):
    ingest(describe(rows), tmp_path / "out", source="tiny")
    cuts = make_cuts(tmp_path / "out")
    assert [cut.id for cut in cuts] == ["007", "008", "009", "010"]
    for cut, row in zip(cuts, rows, strict=True):
        stop = row["begin"] + row["length"] if "length" in row else None
        expected, rate = soundfile.read(folder / row["file"], start=row["begin"], stop=stop, dtype="float32")
        np.testing.assert_array_equal(cut.load_audio(), expected[None])
        assert cut.sampling_rate == rate
        (supervision,) = cut.supervisions
        assert (supervision.start, supervision.duration) == (0.0, cut.duration)
        assert supervision.speaker == row["who"]


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_an_odd_stretch_at_any_rate_has_as_many_samples_as_the_table_says(describe, rows, folder, tmp_path, rate):
    samples = np.arange(rate, dtype=np.int32).astype(np.int16)
    soundfile.write(folder / "audio/a.wav", samples, rate)
    for row, (begin, length) in zip(rows[:3], [(1, 3333), (3334, rate // 100 + 17), (rate - 777, 777)], strict=True):
        row |= {"begin": begin, "length": length}
    ingest(describe(rows[:3]), tmp_path / "out", source="tiny")
    for cut, row in zip(make_cuts(tmp_path / "out"), rows, strict=False):
        expected = samples[row["begin"] : row["begin"] + row["length"]].astype(np.float32) / 2**15
        np.testing.assert_array_equal(cut.load_audio(), expected[None])


def test_the_channel_of_the_description_is_the_one_that_is_read(describe, rows, folder, tmp_path):
    left, right = np.full(16000, 1000, dtype=np.int16), np.full(16000, -2000, dtype=np.int16)
    soundfile.write(folder / "audio/a.wav", np.stack([left, right], axis=1), 16000)
    ingest(describe(rows[:3], channel=1), tmp_path / "out", source="tiny")
    audio = make_cuts(tmp_path / "out")["008"].load_audio()
    assert audio.shape == (1, 4000)
    np.testing.assert_array_equal(audio, np.full((1, 4000), -2000 / 2**15, dtype=np.float32))


def test_the_audio_is_found_where_the_variable_says(describe, rows, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOGLOSS_DATA", str(tmp_path))
    ingest(describe(rows, root="$ISOGLOSS_DATA/tiny"), tmp_path / "out", source="tiny")
    assert json.loads((tmp_path / "out/corpus.json").read_text())["audio_root"] == "$ISOGLOSS_DATA/tiny"
    moved = tmp_path / "moved"
    moved.mkdir()
    folder.rename(moved / "tiny")
    monkeypatch.setenv("ISOGLOSS_DATA", str(moved))
    assert make_cuts(tmp_path / "out")["009"].load_audio().shape == (1, 4000)
    assert load_recordings(tmp_path / "out")["audio/a.wav"].sources[0].source == str(moved / "tiny/audio/a.wav")


def test_absolute_paths_lie_below_a_data_folder_that_is_named_from_a_sibling(
    describe, rows, folder, tmp_path, monkeypatch
):
    """Without a variable the data folder is `../shared/data`: its dots are no part of where the audio lies."""
    (tmp_path / "repository").mkdir()
    monkeypatch.setenv("ISOGLOSS_DATA", "..")
    absolute = [row | {"file": f"{folder}/{row['file']}"} for row in rows]
    for name, table in (("relative", rows), ("absolute", absolute)):
        description = describe(table, root="$ISOGLOSS_DATA/tiny")
        ingest(description, tmp_path / name, source="tiny", repository=tmp_path / "repository")
    for name in ("corpus.json", "recordings.jsonl", "supervisions.jsonl"):
        assert (tmp_path / "absolute" / name).read_bytes() == (tmp_path / "relative" / name).read_bytes()


def test_a_folder_that_is_no_corpus_says_what_is_missing(describe, rows, tmp_path):
    with pytest.raises(CorpusError, match=r"supervisions\.jsonl does not exist; run the corpus stage"):
        load_supervisions(tmp_path)
    ingest(describe(rows), tmp_path / "out", source="tiny")
    recordings = tmp_path / "out/recordings.jsonl"
    recordings.write_text(recordings.read_text().splitlines()[1] + "\n")
    with pytest.raises(CorpusError, match=r"'007' names recording 'audio/a\.wav', which recordings\.jsonl lacks"):
        make_cuts(tmp_path / "out")
