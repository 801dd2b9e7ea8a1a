"""Prepare: from audio to features, cuts and tables, the same bytes each time and no speaker where he should not be."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from isogloss.config import PrepareParams
from isogloss.corpus.description import read_table_description
from isogloss.corpus.ingest import ingest
from isogloss.corpus.prepare import cohort_inputs, prepare

PARAMS = PrepareParams(num_filters=20, test_min_speakers=2, train_min_speakers=4)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A corpus of twenty speakers who hum at a pitch of their own, prepared twice."""
    root = tmp_path_factory.mktemp("prepare")
    (root / "audio").mkdir()
    rows = []
    for speaker in range(20):
        time = np.arange(16000) / 16000
        soundfile.write(root / "audio" / f"{speaker}.wav", 0.3 * np.sin(2 * np.pi * (200 + 40 * speaker) * time), 16000)
        for half in range(2):
            rows.append((f"{speaker}-{half}", f"audio/{speaker}.wav", "Hum, hum!", f"s{speaker}", half * 0.5, 0.5))
    columns = ["utterance_id", "audio", "text", "speaker_id", "start", "duration"]
    pd.DataFrame(rows, columns=columns).to_csv(root / "table.csv", index=False)
    (root / "hum.yaml").write_text(
        f"kind: table\nroot: {root}\ntable: table.csv\n"
        "columns: {utterance_id: utterance_id, start: start, duration: duration}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        ingest(read_table_description("hum", root), Path("corpus"), source="hum")
        tables = [prepare(Path("corpus"), Path(output), PARAMS) for output in ("data", "data")]
        yield root, tables[0]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_preparing_again_gives_the_same_bytes(prepared):
    root, _ = prepared
    first = digests(root / "data")
    prepare(Path("corpus"), Path("data"), PARAMS)
    assert digests(root / "data") == first
    assert {"tokens.txt", "utterances.parquet", "cuts/train.jsonl", "cohort_inputs/geodemographic.parquet"} <= set(
        first
    )


def test_features_are_those_of_the_segment(prepared):
    from lhotse import CutSet

    cuts = CutSet.from_file("data/cuts/train.jsonl")
    means = {}
    for cut in cuts:
        features_TF = cut.load_features()
        assert features_TF.shape == (50, 20)
        means[cut.supervisions[0].speaker] = features_TF.mean(axis=0)
    # Who hums higher has his energy in higher filters.
    order = sorted(means, key=lambda speaker: int(speaker[1:]))
    peaks = [int(means[speaker].argmax()) for speaker in order]
    assert peaks == sorted(peaks) and peaks[0] < peaks[-1]


def test_text_is_normalised_and_counted(prepared):
    _, table = prepared
    assert set(table["ref"]) == {"hum hum"} and set(table["words"]) == {2}
    assert Path("data/tokens.txt").read_text().split() == ["<blank>", "<space>", "h", "m", "u"]


def test_held_out_speakers_are_in_one_split_alone(prepared):
    _, table = prepared
    of = table.groupby("split")["speaker_id"].agg(set)
    assert not of["test"] & (of["train"] | of["adapt"] | of["discovery"] | of["dev"])
    assert len(table) == 40


UTTERANCES = pd.DataFrame(
    {
        "utterance_id": ["u1", "u2", "u3", "u4"],
        "speaker_id": ["s1", "s1", "s2", "s3"],
        "split": ["train", "train", "discovery", "test"],
        "ref": "hum",
        "latitude": [40.0, 40.0, 41.0, np.nan],
        "longitude": [-75.0, -75.0, -76.0, np.nan],
        "zip": pd.Series(["01000", "01000", "99999", None], dtype="str"),
        "age_band": pd.Series(["65+", "65+", "18-24", None], dtype="str"),
    }
)
ZIPS = pd.DataFrame({"zip": ["01000", "20000"], "latitude": 40.0, "percent_white": [61.5, 3.0], "median_age": [40, 50]})


def test_the_figures_of_a_zip_go_to_its_speakers_and_unknown_zips_have_none():
    table = cohort_inputs(UTTERANCES, ZIPS)["geodemographic"]
    assert table.columns.tolist() == ["utterance_id", "speaker_id", "split", "percent_white", "median_age"]
    assert table["utterance_id"].tolist() == UTTERANCES["utterance_id"].tolist()
    assert table["percent_white"].fillna(-1).tolist() == [61.5, 61.5, -1, -1]
    assert table["median_age"].fillna(-1).tolist() == [40, 40, -1, -1]


def test_a_corpus_without_a_table_of_zips_offers_identifiers_alone():
    empty = pd.DataFrame({"zip": pd.Series(dtype="str")})
    assert cohort_inputs(UTTERANCES, empty)["geodemographic"].columns.tolist() == [
        "utterance_id",
        "speaker_id",
        "split",
    ]


def test_no_rule_sees_references_or_the_zip_itself():
    for rule, table in cohort_inputs(UTTERANCES, ZIPS).items():
        assert not {"ref", "zip"} & set(table.columns), rule
