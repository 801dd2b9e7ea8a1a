"""Every source reads its corpus as distributed, and the corpus goes through `prepare` and the data gate."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lhotse import CutSet

from isogloss.config import PrepareParams, ValidationParams
from isogloss.corpus.description import read_description
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.samples import load_mono
from isogloss.corpus.gate import validate
from isogloss.corpus.ingest import describe, ingest
from isogloss.corpus.ingest.describe import recognised
from isogloss.corpus.ingest.source import Options
from isogloss.corpus.prepare import prepare
from isogloss.corpus.sources.kaldi import read_map
from isogloss.errors import ParamsError

from . import layouts

PREPARE = PrepareParams(
    num_filters=20, test_min_speakers=2, train_min_speakers=3, dev_share=0.15, stratify_by=["gender", "accent"]
)
VALIDATION = ValidationParams(min_speakers=1)
ATTRIBUTES = {
    "commonvoice": {"age_band": "thirties", "gender": "male_x"},
    "voxceleb": {"gender": "male", "nationality": "India"},
    "coraal": {"gender": "Female", "age": 21.0, "age_band": "-29", "education_group": "Edu2", "region": "ATL"},
    "edacc": {"gender": "Male", "accent": "Scottish English", "age": 32.0, "education": "MSc", "ethnicity": "x"},
    "fairspeech": {"first_language": "English", "gender": "female", "ethnicity": "Asian"},
    "kaldi": {"gender": "f"},
    "nemo": {"accent": "Scots"},
    "lhotse": {"gender": "male", "accent": "Irish", "language": "English"},
    "table": {"native_language": "Urdu"},
}
"""What is known of the second speaker (of Fair-Speech, of the second utterance)."""


@pytest.fixture(scope="module", params=list(layouts.LAYOUTS))
def through(request, tmp_path_factory):
    """A corpus that was described, ingested, prepared and validated; its kind, folder, and what was said of it."""
    kind = request.param
    root = tmp_path_factory.mktemp(kind)
    given = layouts.LAYOUTS[kind](root / "corpus" / kind)
    assert recognised(given) == kind
    attributes = {"native_language": "native_language"} if kind == "table" else {}
    columns = {"utterance_id": None} if kind == "table" else {}
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        options = Options(attributes=attributes, columns=columns) if kind == "table" else Options()
        if kind == "table":
            # Two rows share a file, so ids are told apart by a column of their own.
            table = pd.read_csv(given).reset_index(names="utterance_id")
            table["utterance_id"] = "u" + table["utterance_id"].astype("str")
            table.to_csv(given, index=False)
            options = Options(attributes=attributes)
        describe(given, "mine", options=options, say=said.append)
        description = read_description("mine")
        assert description is not None
        ingest(description, "data/corpus", source="mine")
        utterances = prepare(
            Path("data/corpus"), Path("data"), PREPARE, run=lambda function, shards: map(function, shards)
        )
        summary = validate(VALIDATION, data=Path("data"), output=Path("reports/validation.json"))
        assert summary["success"]
        yield kind, utterances, "\n".join(said)


def test_every_utterance_is_there_with_its_text_and_attributes(through):
    kind, utterances, _ = through
    assert len(utterances) == 24
    assert utterances["speaker_id"].nunique() == (24 if kind == "fairspeech" else 12)
    if kind == "voxceleb":
        assert (utterances["words"] == 0).all()
    elif kind == "commonvoice":
        assert set(utterances["ref"]) == {"turn on the light", "what's the time she said"}
    else:
        assert set(utterances["ref"]) == {"turn on the light", "what's the time"}
    speaker = sorted(utterances["speaker_id"].unique())[1]
    row = utterances[utterances["speaker_id"] == speaker].iloc[0]
    assert {name: row[name] for name in ATTRIBUTES[kind]} == ATTRIBUTES[kind]


def test_speakers_are_in_one_split_and_the_sound_is_theirs(through):
    _, utterances, _ = through
    groups = utterances["split"].replace("adapt", "train").groupby(utterances["speaker_id"]).nunique()
    assert (groups == 1).all() and set(utterances["split"]) == {"train", "adapt", "discovery", "dev", "test"}
    sound = pd.read_parquet("data/sound.parquet").set_index("utterance_id")
    assert sound["level_db"].between(-15, -12).all() and (sound["non_finite"] == 0).all()
    for cut in read_cuts("data/cuts/train.jsonl", hears="audio"):
        samples_S = load_mono(cut)
        assert len(samples_S) == pytest.approx(16000 * cut.duration, abs=1)
        peak = np.abs(np.fft.rfft(samples_S)).argmax() / cut.duration
        assert 190 <= peak <= 450
    assert len(CutSet.from_file("data/cuts/train.jsonl")) > 0


def test_what_was_found_is_said_before_the_description_is_written(through):
    kind, _, said = through
    assert f"24 utterances of {24 if kind == 'fairspeech' else 12} speakers" in said
    assert "isogloss check -S corpus.source=mine" in said
    assert "speakers are too few for its splits, which take about 50; judge a recogniser that you have" in said
    for name, value in ATTRIBUTES[kind].items():
        assert isinstance(value, float) or f"{name}: " in said
    if kind == "fairspeech":
        assert "speakers: not known" in said and json.loads(Path("data/corpus/corpus.json").read_text())["speakers"]
    if kind == "lhotse":
        assert "not kept: shoe_size" in said
    if kind == "voxceleb":
        assert "no transcripts" in said and "verification.methods=[continued]" in said


def test_sides_of_a_call_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    describe(layouts.kaldi(tmp_path / "calls"), "calls")
    ingest(read_description("calls"), "data/corpus", source="calls")
    from isogloss.corpus.manifests import make_cuts

    peaks = {}
    for cut in make_cuts("data/corpus"):
        samples_S = load_mono(cut)
        peaks[cut.id] = round(float(np.abs(np.fft.rfft(samples_S)).argmax() / cut.duration))
    assert peaks["spk0A-0"] == pytest.approx(200, abs=2) and peaks["spk0B-0"] == pytest.approx(220, abs=2)


@pytest.mark.parametrize("between", [" ", "\t", " \t ", "  "])
def test_a_key_ends_at_the_first_blank_or_tab(tmp_path, between):
    path = tmp_path / "text"
    path.write_text(f"u1{between}hello\tbig world\nu2\n", encoding="utf-8")
    assert read_map(path) == {"u1": (1, "hello\tbig world"), "u2": (2, "")}


def test_voxceleb2_is_read_with_its_commas_and_trailing_spaces(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checked = describe(layouts.voxceleb2(tmp_path / "vox2"), "vox2")
    assert checked.speakers == 12 and checked.utterances[0].speaker_id == "id00000"
    assert {u.attributes["gender"] for u in checked.utterances} == {"female", "male"}


@pytest.mark.parametrize("kind", ["lhotse", "voxceleb"])
def test_official_splits_are_kept_and_the_others_are_taken_from_train(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    describe(layouts.LAYOUTS[kind](tmp_path / kind), kind, options=Options(official_splits=True))
    ingest(read_description(kind), "data/corpus", source=kind)
    in_process = lambda function, shards: map(function, shards)  # noqa: E731
    utterances = prepare(Path("data/corpus"), Path("data"), PREPARE, run=in_process)
    of = utterances.groupby("split")["speaker_id"].agg(set)
    assert len(of["test"]) == 3 and not of["test"] & (of["train"] | of["discovery"] | of["dev"] | of["adapt"])
    assert not of["discovery"] & of["train"]


def test_official_splits_that_there_are_not_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match="leave --official-splits out"):
        describe(layouts.voxceleb2(tmp_path / "vox2"), "vox2", options=Options(official_splits=True))
    assert not Path("corpora/vox2.yaml").exists()


def test_a_folder_of_no_kind_is_refused_with_the_kinds_that_there_are(tmp_path):
    with pytest.raises(ParamsError, match=r"is no kind of corpus that is known; say which by --kind .*kaldi: a data"):
        recognised(tmp_path)
