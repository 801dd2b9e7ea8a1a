"""Every source reads its corpus as distributed, and the corpus goes through `prepare` and the data gate."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
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
from isogloss.corpus.sources.kaldi import kaldi_table, read_map, wav_scp
from isogloss.errors import CorpusError, ParamsError, TableError

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
    remedy = "add speakers" if kind == "voxceleb" else "judge a recogniser that you have"
    assert f"speakers are too few for its splits, which take about 50; {remedy}" in said
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


@pytest.mark.parametrize(
    ("entry", "channel"),
    [
        ("sox {} -t wav - |", None),
        ("sox {} -r 8000 -t wav - rate |", None),
        ("sox {} -t wav - remix 2 |", "1"),
        ("sph2pipe -f wav -p -c 2 {} |", "1"),
        ("flac -c -d -s {} |", None),
        ("ffmpeg -i {} -f wav -ar 16000 - |", None),
    ],
)
def test_a_command_that_only_decodes_a_file_stands_for_it(tmp_path, entry, channel):
    folder = speed_perturbed(tmp_path, entry.format(tmp_path / "a.wav"))
    table = kaldi_table(folder, wav_scp(folder))
    assert (table.values("audio"), table.values("channel")) == ([str(tmp_path / "a.wav")], [channel])


@pytest.mark.parametrize(
    "entry",
    [
        "sox -t wav {} -t wav - speed 0.9 |",
        "sox {} -t wav - trim 1 2 |",
        "sox {} -t wav - remix 1,2 |",
        "sox {} -p speed 1.1 |",
        "ffmpeg -ss 10 -t 5 -i {} -f wav - |",
        "ffmpeg -i {} -filter:a atempo=0.9 -f wav - |",
        "sph2pipe -f wav -t 1:2 {} |",
        "flac -c -d --skip=0:01 {} |",
        "sox {} -t wav - | wav-reverberate rir.wav - - |",
    ],
)
def test_a_command_that_changes_what_is_heard_does_not_stand_for_its_file(tmp_path, entry):
    folder = speed_perturbed(tmp_path, entry.format("a.wav"))
    with pytest.raises(TableError, match=r"wav\.scp, line 1 is a command, and commands are not run; decode it"):
        kaldi_table(folder, wav_scp(folder))


def speed_perturbed(folder: Path, entry: str) -> Path:
    """A data directory of one recording, as Kaldi's scripts write it."""
    for name, line in (("wav.scp", f"u {entry}"), ("text", "u hello"), ("utt2spk", "u s")):
        (folder / name).write_text(f"{line}\n", encoding="utf-8")
    return folder


def test_a_data_directory_of_kaldi_or_manifests_of_lhotse_can_be_without_transcripts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = layouts.kaldi(tmp_path / "calls")
    (folder / "text").unlink()
    assert recognised(folder) == "kaldi"
    with pytest.raises(TableError, match=r"text does not exist; add it, or say --without-transcripts"):
        describe(folder, "calls")
    none = Options(columns={"text": None})
    said: list[str] = []
    checked = describe(folder, "calls", options=none, say=said.append)
    assert len(checked.utterances) == 24 and {u.text for u in checked.utterances} == {""}
    assert "text: no transcripts" in said[0]
    assert ingest(read_description("calls"), "data/corpus", source="calls") == checked
    manifests = layouts.lhotse(tmp_path / "manifests")
    for path in manifests.glob("*supervisions*"):
        records = [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
        lines = "".join(json.dumps({k: v for k, v in record.items() if k != "text"}) + "\n" for record in records)
        path.write_bytes(gzip.compress(lines.encode()))
    with pytest.raises(TableError, match="text is empty"):
        describe(manifests, "manifests")
    assert {u.text for u in describe(manifests, "manifests", options=none).utterances} == {""}
    nobody = describe(manifests, "nobody", options=Options(columns={"text": None, "speaker_id": None}))
    assert nobody.speakers == 24
    assert {u.speaker_id for u in ingest(read_description("nobody"), "data/corpus", source="nobody").utterances} == {
        u.utterance_id for u in nobody.utterances
    }


def test_a_manifest_of_nemo_may_lack_transcripts_and_give_offsets_in_some_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = layouts.nemo(tmp_path / "speech")
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for entry in entries[::2]:
        assert entry.pop("offset") == 0.0
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    spans = describe(path, "some").spans
    assert {(span.start, span.duration) for span in spans} == {(0.0, 0.5), (1.0, 0.5)}
    silent = [{k: v for k, v in entry.items() if k != "text"} | {"label": entry["speaker"]} for entry in entries]
    for entry in silent:
        del entry["speaker"]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in silent), encoding="utf-8")
    with pytest.raises(TableError, match="column 'text' is missing"):
        describe(path, "none", options=Options(columns={"speaker_id": "label"}))
    checked = describe(path, "none", options=Options(columns={"speaker_id": "label", "text": None}))
    assert checked.speakers == 12 and checked.utterances[0].text == ""


