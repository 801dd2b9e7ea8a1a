"""One's own table is described by a command that checks it first."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from isogloss.cli.ingest import ingest as command
from isogloss.corpus.description import read_table_description
from isogloss.corpus.ingest import check, describe, ingest
from isogloss.corpus.ingest.source import Options
from isogloss.errors import IsoglossError
from isogloss.io.source import checksum

from .conftest import write_table

COLUMNS = {
    "audio": "file",
    "text": "words",
    "speaker_id": "who",
    "utterance_id": "utt",
    "start": "begin",
    "duration": "length",
}
ATTRIBUTES = {"latitude": "lat", "longitude": "lon", "zip": "postcode", "age_band": "band"}


def test_a_described_table_is_read_back_as_it_was_checked(rows, folder, tmp_path):
    table = write_table(folder / "mine.csv", rows)
    options = Options(columns=COLUMNS, attributes=ATTRIBUTES, unit="samples", repository=tmp_path)
    checked = describe(table, "mine", options=options, corpora=tmp_path / "corpora")
    description = read_table_description("mine", tmp_path / "corpora")
    assert (description.root, description.table, description.sha256) == ("tiny", "mine.csv", checksum(table))
    assert check(description, repository=tmp_path) == checked
    assert description.attributes == ATTRIBUTES
    assert [path.name for path in (tmp_path / "corpora").iterdir()] == ["mine.yaml"]


def test_columns_that_bear_our_names_need_not_be_told_and_no_other_is_kept(folder, tmp_path):
    text = "audio,text,speaker_id,gender,email\naudio/a.wav,play,1,f,a@b.c\naudio/b.flac,stop,2,,d@e.f\n"
    (folder / "mine.csv").write_text(text)
    describe(folder / "mine.csv", "mine", corpora=tmp_path, options=Options(repository=tmp_path))
    description = read_table_description("mine", tmp_path)
    assert description.attributes == {"gender": "gender"}
    assert (description.columns.start, description.columns.utterance_id) == (None, None)


def test_attributes_are_taken_from_the_table_of_speakers_where_it_has_them(folder, tmp_path):
    text = "audio,text,speaker_id,gender,accent\naudio/a.wav,play,1,f,x\naudio/b.flac,stop,2,,y\n"
    (folder / "mine.csv").write_text(text)
    (folder / "who.csv").write_text("speaker_id,gender,band\n1,f,adult\n2,m,child\n")
    options = Options(attributes={"age_band": "band"}, speakers=folder / "who.csv", repository=tmp_path)
    describe(folder / "mine.csv", "mine", options=options, corpora=tmp_path)
    description = read_table_description("mine", tmp_path)
    assert description.attributes == {"accent": "accent"}
    assert description.speakers.attributes == {"gender": "gender", "age_band": "band"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "../x"}, r"a corpus cannot be named '\.\./x'"),
        ({"name": "taken"}, r"taken\.yaml exists already"),
        ({"columns": {"audio": "fle"}}, r"mine\.csv: column 'fle' is missing; did you mean 'file'"),
        ({"columns": {}}, r"mine\.csv: column 'text' is missing"),
        ({"columns": COLUMNS | {"sound": "file"}}, "unknown column role 'sound'"),
        ({"attributes": {"age_band": "bnd"}}, r"column 'bnd' is missing; did you mean 'band'"),
        ({"attributes": {"latitude": "lat"}}, r"new\.yaml: latitude and longitude belong together"),
        ({"unit": "frames"}, r"new\.yaml: unit is 'frames', but must be 'seconds' or 'samples'"),
        ({"unit": "seconds"}, r"line 2: the utterance ends at 8000\.000 s"),
        ({"table": "none.csv"}, r"none\.csv does not exist"),
        ({"root": "audio"}, r"mine\.csv is not below root"),
        ({"speakers": "none.csv"}, r"none\.csv does not exist"),
    ],
)
def test_a_mistake_is_one_sentence_and_no_description_appears(rows, folder, tmp_path, options, sentence):
    write_table(folder / "mine.csv", rows)
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora/taken.yaml").write_text("kind: atlas\n")
    options = {"table": "mine.csv", "name": "new", "columns": COLUMNS, "unit": "samples"} | options
    for key in {"table", "root", "speakers"} & options.keys():
        options[key] = folder / options[key]
    with pytest.raises(IsoglossError, match=sentence) as raised:
        table, name = options.pop("table"), options.pop("name")
        describe(table, name, options=Options(**options, repository=tmp_path), corpora=tmp_path / "corpora")
    assert "\n" not in str(raised.value)
    assert [path.name for path in (tmp_path / "corpora").iterdir()] == ["taken.yaml"]


def test_the_command_writes_a_description_and_says_what_it_found(rows, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(folder / "mine.jsonl", rows)
    arguments = ["tiny/mine.jsonl", "--name", "mine", "--audio", "file", "--text", "words", "--speaker-id", "who"]
    arguments += ["--utterance-id", "utt", "--start", "begin", "--duration", "length", "--unit", "samples"]
    result = CliRunner().invoke(command, [*arguments, "--sample-rate", "16000", "--attribute", "age_band=band"])
    assert result.exit_code == 0, result.output
    assert "corpora/mine.yaml describes 4 utterances of 3 speakers" in result.output
    description = read_table_description("mine")
    assert (description.root, description.sample_rate) == ("tiny", 16000)
    again = CliRunner().invoke(command, arguments)
    assert again.exit_code == 2
    assert "exists already" in again.output
    assert CliRunner().invoke(command, [*arguments, "--overwrite"]).exit_code == 0
    bad = CliRunner().invoke(command, [*arguments, "--overwrite", "--attribute", "=x"])
    assert (bad.exit_code, Path("corpora/mine.yaml").exists()) == (2, True)
    assert "is neither NAME nor NAME=COLUMN" in bad.output


def test_absolute_paths_through_a_link_lie_below_the_folder_that_it_stands_for(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(folder)
    lines = [f"{tmp_path}/link/audio/a.wav,play,1", f"{tmp_path}/link/audio/b.flac,stop,2"]
    (folder / "mine.csv").write_text("\n".join(["audio,text,speaker_id", *lines]) + "\n")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "mine.csv").write_text((folder / "mine.csv").read_text())
    for number, table in enumerate(["link/mine.csv", "tables/mine.csv"]):
        checked = describe(Path(table), f"mine{number}")
        assert check(read_table_description(f"mine{number}")) == checked
        assert [u.audio.rpartition("/")[2] for u in checked.utterances] == ["a.wav", "b.flac"]


def test_files_that_have_only_the_root_of_the_disk_in_common_are_found(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (folder / "mine.csv").write_text(f"audio,text,speaker_id\n{folder}/audio/a.wav,play,1\n")
    checked = describe(folder / "mine.csv", "mine", options=Options(audio_root=Path("/")))
    assert checked.utterances[0].audio == f"{folder}/audio/a.wav".lstrip("/")


@pytest.mark.parametrize("name", ["2024", "1.5", "null", "true", "1e3"])
def test_a_name_that_params_would_not_read_as_text_is_refused(folder, tmp_path, name):
    (folder / "mine.csv").write_text("audio,text,speaker_id\naudio/a.wav,play,1\n")
    with pytest.raises(IsoglossError, match=f"a corpus cannot be named '{name}', which is no text in params.yaml"):
        describe(folder / "mine.csv", name, corpora=tmp_path, options=Options(repository=tmp_path))
    assert not (tmp_path / f"{name}.yaml").exists()


def test_letters_to_keep_may_be_decomposed(folder, tmp_path):
    (folder / "mine.csv").write_text("audio,text,speaker_id\naudio/a.wav,cafe\u0301,1\n", encoding="utf-8")
    options = Options(repository=tmp_path)
    for name, keep in (("composed", "acf\u00e9"), ("decomposed", "acfe\u0301")):
        checked = describe(folder / "mine.csv", name, corpora=tmp_path, options=options, keep=keep)
        assert checked.utterances[0].text == "caf\u00e9"


def test_audio_inside_a_table_is_said_to_be_there(folder, tmp_path):
    import pandas as pd

    inside = [{"bytes": b"RIFF", "path": None}]
    pd.DataFrame({"audio": inside, "text": ["play"], "speaker_id": ["1"]}).to_parquet(folder / "mine.parquet")
    with pytest.raises(IsoglossError, match=r"mine\.parquet: column 'audio' holds audio itself; write it to files"):
        describe(folder / "mine.parquet", "mine", corpora=tmp_path, options=Options(repository=tmp_path))


def test_a_ratio_of_speech_to_noise_is_a_number(folder, tmp_path, monkeypatch):
    import pandas as pd

    monkeypatch.chdir(tmp_path)
    (folder / "mine.csv").write_text("audio,text,speaker_id,snr_db\naudio/a.wav,play,1,12.5\naudio/b.flac,stop,2,\n")
    describe(folder / "mine.csv", "mine", options=Options(attributes={"snr_db": "snr_db"}))
    ingest(read_table_description("mine"), Path("data/corpus"), source="mine")
    speakers = pd.read_parquet("data/corpus/speakers.parquet")
    assert speakers["snr_db"].tolist()[0] == 12.5 and speakers["snr_db"].isna().tolist() == [False, True]
    lines = Path("data/corpus/supervisions.jsonl").read_text().splitlines()
    assert '"snr_db": 12.5' in lines[0] and "snr_db" not in lines[1]
