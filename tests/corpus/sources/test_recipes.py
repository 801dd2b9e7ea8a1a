"""Corpora that Lhotse has a recipe of go from the command line through `prepare` and the data gate."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from isogloss.cli.ingest import ingest as command
from isogloss.config import PrepareParams, ValidationParams
from isogloss.corpus.description import read_description
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.samples import load_mono
from isogloss.corpus.gate import validate
from isogloss.corpus.ingest import ingest
from isogloss.corpus.ingest.describe import recognised
from isogloss.corpus.prepare import prepare
from isogloss.errors import TableError

from . import recipes

PREPARE = PrepareParams(num_filters=20, test_min_speakers=2, train_min_speakers=3, dev_share=0.15)
ATTRIBUTES = {
    "l2_arctic": {"ska": {"gender": "F", "accent": "Arabic"}, "pnv": {"gender": "F", "accent": "Vietnamese"}},
    "librispeech": {"100": {"gender": "female"}, "111": {"gender": "male"}},
    "ami": {"FEE000": {"gender": "F"}, "MEE011": {"gender": "M"}},
    "libricss": {"1000": {"language": "English"}},
    "sbcsae": {
        "0001_NAMEA": {"gender": "F", "age": 34.0, "hometown": "Pasadena", "home_state": "CA"},
        "0002_NAMEB": {"gender": "M", "hometown": "Boston", "home_state": "MA"},
    },
}
"""What is known of some speakers."""
PITCHES = {
    "l2_arctic": ("bwc", 240),
    "librispeech": ("102", 240),
    "ami": ("FEE002", 240),
    "libricss": ("1002", 240),
    "sbcsae": ("0003_NAMEC", 240),
}
"""A speaker of each corpus, and what they hum."""


def said(*arguments: str) -> tuple[int, str]:
    """Exit code and output of `isogloss ingest`."""
    result = CliRunner().invoke(command, [*arguments, "--name", "mine"])
    return result.exit_code, result.output


@pytest.fixture(scope="module", params=list(recipes.RECIPES))
def through(request, tmp_path_factory):
    """A corpus that was described by its recipe, ingested, prepared and validated; the recipe, rows and output."""
    recipe = request.param
    root = tmp_path_factory.mktemp(recipe)
    recipes.RECIPES[recipe](root / "downloads" / recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        channel = ["--channel", "0"] if recipe == "libricss" else []
        code, output = said(f"{recipe}:downloads/{recipe}", *channel)
        assert code == 0, output
        ingest(read_description("mine"), "data/corpus", source="mine")
        utterances = prepare(
            Path("data/corpus"), Path("data"), PREPARE, run=lambda function, shards: map(function, shards)
        )
        summary = validate(ValidationParams(min_speakers=1), data=Path("data"), output=Path("reports/validation.json"))
        assert summary["success"]
        yield recipe, utterances, output


def test_every_utterance_is_there_with_its_text_and_the_attributes_that_the_recipe_leaves(through):
    recipe, utterances, output = through
    assert len(utterances) == 24 and utterances["speaker_id"].nunique() == 12
    assert "24 utterances of 12 speakers" in output
    assert set(utterances["ref"]) == {"turn on the light", "what is the time" if recipe == "ami" else "what's the time"}
    for speaker, known in ATTRIBUTES[recipe].items():
        row = utterances[utterances["speaker_id"] == speaker].iloc[0]
        assert {name: row[name] for name in known} == known
    if recipe == "sbcsae":
        row = utterances[utterances["speaker_id"] == "0003_NAMEC"].iloc[0]
        assert pd.isna(row["hometown"]) and pd.isna(row["home_state"]) and row["gender"] == "F"


def test_the_sound_is_that_of_the_speaker(through):
    recipe, utterances, _ = through
    speaker, pitch = PITCHES[recipe]
    split = utterances[utterances["speaker_id"] == speaker]["split"].iloc[0]
    cuts = [
        cut for cut in read_cuts(f"data/cuts/{split}.jsonl", hears="audio") if cut.supervisions[0].speaker == speaker
    ]
    assert cuts
    for cut in cuts:
        peak = np.abs(np.fft.rfft(load_mono(cut))).argmax() / cut.duration
        assert peak == pytest.approx(pitch, abs=3)
    sound = pd.read_parquet("data/sound.parquet")
    assert len(sound) == 24


def test_librispeech_and_sbcsae_are_recognised_without_a_name(tmp_path):
    for kind in ("librispeech", "sbcsae"):
        assert recognised(recipes.RECIPES[kind](tmp_path / kind)) == kind


def test_official_splits_of_a_recipe_are_its_parts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipes.ami(tmp_path / "ami")
    code, output = said("ami:ami", "--official-splits")
    assert code == 0 and "splits: dev 4 speakers, test 4 speakers, train 4 speakers" in output


def test_options_of_a_recipe_are_kept_in_the_description(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipes.libricss(tmp_path / "libricss")
    code, output = said("libricss:libricss", "--recipe-option", "type=sdm")
    assert code == 0, output
    assert read_description("mine").options == {"type": "sdm"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["libricss:corpus"], "corpus, utterance 0L_session0-0: channel is [0, 1, 2, 3, 4, 5, 6]; choose one"),
        (["libricss:corpus", "--recipe-option", "mic=sdm"], "recipe libricss has no option 'mic'; it has output_dir, "),
        (["libricss:corpus", "--recipe-option", "sdm"], "--recipe-option 'sdm' is not NAME=VALUE"),
        (["libricss:corpus", "--kind", "kaldi"], "names a recipe of Lhotse, but --kind says kaldi"),
        (["libricss:corpus/for_release/0L"], "Lhotse's recipe libricss cannot read corpus/for_release/0L: "),
        (["libricss:nowhere"], "Lhotse's recipe libricss cannot read nowhere: "),
        (["libricsss:corpus"], "Lhotse has no recipe 'libricsss'; did you mean libricss"),
        (
            ["librimix:corpus"],
            "wants wham_recset_root_path and librimix_metadata_path and workdir too; add --recipe-opt",
        ),
        (["l2_arctic:corpus"], "Lhotse's recipe l2_arctic cannot read corpus: "),
        (["corpus", "--recipe-option", "type=sdm", "--kind", "lhotse"], "--recipe-option is for a recipe; name it"),
    ],
)
def test_what_a_recipe_cannot_do_is_one_sentence_and_nothing_is_written(tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    recipes.libricss(tmp_path / "corpus")
    code, output = said(*arguments)
    assert code == 2 and expected in output and "Traceback" not in output
    assert output.count("isogloss: ") == 1
    assert not Path("corpora").exists() or not any(Path("corpora").iterdir())


def test_a_corpus_that_has_changed_since_it_was_described_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipes.l2_arctic(tmp_path / "l2arctic")
    assert said("l2_arctic:l2arctic")[0] == 0
    (tmp_path / "l2arctic/ABA/transcript/arctic_a0000.txt").write_text("turn off the light\n")
    with pytest.raises(
        TableError, match=r"what Lhotse's recipe l2_arctic makes of .*l2arctic is not what was described"
    ):
        ingest(read_description("mine"), "data/corpus", source="mine")


def test_speakers_that_no_table_of_sbcsae_names_are_told_apart_by_conversation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = recipes.sbcsae(tmp_path / "SBCSAE")
    for conversation in ("SBC001", "SBC002"):
        path = root / "TRN" / f"{conversation}.trn"
        path.write_text(path.read_text() + "4.60\t4.90\tX:\tYes.\n")
    code, output = said("SBCSAE")
    assert code == 0 and "26 utterances of 14 speakers" in output
    ingest(read_description("mine"), "data/corpus", source="mine")
    speakers = pd.read_parquet("data/corpus/speakers.parquet")
    assert {"SBC001_X", "SBC002_X"} <= set(speakers["speaker_id"])
