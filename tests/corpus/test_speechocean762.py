"""The description of speechocean762 reads the real corpus: 250 speakers, one file each, 5000 utterances."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from isogloss.cli import main
from isogloss.corpus.description import read_kind, read_table_description
from isogloss.corpus.frontend.audio_root import data_folder
from isogloss.corpus.ingest import ingest
from isogloss.corpus.manifests import make_cuts
from isogloss.tables import read_parquet

REPOSITORY = Path(__file__).parents[2]
FOLDER = data_folder(REPOSITORY) / "speechocean762"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"speechocean762 is not at {FOLDER}; set ISOGLOSS_DATA to the folder that holds it"
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    output = tmp_path_factory.mktemp("speechocean762") / "corpus"
    assert read_kind("speechocean762", REPOSITORY / "corpora") == "table"
    description = read_table_description("speechocean762", REPOSITORY / "corpora")
    ingest(description, output, source="speechocean762", repository=REPOSITORY)
    return output


def table(name):
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_is_a_cut_with_its_text_and_length(corpus):
    cuts = make_cuts(corpus, repository=REPOSITORY)
    expected = [
        (row["utterance_id"], row["speaker_id"], row["transcript"].lower(), int(row["num_samples"]))
        for row in table("recordings.csv")
    ]
    assert len(expected) == 5000
    found = [(c.id, c.supervisions[0].speaker, c.supervisions[0].text, c.num_samples) for c in cuts]
    assert found == expected


def test_a_cut_in_the_middle_of_a_file_holds_its_samples(corpus):
    row = table("recordings.csv")[1234]
    first = int(row["start"])
    assert first > 0
    whole, _ = soundfile.read(FOLDER / row["file"], dtype="float32")
    audio = make_cuts(corpus, repository=REPOSITORY)[row["utterance_id"]].load_audio()
    np.testing.assert_array_equal(audio[0], whole[first : first + int(row["num_samples"])])


def test_speakers_carry_the_attributes_of_their_table_and_no_position(corpus):
    speakers = read_parquet(corpus / "speakers.parquet").set_index("speaker_id")
    rows = table("speakers.csv")
    assert len(speakers) == len(rows) == 250
    for row in rows:
        speaker = speakers.loc[row["speaker_id"]]
        assert (speaker["gender"], speaker["age"], speaker["age_band"]) == (
            row["gender"],
            float(row["age"]),
            row["age_band"],
        )
    assert speakers[["latitude", "longitude", "zip", "split", "accent"]].isna().all(axis=None)


def test_the_params_for_recorded_speech_are_ready_to_run(tmp_path, monkeypatch):
    """`isogloss params params-recorded.yaml corpus.source=speechocean762`, then run."""
    for name in ("params.yaml", "params-recorded.yaml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    shutil.copytree(REPOSITORY / "corpora", tmp_path / "corpora")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISOGLOSS_DATA", str(data_folder(REPOSITORY)))
    given = ["params", "params-recorded.yaml", "corpus.source=speechocean762"]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    ready = CliRunner().invoke(main, ["check"])
    assert ready.exit_code == 0, ready.output
    assert "Nothing stops a run." in ready.output
