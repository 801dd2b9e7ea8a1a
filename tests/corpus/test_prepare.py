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
from isogloss.corpus.prepare import prepare
from isogloss.errors import CorpusError

PARAMS = PrepareParams(num_filters=20, test_min_speakers=2, train_min_speakers=4)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A corpus of twenty speakers who hum at a pitch of their own, prepared in this process."""
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
        yield root, prepare(Path("corpus"), Path("data"), PARAMS, run=map)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_preparing_again_in_a_pool_of_processes_gives_the_same_bytes(prepared):
    root, _ = prepared
    first = digests(root / "data")
    prepare(Path("corpus"), Path("data"), PARAMS)
    assert digests(root / "data") == first
    assert {"tokens.txt", "utterances.parquet", "cuts/train.jsonl"} <= set(first)


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


@pytest.mark.parametrize("unit", ["characters", "pieces", "words"])
def test_an_utterance_of_ten_milliseconds_has_features_and_a_shorter_one_is_refused(tmp_path, monkeypatch, unit):
    monkeypatch.chdir(tmp_path)
    time = np.arange(16000) / 16000
    soundfile.write("a.wav", 0.3 * np.sin(2 * np.pi * 200 * time), 16000)
    lines = ["utterance_id,audio,speaker_id,start,duration"]
    lines += [f"u{speaker},a.wav,s{speaker % 20},{0.02 * speaker:.2f},0.01" for speaker in range(40)]
    Path("table.csv").write_text("\n".join(lines) + "\n")
    Path("hum.yaml").write_text(
        f"kind: table\nroot: {tmp_path}\ntable: table.csv\n"
        "columns: {utterance_id: utterance_id, text: null, start: start, duration: duration}\n"
    )
    ingest(read_table_description("hum", "."), Path("corpus"), source="hum")
    made = prepare(Path("corpus"), Path("data"), PARAMS.model_copy(update={"tokens": unit}), run=map)
    assert len(made) == 40 and (made["words"] == 0).all()
    Path("table.csv").write_text("\n".join([*lines[:-1], "u39,a.wav,s19,0.5,0.009"]) + "\n")
    with pytest.raises(CorpusError, match=r"line 41: the utterance lasts 9 ms, but features take 10 ms"):
        ingest(read_table_description("hum", "."), Path("corpus"), source="hum")
