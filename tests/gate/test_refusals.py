"""What does not fit together ends with one sentence, code 2, and no file written."""

import pytest
from click.testing import CliRunner

from isogloss.cli import main

EQUAL = {"north": 0.2, "south": 0.2}


def refused(path, said: str) -> None:
    output = path.parent / "result.json"
    result = CliRunner().invoke(main, ["gate", str(path), "--json", str(output)])
    assert result.exit_code == 2, result.output
    assert said in result.stderr and result.stderr.count("\n") == 1
    assert not output.exists()


@pytest.fixture
def tables(make):
    few = {"speakers": 6, "utterances": 1}
    return make(EQUAL, seed=1, **few), make(EQUAL, seed=2, **few)


def test_other_utterances(tables, gate_file):
    base, new = tables
    refused(gate_file(base, new.iloc[1:]), "1 utterance ids differ: 1 only in the baseline, 0 only in the candidate")
    missing = new.drop(columns="utterance_id")
    refused(gate_file(base, missing), "column 'utterance_id' is missing")


@pytest.mark.parametrize(
    ("column", "value", "said"), [("ref", "other words", "reference"), ("speaker_id", "z", "speaker")]
)
def test_other_references_or_speakers(tables, gate_file, column, value, said):
    base, new = tables
    new.loc[3, column] = value
    refused(gate_file(base, new), f"1 utterances have another {said} in the candidate's table")


def test_other_weights(tables, gate_file):
    base, new = tables
    refused(gate_file(base.assign(weight=1.0), new.assign(weight=2.0)), "12 utterances have another weight")


def test_references_may_differ_in_what_normalisation_removes(tables, gate_file):
    base, new = tables
    path = gate_file(base, new.assign(ref=new["ref"].str.upper()), normalise=["lower"], unjudged="allowed")
    result = CliRunner().invoke(main, ["gate", str(path)])
    assert result.exit_code != 2, result.stderr


def test_the_same_file_or_the_same_hypotheses(tables, gate_file):
    base, new = tables
    refused(gate_file(base, new, candidate="base.csv"), "are the same transcripts (base.csv)")
    refused(gate_file(base, base.assign(extra=1)), "have the same hypothesis in all 12 rows")
    allowed = gate_file(base, base.assign(extra=1), identical="allowed", unjudged="allowed")
    assert CliRunner().invoke(main, ["gate", str(allowed)]).exit_code != 2


def test_other_normalisers(tables, gate_file):
    side = {"table": "new.csv", "normalise": ["lower"]}
    refused(gate_file(*tables, candidate=side), "the baseline is normalised by none, the candidate by lower")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"margin": {}}, "a margin has neither relative nor absolute"),
        ({"margin": {"relative": -0.1}}, "margin.relative is -0.1"),
        ({"cohort": ["part"]}, "unknown key 'cohort'; did you mean 'cohorts'?"),
        ({"cohorts": ["gender"]}, "column 'gender' is missing"),
        ({"cohorts": [{"by": "part", "margins": {"nort": {"relative": 0.1}}}]}, "did you mean 'north'?"),
        ({"candidate": "none.csv"}, "none.csv cannot be read: No such file"),
        ({"candidate": {"name": "baseline", "table": "new.csv"}}, "both called 'baseline'"),
        ({"candidate": {"name": "x"}}, "candidate: give either a table, or ref and hyp"),
        ({"normalise": ["lowercase"]}, "known are none, basic"),
        ({"statistics": {"margin": 0.1}}, "statistics.margin is of documents; a gate's margin is `margin`"),
    ],
)
def test_a_gate_that_says_what_cannot_be(tables, gate_file, options, said):
    refused(gate_file(*tables, **options), said)


def test_a_gate_that_does_not_exist(tmp_path):
    refused(tmp_path / "gate.yaml", "gate.yaml does not exist")


@pytest.mark.parametrize("file", ["gate.yaml", "base.csv", "new.csv", "sites.csv", "ledger.jsonl"])
@pytest.mark.parametrize("option", ["--json", "--junit", "--markdown"])
def test_an_output_never_replaces_a_file_of_the_gate(tables, gate_file, option, file):
    base, new = tables
    sites = base[["speaker_id"]].drop_duplicates().assign(site="x")
    ledger = {"file": "ledger.jsonl", "test_set": "a", "releases": 2}
    path = gate_file(base, new, attributes="sites.csv", ledger=ledger)
    sites.to_csv(path.parent / "sites.csv", index=False)
    held = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    # The same file by another spelling of its path.
    result = CliRunner().invoke(main, ["gate", str(path), option, str(path.parent / ".." / path.parent.name / file)])
    assert result.exit_code == 2 and f"{option} " in result.stderr and "would replace" in result.stderr
    assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == held


def test_two_outputs_are_two_files(tables, gate_file):
    path = gate_file(*tables)
    output = path.parent / "result"
    result = CliRunner().invoke(main, ["gate", str(path), "--junit", str(output), "--markdown", str(output)])
    assert result.exit_code == 2 and "--junit and --markdown name the same file" in result.stderr
    assert not output.exists()