def test_voxceleb_that_was_converted_beside_its_m4a_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = layouts.voxceleb2(tmp_path / "vox2")
    for path in list(root.rglob("*.flac")):
        path.with_suffix(".m4a").write_bytes(b"aac")
    assert describe(root, "vox2").speakers == 12
    for path in list(root.rglob("*.flac")):
        path.unlink()
    with pytest.raises(CorpusError, match=r"holds \.m4a, which cannot be decoded"):
        describe(root, "none")


@pytest.mark.parametrize("kind", ["voxceleb", "fairspeech", "commonvoice"])
def test_a_channel_can_be_chosen_for_every_kind(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    given = layouts.LAYOUTS[kind](tmp_path / kind)
    path = next(p for p in sorted((tmp_path / kind).rglob("*")) if p.suffix in (".wav", ".mp3"))
    one, rate = soundfile.read(path)
    soundfile.write(path, np.stack([one, 0.5 * one], axis=1), rate, format="MP3" if path.suffix == ".mp3" else None)
    with pytest.raises(CorpusError, match="has 2 channels; choose one by --channel"):
        describe(given, "mine")
    checked = describe(given, "mine", options=Options(channel="mix"))
    assert (checked.channels.count("mix"), checked.channels.count(0)) == (1, 23)


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        ("kaldi", {"official_splits": True}, "--official-splits has no effect on a corpus of kind 'kaldi'"),
        ("edacc", {"attributes": {"x": "y"}}, "--attribute has no effect on a corpus of kind 'edacc'"),
        ("lhotse", {"unit": "samples"}, "--unit has no effect on a corpus of kind 'lhotse'"),
        ("voxceleb", {"audio_root": "/"}, "--audio-root has no effect on a corpus of kind 'voxceleb'"),
        ("kaldi", {"columns": {"speaker_id": "who"}}, "has its own columns; leave out the option that names 'who'"),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused(tmp_path, monkeypatch, kind, options, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match=sentence):
        describe(layouts.LAYOUTS[kind](tmp_path / kind), "mine", options=Options(**options))
    assert not Path("corpora/mine.yaml").exists()


def test_a_further_column_of_fair_speech_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checked = describe(
        layouts.fairspeech(tmp_path / "fair"), "fair", options=Options(attributes={"means": "socioeconomic_bkgd"})
    )
    assert {u.attributes["means"] for u in checked.utterances} == {"Medium"}


def test_a_folder_of_common_voice_is_read_by_all_its_clips_or_by_its_official_parts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = layouts.commonvoice(tmp_path / "cv").parent
    header, *lines = (root / "validated.tsv").read_text(encoding="utf-8").splitlines()
    for part, rows in (("train", lines[:12]), ("dev", lines[12:14]), ("test", lines[14:16])):
        layouts.rows(root / f"{part}.tsv", [header, *rows])
    assert len(describe(root, "all").utterances) == 24
    checked = describe(root, "parts", options=Options(official_splits=True))
    assert [u.split for u in checked.utterances] == ["train"] * 12 + ["dev"] * 2 + ["test"] * 2


def test_rows_for_the_sides_of_one_file_need_no_ids(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checked = describe(layouts.table(tmp_path / "calls"), "calls")
    assert len(checked.utterances) == 24
    assert [u.utterance_id for u in checked.utterances[:2]] == ["audio/0-0.wav#0", "audio/0-0.wav#1"]


def test_ages_in_words_are_age_bands_in_every_kind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = layouts.kaldi(tmp_path / "calls")
    speakers = sorted({line.split()[1] for line in (folder / "utt2spk").read_text().splitlines()})
    layouts.rows(folder / "spk2age", [f"{speaker} forties" for speaker in speakers])
    manifest = layouts.nemo(tmp_path / "speech")
    entries = [json.loads(line) | {"age": "forties"} for line in manifest.read_text(encoding="utf-8").splitlines()]
    manifest.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    for given in (folder, manifest):
        bands = {u.attributes.get("age_band") for u in describe(given, "mine", overwrite=True).utterances}
        assert bands == {"forties"}
