"""Settings judged over seeds and speakers: against sums by hand, and a planted improvement."""

import json

import numpy as np
import pandas as pd
import pytest

from isogloss.config import load_sweep
from isogloss.errors import ParamsError, PipelineError
from isogloss.studies.systems import systems
from isogloss.studies.writing import table_rows, write_study

EXPERIMENT = """
description: Which encoder?
grid: {{asr.learning_rate: [0.001, 0.002]}}
seeds: {{asr.seed: [1, 2, 3]}}
study: {{reference: {reference}, figures: {{cost: "cost.json:flops"}}, x: cost}}
"""


@pytest.fixture
def sweep(tmp_path):
    (tmp_path / "params.yaml").write_text("{}")

    def make(reference="'0.001'"):
        path = tmp_path / "rates.yaml"
        path.write_text(EXPERIMENT.format(reference=reference))
        return load_sweep(path, params=tmp_path / "params.yaml")

    return make


@pytest.fixture
def tables(tmp_path, sweep):
    """Result tables in which the second setting makes exactly 20 % fewer errors; one row of another split."""
    generator = np.random.default_rng(1)
    speakers = [f"s{number:02}" for number in range(30) for _ in range(4)]
    weights = np.repeat(generator.uniform(0.5, 2.0, 30), 4)
    base = {seed: 10 * generator.poisson(1 + seed, len(speakers)) for seed in (1, 2, 3)}
    found = {}
    for run in sweep().runs:
        errors = base[run.overrides["asr.seed"]] * (8 if run.overrides["asr.learning_rate"] == 0.002 else 10) // 10
        table = pd.DataFrame(
            {
                "utterance_id": [f"u{number}" for number in range(len(speakers))],
                "speaker_id": speakers,
                "split": "test",
                "weight": weights,
                "words": 100,
                "substitutions": errors,
                "deletions": 0,
                "insertions": 0,
            }
        )
        other = table.head(1).assign(utterance_id="other", split="dev", substitutions=100)
        found[run.name] = tmp_path / f"{run.name}.parquet"
        pd.concat([table, other]).to_parquet(found[run.name])
    return found


def test_rates_are_weighted_sums_over_all_seeds_of_the_test_split(sweep, tables):
    rows = systems(sweep(), tables, lambda run, metric: 7.0)
    errors = words = 0.0
    for run in sweep().runs[:3]:
        table = pd.read_parquet(tables[run.name]).query("split == 'test'")
        errors += (table["weight"] * table["substitutions"]).sum()
        words += (table["weight"] * table["words"]).sum()
    assert [row.setting for row in rows] == ["0.001", "0.002"] and rows[0].runs == 3
    assert rows[0].rate.value == pytest.approx(errors / words)
    assert rows[0].rate.low < rows[0].rate.value < rows[0].rate.high


def test_a_change_is_paired_by_seed_and_speaker(sweep, tables):
    rows = systems(sweep(), tables, lambda run, metric: 7.0)
    assert rows[0].change is None
    change = rows[1].change
    assert change.value == pytest.approx(-0.2) and change.low == pytest.approx(-0.2) == pytest.approx(change.high)


def test_figures_are_means_over_runs_and_missing_where_one_is(sweep, tables):
    rows = systems(sweep(), tables, lambda run, _: float(run[-1]) if "0.002" in run or run[-1] != "3" else None)
    assert rows[0].figures == {"cost": None} and rows[1].figures == {"cost": 2.0}


def test_unfinished_runs_leave_fewer_pairs_and_none_is_refused(sweep, tables):
    some = {run: path for run, path in tables.items() if not run.endswith("0.002-3")}
    rows = systems(sweep(), some, lambda run, metric: 1.0)
    assert rows[1].runs == 2 and rows[1].change.value == pytest.approx(-0.2)
    with pytest.raises(PipelineError, match="isogloss sweep"):
        systems(sweep(), {}, lambda run, metric: 1.0)
    with pytest.raises(PipelineError, match="reference rates-moon has no finished run"):
        systems(sweep("moon"), tables, lambda run, metric: 1.0)


def test_an_axis_that_is_no_figure_is_refused(sweep, tmp_path):
    (tmp_path / "bad.yaml").write_text("{description: bad, study: {x: cost}}")
    with pytest.raises(ParamsError, match=r"study.x names 'cost', which is not in study.figures"):
        load_sweep(tmp_path / "bad.yaml", params=tmp_path / "params.yaml")


def test_a_study_is_written_as_a_page_numbers_and_a_picture(sweep, tables, tmp_path):
    rows = systems(sweep(), tables, lambda run, metric: 1e6 * (1 + ("0.002" in run)))
    page, numbers, picture = write_study(sweep(), rows, ["f" * 40, "0" * 40], tmp_path / "docs")
    _, cells = table_rows(sweep(), rows)
    assert all(" | ".join(row) in page.read_text() for row in cells)
    assert "isogloss study" in page.read_text() and "rates.svg" in page.read_text()
    assert "Runs were made at ffffffffff, 0000000000." in page.read_text()
    assert '"setting": "0.002"' in numbers.read_text()
    assert json.loads(numbers.read_text())["revisions"] == ["f" * 40, "0" * 40]
    assert picture.read_text().count("<path d=") >= 2 and "Which encoder?" in picture.read_text()


@pytest.mark.parametrize(("run", "pair"), [("rates-0.001-2", "rates-0.001-1 and"), ("rates-0.002-1", "are on")])
def test_as_many_other_speakers_are_not_taken_for_the_same(sweep, tables, run, pair):
    table = pd.read_parquet(tables[run])
    table["speaker_id"] = table["speaker_id"].replace("s07", "t07")
    table.to_parquet(tables[run])
    with pytest.raises(PipelineError, match=f"{pair}.* different test speakers"):
        systems(sweep(), tables, lambda run, metric: 1.0)
