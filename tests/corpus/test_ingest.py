"""A table of speech becomes manifests, the same from every format, or one sentence with file and row."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from lhotse import RecordingSet, SupervisionSet, validate_recordings_and_supervisions

from isogloss.corpus.ingest import check, ingest
from isogloss.errors import CorpusError, IsoglossError, TableError

from .conftest import sound


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def supervisions(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "supervisions.jsonl").read_text("utf-8").splitlines()]


def test_a_table_becomes_lhotse_manifests_in_its_order(describe, rows, tmp_path):
    ingested = ingest(describe(rows), tmp_path / "out", source="tiny")
    assert str(ingested) == "4 utterances of 3 speakers, 0.00 h in 2 files"
    assert supervisions(tmp_path / "out")[0] == {
        "id": "007",
        "recording_id": "audio/a.wav",
        "start": 0.0,
        "duration": 0.5,
        "channel": 0,
        "text": "play bear's song",
        "speaker": "01",
        "custom": {"age_band": "adult", "latitude": 40.5, "longitude": -75.25, "weight": 1.0, "zip": "00501"},
    }
    assert [s["text"] for s in supervisions(tmp_path / "out")[1:]] == ["turn it up", "stop", "good night"]
    assert [s["custom"] for s in supervisions(tmp_path / "out")[1:]] == [
        {"weight": 1.0},
        {"latitude": 33.0, "longitude": -90.0, "weight": 1.0},
        {"age_band": "child", "weight": 1.0},
    ]
    assert supervisions(tmp_path / "out")[3]["duration"] == 0.5
    recordings = RecordingSet.from_file(tmp_path / "out/recordings.jsonl")
    assert [(r.id, r.sampling_rate, r.num_samples) for r in recordings] == [
        ("audio/a.wav", 16000, 16000),
        ("audio/b.flac", 22050, 11025),
    ]


def test_lhotse_reads_the_manifests_finds_nothing_wrong_and_would_write_the_same(describe, rows, tmp_path):
    ingest(describe(rows), tmp_path / "out", source="tiny")
    recordings = RecordingSet.from_file(tmp_path / "out/recordings.jsonl")
    segments = SupervisionSet.from_file(tmp_path / "out/supervisions.jsonl")
    validate_recordings_and_supervisions(recordings, segments)
    for name, manifest in (("recordings", recordings), ("supervisions", segments)):
        lines = (tmp_path / f"out/{name}.jsonl").read_text("utf-8").splitlines()
        assert [json.loads(line) for line in lines] == [item.to_dict() for item in manifest]


def test_audio_is_not_copied_and_the_folder_holds_what_later_stages_read(describe, rows, tmp_path):
    ingest(describe(rows), tmp_path / "out", source="tiny")
    assert set(content(tmp_path / "out")) == {
        "corpus.json",
        "recordings.jsonl",
        "speakers.parquet",
        "supervisions.jsonl",
        "zips.parquet",
    }
    assert json.loads((tmp_path / "out/corpus.json").read_text()) == {
        "source": "tiny",
        "audio_root": str(tmp_path / "tiny"),
    }


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_the_bytes_that_csv_gives(describe, rows, tmp_path, suffix):
    ingest(describe(rows), tmp_path / "csv", source="tiny")
    ingest(describe(rows, suffix=suffix), tmp_path / "other", source="tiny")
    assert content(tmp_path / "csv") == content(tmp_path / "other")


def test_a_byte_order_mark_a_blank_line_and_a_quoted_line_end_are_no_obstacle(describe, rows, folder, tmp_path):
    description = describe(rows)
    ingest(description, tmp_path / "plain", source="tiny")
    text = (folder / "table.csv").read_text("utf-8").replace("stop", '"\r\nstop"').replace("\r\n010", "\r\n\r\n010")
    (folder / "table.csv").write_text(text, encoding="utf-8-sig", newline="")
    ingest(description, tmp_path / "odd", source="tiny")
    assert content(tmp_path / "plain") == content(tmp_path / "odd")


def test_a_speaker_is_known_only_where_his_utterances_agree(describe, rows, tmp_path):
    rows[1]["band"] = "child"
    ingest(describe(rows), tmp_path / "out", source="tiny")
    speakers = pd.read_parquet(tmp_path / "out/speakers.parquet").set_index("speaker_id")
    assert list(speakers.index) == ["01", "02", "03"]
    assert speakers["age_band"].isna().tolist() == [True, True, False]
    assert speakers.loc["01", "zip"] == "00501"
    assert speakers["latitude"].tolist()[:2] == [40.5, 33.0]


def test_attributes_of_a_second_table_are_joined_by_speaker(describe, rows, folder, tmp_path):
    (folder / "people.csv").write_text("id,sex,years\n01,f,31\n02,m,\n03,,7.5\n04,f,9\n", encoding="utf-8")
    people = {"table": "people.csv", "speaker_id": "id", "attributes": {"gender": "sex", "age": "years"}}
    ingest(describe(rows, speakers=people, attributes={}), tmp_path / "out", source="tiny")
    assert [s["custom"] for s in supervisions(tmp_path / "out")] == [
        {"age": 31.0, "gender": "f", "weight": 1.0},
        {"age": 31.0, "gender": "f", "weight": 1.0},
        {"gender": "m", "weight": 1.0},
        {"age": 7.5, "weight": 1.0},
    ]


def test_a_speaker_that_the_second_table_lacks_is_named_with_both_files(describe, rows, folder):
    (folder / "people.csv").write_text("id,sex\n1,f\n02,m\n03,\n", encoding="utf-8")
    people = {"table": "people.csv", "speaker_id": "id", "attributes": {"gender": "sex"}}
    with pytest.raises(TableError, match=r"table\.csv, line 2: speaker '01' is not in .*people\.csv"):
        check(describe(rows, speakers=people))


def test_ids_are_made_of_file_and_start_whatever_the_order_of_rows(describe, rows):
    columns = {"audio": "file", "text": "words", "speaker_id": "who", "start": "begin", "duration": "length"}
    ids = [u.utterance_id for u in check(describe(rows, columns=columns)).utterances]
    assert ids == [
        "audio/a.wav@0000000000",
        "audio/a.wav@0000008000",
        "audio/a.wav@0000012000",
        "audio/b.flac@0000000000",
    ]
    again = [u.utterance_id for u in check(describe(rows[::-1], columns=columns)).utterances]
    assert again == ids[::-1]


def test_samples_count_in_the_rate_that_the_table_names_and_else_in_the_audio_s_own(describe, rows):
    rows[0] |= {"begin": 4000, "length": 2000}
    assert check(describe(rows)).spans[0].start == 0.25
    rows[0] |= {"begin": 2000, "length": 1000}
    for row in rows[1:]:
        row |= {"begin": 0, "length": 800}
    assert check(describe(rows, sample_rate=8000)).spans[0].start == 0.25


def test_a_table_in_seconds_may_be_late_by_its_rounding_and_is_cut_to_the_file(describe, rows):
    for row in rows:
        row |= {"begin": 0, "length": 0.5}
    rows[3]["length"] = 0.509
    assert check(describe(rows, unit="seconds")).spans[3].duration == 0.5
    rows[3]["length"] = 0.52
    with pytest.raises(CorpusError, match=r"line 5: the utterance ends at 0\.520 s, but audio/b\.flac lasts 0\.500 s"):
        check(describe(rows, unit="seconds"))


def test_splits_that_the_corpus_brings_are_kept(describe, rows, tmp_path):
    names = ["train", "train", "test", "dev"]
    for row, band in zip(rows, ["t", "a", "x", "d"], strict=True):
        row["band"] = band
    values = {"t": "train", "a": "adapt", "x": "test", "d": "dev", "y": "discovery"}
    ingest(describe(rows, attributes={}, split={"column": "band", "values": values}), tmp_path / "out", source="tiny")
    names = [s["custom"]["split"] for s in supervisions(tmp_path / "out")]
    assert names == ["train", "adapt", "test", "dev"]
    rows[1]["band"] = "x"
    with pytest.raises(TableError, match="line 3: speaker '01' is in test, but in train in line 2"):
        check(describe(rows, attributes={}, split={"column": "band", "values": values}))
    rows[1]["band"] = "z"
    with pytest.raises(TableError, match=r"line 3: band is 'z', which split\.values does not list"):
        check(describe(rows, attributes={}, split={"column": "band", "values": values}))


def test_audio_of_two_channels_wants_to_be_told_which(describe, rows, folder, tmp_path):
    samples = np.stack([sound(16000, 3), sound(16000, 4)], axis=1)
    soundfile.write(folder / "audio/a.wav", samples, 16000)
    with pytest.raises(CorpusError, match=r"line 2: audio file .*a\.wav has 2 channels; choose one by --channel"):
        check(describe(rows))
    ingest(describe(rows[:3], channel=1), tmp_path / "out", source="tiny")
    assert {s["channel"] for s in supervisions(tmp_path / "out")} == {1}
    with pytest.raises(CorpusError, match="has 1 channels, so no channel 1"):
        check(describe(rows, channel=1))


MISTAKES = [
    ({"words": None}, "line 3: words is empty"),
    ({"words": "  "}, "line 3: words is empty"),
    ({"words": "?! ..."}, "line 3: nothing of text '?! ...' is left after normalisation"),
    ({"words": "at 7"}, "line 3: text 'at 7' holds '7', which text.keep does not list"),
    ({"utt": "007"}, "line 3: utterance id '007' is already in line 2"),
    ({"utt": None}, "line 3: utt is empty"),
    ({"who": None}, "line 3: who is empty"),
    ({"file": None}, "line 3: file is empty"),
    ({"file": "audio/c.wav"}, "line 3: audio file .*c.wav does not exist"),
    ({"file": "audio"}, "line 3: audio file .*audio does not exist"),
    ({"file": "../a.wav"}, "line 3: audio '../a.wav' is not below the corpus' root"),
    ({"file": "/a.wav"}, "line 3: audio '/a.wav' is not below the corpus' root"),
    ({"length": 8001}, "line 3: the utterance ends at 1.000 s, but audio/a.wav lasts 1.000 s"),
    ({"begin": 16000, "length": 10}, "line 3: the utterance starts at 1.000 s, but audio/a.wav lasts 1.000 s"),
    ({"begin": 20000, "length": None}, "line 3: the utterance starts at 1.250 s"),
    ({"begin": -1}, "line 3: begin is -1; an utterance cannot start before"),
    ({"begin": None}, "line 3: begin is empty, but length is 4000"),
    ({"length": 0}, "line 3: length is 0; a duration must be positive"),
    ({"length": -5}, "line 3: length is -5; a duration must be positive"),
    ({"length": 10.5}, "line 3: length is 10.5, but samples are whole numbers"),
    ({"length": "long"}, "line 3: length is 'long', not a number"),
    ({"lat": "nan", "lon": 1}, "line 3: latitude is 'nan', not a number"),
    ({"lat": "NaN", "lon": "NaN"}, "line 3: latitude is 'NaN', not a number"),
    ({"lat": 1, "lon": "inf"}, "line 3: longitude is 'inf', not a number"),
    ({"lat": "40° N", "lon": 1}, "line 3: latitude is '40° N', not a number"),
    ({"lat": "1_0", "lon": 1}, "line 3: latitude is '1_0', not a number"),
    ({"lat": 90.5, "lon": 1}, "line 3: latitude is 90.5, but must be from -90 to 90"),
    ({"lat": 1, "lon": -181}, "line 3: longitude is -181, but must be from -180 to 180"),
    ({"lat": 1}, "line 3: latitude is given but longitude is empty"),
    ({"lon": 1}, "line 3: longitude is given but latitude is empty"),
]


@pytest.mark.parametrize(("mistake", "sentence"), MISTAKES, ids=[str(m) for m, _ in MISTAKES])
def test_a_mistake_in_a_row_is_one_sentence_with_its_line_and_nothing_is_written(
    describe, rows, tmp_path, mistake, sentence
):
    rows[1] |= mistake
    pattern = ".*".join(map(re.escape, sentence.split(".*")))
    with pytest.raises(IsoglossError, match=rf"table\.csv, {pattern}") as raised:
        ingest(describe(rows), tmp_path / "out", source="tiny")
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_failed_ingest_leaves_the_last_good_one(describe, rows, tmp_path):
    ingest(describe(rows), tmp_path / "out", source="tiny")
    before = content(tmp_path / "out")
    rows[0]["words"] = None
    with pytest.raises(TableError):
        ingest(describe(rows), tmp_path / "out", source="tiny")
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: b"not audio at all", "cannot be decoded"),
        (lambda data: b"", "cannot be decoded"),
        (lambda data: data[: len(data) // 2], r"cannot be decoded|ends before the length in its header"),
    ],
    ids=["text", "empty", "cut off"],
)
def test_audio_that_cannot_be_decoded_is_named_with_its_row(describe, rows, folder, damage, sentence):
    path = folder / "audio/b.flac"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CorpusError, match=rf"line 5: audio file .*b\.flac ({sentence})") as raised:
        check(describe(rows))
    assert "\n" not in str(raised.value)


def test_audio_without_a_sample_is_refused(describe, rows, folder):
    soundfile.write(folder / "audio/a.wav", np.zeros(0, dtype=np.int16), 16000)
    with pytest.raises(CorpusError, match=r"line 2: audio file .*a\.wav holds no samples"):
        check(describe(rows))


def test_rows_of_parquet_are_counted_as_rows(describe, rows):
    rows[2]["words"] = "..."
    with pytest.raises(TableError, match=r"table\.parquet, row 3: nothing of text"):
        check(describe(rows, suffix=".parquet"))


def test_a_nan_in_parquet_is_a_mistake_and_a_null_is_a_gap(describe, rows, folder):
    description = describe(rows, suffix=".parquet")
    table = pq.read_table(folder / "table.parquet")
    position = table.schema.get_field_index("lat")
    for gap, wrong in ((None, False), (float("nan"), True)):
        latitudes = pa.array([40.5, gap, 33.0, gap], type=pa.float64())
        pq.write_table(table.set_column(position, "lat", latitudes), folder / "table.parquet")
        if wrong:
            with pytest.raises(TableError, match="row 2: latitude is nan, not a number"):
                check(description)
        else:
            check(description)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_lists_in_cells_are_refused(describe, rows, suffix):
    for row in rows:
        row["band"] = ["adult"]
    with pytest.raises(TableError, match=r"(line|row) 1: column 'band' holds a list"):
        check(describe(rows, suffix=suffix))


def test_a_column_of_two_types_is_refused_with_both_places(describe, rows):
    rows[2]["who"] = 2
    with pytest.raises(TableError, match=r"line 3: column 'who' holds a number \(2\), but text in line 1"):
        check(describe(rows, suffix=".jsonl"))


def test_zips_stored_as_numbers_are_refused_since_their_zeros_are_lost(describe, rows):
    rows[0]["postcode"] = 501
    with pytest.raises(TableError, match="line 1: zip is the number 501, which has lost its leading zeros"):
        check(describe(rows, suffix=".jsonl"))


def test_whole_numbers_serve_as_ids_and_fractions_do_not(describe, rows):
    for number, row in enumerate(rows):
        row["utt"] = number
    assert [u.utterance_id for u in check(describe(rows, suffix=".jsonl")).utterances] == ["0", "1", "2", "3"]
    for row in rows:
        row["utt"] += 0.5
    with pytest.raises(TableError, match=r"line 1: utt is 0\.5; store identifiers as text"):
        check(describe(rows, suffix=".jsonl"))
