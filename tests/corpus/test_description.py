"""Descriptions of corpora: what they may say, and one sentence for what they may not."""

import pytest

from isogloss.corpus.description import description_path, read_kind, read_table_description
from isogloss.errors import ParamsError

GOOD = "kind: table\nroot: speech\ntable: t.csv\n"


@pytest.fixture
def corpora(tmp_path):
    (tmp_path / "atlas.yaml").write_text("kind: atlas\nanything: 1\n")
    (tmp_path / "mine.yaml").write_text(GOOD)
    return tmp_path


def test_the_kind_is_read_without_knowing_the_rest(corpora):
    assert read_kind("atlas", corpora) == "atlas"
    assert read_kind("mine", corpora) == "table"


def test_three_keys_are_a_description(corpora):
    description = read_table_description("mine", corpora)
    assert (description.columns.audio, description.columns.text, description.unit) == ("audio", "text", "seconds")
    assert description.columns.utterance_id is None
    assert description.attributes == {}


def test_an_unknown_source_is_answered_with_the_nearest(corpora):
    with pytest.raises(ParamsError, match=r"corpus.source is 'atlsa', but .*atlsa.yaml does not exist; did you mean"):
        description_path("atlsa", corpora)
    with pytest.raises(ParamsError, match="there are atlas, mine"):
        description_path("zzz", corpora)


FIVE = "values: {a: train, b: adapt, c: discovery, d: dev, e: test}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind: tabel\n", "or 'voxceleb'; did you mean 'table'"),
        ("root: x\n", "kind is missing"),
        ("kind: table\nroot: x\n", "table is missing; add it"),
        (GOOD + "colums: {}\n", "unknown key 'colums'; did you mean 'columns'"),
        (GOOD + "columns: {adio: x}\n", "unknown key 'columns.adio'; did you mean 'audio'"),
        (GOOD + "columns: {audio: 3}\n", "columns.audio is 3, but must be a valid string"),
        (GOOD + "attributes: {latitude: lat}\n", "latitude and longitude belong together"),
        (GOOD + "attributes: {split: x}\n", "an attribute cannot be named 'split'"),
        (GOOD + "attributes: {wer_rank: x}\n", "an attribute cannot be named 'wer_rank'"),
        (GOOD + "attributes: {a-b: x}\n", "attributes.a-b"),
        (
            GOOD + "attributes: {age: x}\nspeakers: {table: s.csv, attributes: {age: y}}\n",
            "attribute 'age' is in attributes and in speakers.attributes",
        ),
        (GOOD + "speakers: {table: s.csv, attributes: {}}\n", "speakers.attributes is {}"),
        (GOOD + "sample_rate: 8000\n", "sample_rate is given, but unit is 'seconds'"),
        (GOOD + "unit: frames\n", "unit is 'frames', but must be 'seconds' or 'samples'"),
        (GOOD + "sha256: abc\n", "sha256 is 'abc'"),
        (GOOD + "text: {keep: ABC}\n", "text.keep holds 'A'; list lower-case characters"),
        (GOOD + "split: {column: s, values: {a: train, b: dev}}\n", "split.values gives no test"),
        (GOOD + "split: {column: s, values: {a: training}}\n", "split.values.a is 'training'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(corpora, text, sentence):
    (corpora / "bad.yaml").write_text(text)
    with pytest.raises(ParamsError) as raised:
        read_kind("bad", corpora)
        read_table_description("bad", corpora)
    assert sentence in str(raised.value)
    assert "bad.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_all_five_splits_make_a_split_column(corpora):
    (corpora / "split.yaml").write_text(GOOD + f"split: {{column: s, {FIVE}}}\n")
    assert read_table_description("split", corpora).split.values["c"] == "discovery"
