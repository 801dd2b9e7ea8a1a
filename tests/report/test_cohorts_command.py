"""`isogloss cohorts` prints the table of the report from the same files."""

import json

import pandas as pd
from click.testing import CliRunner

from isogloss.cli.cohorts import cohorts
from isogloss.report.page import build_report


def test_the_command_prints_the_gaps_that_metrics_hold(repository, monkeypatch):
    build_report(repository.root)
    metrics = json.loads((repository.root / "metrics.json").read_text())["asr"]["base"]
    monkeypatch.chdir(repository.root)
    result = CliRunner().invoke(cohorts)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    for rule in ("geographic", "attribute"):
        start = next(number for number, line in enumerate(lines) if line.startswith(rule))
        for split, line in zip(("discovery", "test"), lines[start : start + 2], strict=True):
            assert split in line
            assert f"{100 * metrics[rule]['relative_gap'][split]:.0f} %" in line
            assert f"{100 * metrics[rule]['bottom_share'][split]:.1f}%" in line
    assert "geographic: bottom lat < 34.1, lon < -103.7; top 37.4 <= lat < 41.0, lon >= -75.2" in lines


def test_a_rule_of_few_speakers_is_named_without_figures(repository, monkeypatch):
    path = repository.root / "cohorts/attribute/assignments.parquet"
    pd.read_parquet(path).assign(cohort="C00").to_parquet(path, index=False)
    monkeypatch.chdir(repository.root)
    assert "no two cohorts that may be shown" in CliRunner().invoke(cohorts).output


def test_what_is_missing_is_one_sentence(repository, monkeypatch):
    (repository.root / "cohorts/attribute/assignments.parquet").unlink()
    monkeypatch.chdir(repository.root)
    result = CliRunner().invoke(cohorts)
    assert result.exit_code == 2
    assert "attribute/assignments.parquet does not exist" in result.output
