"""What a cohort rule may look at: what it declares, for every utterance, and nothing that gives the answer away."""

import numpy as np
import pandas as pd

from isogloss.cohorts.automatic import SpeakerClusters
from isogloss.cohorts.inputs import table_inputs, voice_inputs
from isogloss.config.components import RuleComponent
from isogloss.config.registry import names

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
    table = table_inputs(UTTERANCES, ZIPS)["geodemographic"]
    assert table.columns.tolist() == ["utterance_id", "speaker_id", "split", "percent_white", "median_age"]
    assert table["utterance_id"].tolist() == UTTERANCES["utterance_id"].tolist()
    assert table["percent_white"].fillna(-1).tolist() == [61.5, 61.5, -1, -1]
    assert table["median_age"].fillna(-1).tolist() == [40, 40, -1, -1]


def test_a_corpus_without_a_table_of_zips_offers_identifiers_alone():
    empty = pd.DataFrame({"zip": pd.Series(dtype="str")})
    assert table_inputs(UTTERANCES, empty)["geodemographic"].columns.tolist() == [
        "utterance_id",
        "speaker_id",
        "split",
    ]


def test_no_rule_sees_references_or_the_zip_itself():
    for rule, table in table_inputs(UTTERANCES, ZIPS).items():
        assert not {"ref", "zip"} & set(table.columns), rule


def test_every_rule_gets_its_inputs_from_the_tables_or_from_the_voices():
    vectors = UTTERANCES[["utterance_id", "speaker_id", "split"]].assign(vector=[np.ones(2)] * len(UTTERANCES))
    tables, voices = table_inputs(UTTERANCES, ZIPS), voice_inputs(vectors)
    assert sorted([*tables, *voices]) == names(RuleComponent)


def test_positions_and_every_other_column_of_text_go_to_the_rules_that_name_them():
    inputs = table_inputs(UTTERANCES, ZIPS)
    assert inputs["geographic"].columns.tolist()[3:] == ["latitude", "longitude"]
    assert inputs["attribute"].columns.tolist()[3:] == ["age_band"]


def test_a_column_that_the_corpus_lacks_is_left_out():
    inputs = table_inputs(UTTERANCES.drop(columns="longitude"), ZIPS)
    assert inputs["geographic"].columns.tolist()[3:] == ["latitude"]


def test_the_inputs_of_the_automatic_rule_are_what_it_takes():
    rng = np.random.default_rng(1)
    embeddings = UTTERANCES[["utterance_id", "speaker_id", "split"]].assign(vector=list(rng.normal(size=(4, 5))))
    inputs = voice_inputs(embeddings)["automatic"]
    rule = SpeakerClusters(n_clusters=2)
    columns = rule.input_columns(list(inputs.columns))
    assert columns == ["e000", "e001", "e002", "e003", "e004"]
    np.testing.assert_array_equal(inputs[columns].to_numpy(), np.stack(embeddings["vector"]))
    rule.fit(inputs[columns], rng.uniform(size=len(inputs)), groups=inputs["speaker_id"])
    assert set(rule.predict(inputs[columns], groups=inputs["speaker_id"])) == {"voice-01", "voice-02"}
