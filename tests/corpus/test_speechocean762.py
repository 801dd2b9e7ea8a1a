"""The description of speechocean762 reads the real corpus: 250 speakers, one file each, 5000 utterances."""

import csv
import hashlib
import json
import os
import shutil
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from isogloss.cli import main
from isogloss.config import PrepareParams, ValidationParams
from isogloss.corpus.description import read_description, read_kind, read_table_description
from isogloss.corpus.frontend.audio_root import data_folder
from isogloss.corpus.frontend.sound import SoundMeasures
from isogloss.corpus.gate import validate
from isogloss.corpus.ingest import describe, ingest
from isogloss.corpus.ingest.content import listen_to
from isogloss.corpus.ingest.source import Options
from isogloss.corpus.manifests import make_cuts
from isogloss.corpus.prepare import prepare
from isogloss.tables import read_parquet

REPOSITORY = Path(__file__).parents[2]
FOLDER = data_folder(REPOSITORY) / "speechocean762"
MODELS = REPOSITORY / (os.environ.get("ISOGLOSS_MODELS") or "../shared/models")

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"speechocean762 is not at {FOLDER}; set ISOGLOSS_DATA to the folder that holds it"
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The corpus folder of all 5000 utterances; every tenth file is decoded, since all take half a minute."""

    def heard_in_some(root, stretches, headers):
        some = dict(islice(stretches.items(), 0, None, 10))
        heard = dict(zip(some, listen_to(root, some, headers), strict=True))
        return [heard.get(file, [SoundMeasures()] * len(of)) for file, of in stretches.items()]

    output = tmp_path_factory.mktemp("speechocean762") / "corpus"
    assert read_kind("speechocean762", REPOSITORY / "corpora") == "table"
    description = read_table_description("speechocean762", REPOSITORY / "corpora")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isogloss.corpus.ingest.corpus.listen_to", heard_in_some)
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


@pytest.mark.skipif(not (MODELS / "whisper-tiny.en").is_dir(), reason=f"whisper-tiny.en is not at {MODELS}")
def test_the_params_for_recorded_speech_are_ready_to_run(tmp_path, monkeypatch):
    """`isogloss params params-recorded.yaml corpus.source=speechocean762`, then run."""
    (tmp_path / "params.yaml").write_text("{}\n")
    shutil.copy(REPOSITORY / "params-recorded.yaml", tmp_path)
    shutil.copytree(REPOSITORY / "corpora", tmp_path / "corpora")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISOGLOSS_DATA", str(data_folder(REPOSITORY)))
    monkeypatch.setenv("ISOGLOSS_MODELS", str(MODELS))
    given = ["params", "params-recorded.yaml", "corpus.source=speechocean762"]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    ready = CliRunner().invoke(main, ["check"])
    assert ready.exit_code == 0, ready.output
    assert "Nothing stops a run." in ready.output


SOME_SPEAKERS, SOME_UTTERANCES = 60, 5
"""With all 20 utterances of all 250 speakers the bytes are the same too, after minutes."""


def manifests_and_table(folder: Path) -> None:
    """Utterances of the first speakers as manifests of Lhotse and as a table of one's own, written by this test."""
    folder.mkdir()
    speakers = {row["speaker_id"]: row for row in table("speakers.csv")[:SOME_SPEAKERS]}
    of_speaker = groupby(table("recordings.csv"), key=itemgetter("speaker_id"))
    rows = [row for name, all_of in of_speaker if name in speakers for row in islice(all_of, SOME_UTTERANCES)]
    assert len(rows) == SOME_SPEAKERS * SOME_UTTERANCES
    with (folder / "recordings.jsonl").open("w") as recordings, (folder / "supervisions.jsonl").open("w") as said:
        for file in dict.fromkeys(row["file"] for row in rows):
            info, source = soundfile.info(FOLDER / file), str(FOLDER / file)
            recording = {"id": Path(file).stem, "sources": [{"type": "file", "channels": [0], "source": source}]}
            recording |= {"sampling_rate": info.samplerate, "num_samples": info.frames, "duration": info.duration}
            recordings.write(json.dumps(recording) + "\n")
        for row in rows:
            speaker, rate = speakers[row["speaker_id"]], int(row["sample_rate"])
            record = {"id": row["utterance_id"], "recording_id": Path(row["file"]).stem, "channel": 0}
            record |= {"start": int(row["start"]) / rate, "duration": int(row["num_samples"]) / rate}
            record |= {"text": row["transcript"], "speaker": row["speaker_id"], "gender": speaker["gender"]}
            record["custom"] = {"age": float(speaker["age"]), "age_band": speaker["age_band"]}
            said.write(json.dumps(record) + "\n")
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
        columns = [*rows[0], "gender", "age", "age_band"]
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(speakers[row["speaker_id"]] | row for row in rows)


def prepared(corpus: Path, folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that `prepare` and `validate` write, by its name."""
    prepare(corpus, folder / "data", PrepareParams(speaker_utterances=3), run=map)
    validate(ValidationParams(), data=folder / "data", output=folder / "reports/validation.json")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_manifests_of_lhotse_are_prepared_and_validated_to_the_bytes_of_the_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISOGLOSS_DATA", str(data_folder(REPOSITORY)))
    manifests_and_table(tmp_path / "manifests")
    by_table = Options(
        audio_root=FOLDER,
        columns={"audio": "file", "start": "start", "duration": "num_samples"},
        unit="samples",
        sample_rate="sample_rate",
        attributes={"age_band": "age_band"},
    )
    found = {}
    for name, options in (("manifests", Options(audio_root=FOLDER)), ("manifests/table.csv", by_table)):
        describe(name, "mine", options=options, keep="abcdefghijklmnopqrstuvwxyz'", overwrite=True)
        ingest(read_description("mine"), "corpus", source="mine")
        found[name] = prepared(Path("corpus"), Path("w"))  # features name this path, so it has to be the same
        shutil.rmtree("corpus")
        shutil.rmtree("w")
    assert found["manifests"] == found["manifests/table.csv"]
    assert {"data/utterances.parquet", "data/tokens.txt", "data/validated.txt"} <= set(found["manifests"])
    assert sum(name.startswith("data/features/") for name in found["manifests"]) == 40
