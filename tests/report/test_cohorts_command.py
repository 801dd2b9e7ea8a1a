"""`isogloss cohorts` where something is missing or too small; its table is tested in `tests/micro/test_commands.py`."""

import pandas as pd
from click.testing import CliRunner

from isogloss.cli.cohorts import cohorts
from isogloss.judging import Document


def test_a_rule_of_few_speakers_is_named_without_figures(repository, monkeypatch):
    path = repository.root / "cohorts/attribute/assignments.parquet"
    pd.read_parquet(path).assign(cohort="C00").to_parquet(path, index=False)
    monkeypatch.chdir(repository.root)
    assert "no two cohorts that may be shown" in CliRunner().invoke(cohorts).output


def test_json_is_the_document_of_the_base_system(repository, monkeypatch):
    monkeypatch.chdir(repository.root)
    document = Document.model_validate_json(CliRunner().invoke(cohorts, ["--json"]).output)
    assert document.systems == ["base"]
    summary = repository.read("cohorts/attribute/summary.json")
    assert {one.label for one in document.grouping("attribute").cohorts} == {one["label"] for one in summary["cohorts"]}


def test_what_is_missing_is_one_sentence(repository, monkeypatch):
    (repository.root / "cohorts/attribute/assignments.parquet").unlink()
    monkeypatch.chdir(repository.root)
    result = CliRunner().invoke(cohorts)
    assert result.exit_code == 2
    assert "attribute/assignments.parquet does not exist" in result.output
