"""What each cohort gains or loses by a method: against sums by hand, and a planted gain and cost."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from isogloss.config import load_sweep
from isogloss.errors import PipelineError
from isogloss.judging.statistics import estimands, over_seeds
from isogloss.studies.gains import EVERYBODY, OTHERS, gains
from isogloss.studies.gains_page import gain_cells, write_gains
from isogloss.studies.recognition_claims import JudgedRun

from .test_recognition_claims import run_with

FACTORS = {"finetune": (0.7, 1.0, 1.4), "ewc": (0.8, 1.0, 1.0)}


@pytest.fixture(scope="module")
def runs():
    return {"adapted": [run_with(seed, FACTORS) for seed in range(3)]}


def by(rows):
    return {(row.system, row.group): row for row in rows}


def test_every_group_has_the_change_of_its_summed_errors(runs):
    found = by(gains(runs, min_speakers=20))
    assert {group for _, group in found} == {EVERYBODY, OTHERS, "far", "mid", "near"}
    members = {"far": slice(0, 40), "mid": slice(40, 80), "near": slice(80, 120), EVERYBODY: slice(0, 120)}
    members[OTHERS] = slice(40, 120)
    for (system, group), row in found.items():
        before = sum(run.tables["base"]["substitutions"].to_numpy()[members[group]].sum() for run in runs["adapted"])
        after = sum(run.tables[system]["substitutions"].to_numpy()[members[group]].sum() for run in runs["adapted"])
        assert row.change.value == pytest.approx(after / before - 1, abs=1e-12)
        assert row.before == pytest.approx(before / (3 * 100 * row.speakers), abs=1e-12)
        assert (row.runs, row.worst) == (3, group == "far")


def test_a_planted_gain_and_its_cost_are_both_seen(runs):
    found = by(gains(runs, min_speakers=20))
    assert found["finetune", "far"].change.high < 0 < found["finetune", "near"].change.low
    assert found["ewc", "far"].change.high < 0


def test_intervals_are_those_over_seeds_and_speakers(runs):
    row = by(gains(runs, min_speakers=20))["ewc", "far"]
    totals = [
        [
            np.column_stack(
                [
                    run.tables[name]["substitutions" if kind == "errors" else "words"].to_numpy(float)[:40]
                    for name in ("base", "ewc")
                    for kind in ("errors", "words")
                ]
            )
        ]
        for run in runs["adapted"]
    ]
    expected = over_seeds(totals, estimands.relative_change())
    assert row.change.interval == pytest.approx(expected.interval, abs=1e-12)


def test_with_speakers_alike_weights_play_no_part(runs):
    weights = np.repeat([4.0, 1.0], 20).tolist() + [1.0] * 80
    weighted = [
        JudgedRun(
            {name: table.assign(weight=weights) for name, table in run.tables.items()}, run.assignments, run.summary
        )
        for run in runs["adapted"]
    ]
    plain, found = by(gains(runs, min_speakers=20)), by(gains({"adapted": weighted}, min_speakers=20))
    one = found["ewc", "far"]
    assert one.alike == plain["ewc", "far"].change and one.change.value != one.alike.value


def test_groups_with_few_speakers_have_no_interval_and_no_bound_of_harm(runs):
    row = by(gains(runs, min_speakers=41))["ewc", "near"]
    assert row.change.interval is None and gain_cells(row)[-1] == "not judged"
    assert by(gains(runs, min_speakers=41))["ewc", OTHERS].change.interval is not None


def test_nothing_is_shown_where_a_cohort_is_smaller_than_privacy_allows(runs):
    assert gains(runs, min_speakers=20, fewest=40)
    with pytest.raises(PipelineError, match=r"adapted: a cohort has fewer than 41 test speakers \(privacy"):
        gains(runs, min_speakers=20, fewest=41)


def test_runs_with_other_cohorts_are_refused(runs):
    first, second, _ = runs["adapted"]
    moved = second.assignments.assign(cohort=second.assignments["cohort"].replace("mid", "near"))
    with pytest.raises(PipelineError, match="the runs of adapted have different cohorts"):
        gains({"adapted": [first, JudgedRun(second.tables, moved, second.summary)]}, min_speakers=20)
    with pytest.raises(PipelineError, match="no run is finished"):
        gains({}, min_speakers=20)


def test_page_numbers_and_picture_say_the_same(runs, tmp_path):
    (tmp_path / "params.yaml").write_text("{}")
    (tmp_path / "recorded.yaml").write_text("{description: Who gains?, study: {cohorts: attribute}}")
    sweep = load_sweep(tmp_path / "recorded.yaml", params=tmp_path / "params.yaml")
    rows = gains(runs, min_speakers=20)
    page, numbers, picture = write_gains(sweep, rows, ["a" * 40], tmp_path)
    text = page.read_text()
    assert all(" | ".join(gain_cells(row)) in text for row in rows) and "far (worst on discovery)" in text
    content = json.loads(numbers.read_text())
    assert content["rows"][0]["change"]["value"] == rows[0].change.value and content["revisions"] == ["a" * 40]
    assert "adapted: finetune" in picture.read_text()


def test_runs_on_other_test_speakers_are_not_averaged_row_by_row(runs):
    """As many speakers, in the same cohorts, of another division into splits."""
    here, there = runs["adapted"][:2]
    assigned = [here.assignments, here.assignments.assign(utterance_id="v" + here.assignments["utterance_id"])]
    both = pd.concat(assigned, ignore_index=True)
    others = {
        name: table.assign(utterance_id="v" + table["utterance_id"], speaker_id="t" + table["speaker_id"])
        for name, table in there.tables.items()
    }
    judged = [replace(here, assignments=both), replace(there, assignments=both, tables=others)]
    with pytest.raises(PipelineError, match="different test speakers"):
        gains({"adapted": judged}, min_speakers=20)


def test_a_change_that_one_speaker_decides_has_no_interval(runs):
    """In every run the method loses one speaker's speech, who makes most of the errors of their cohort then."""

    def lost(run):
        table = run.tables["ewc"].copy()
        table.loc[table["speaker_id"] == "s0", "insertions"] = 3000
        return replace(run, tables={**run.tables, "ewc": table})

    found = by(gains({"adapted": [lost(run) for run in runs["adapted"]]}, min_speakers=20, min_deciding=5.0))
    for group, judged in (("far", False), (EVERYBODY, False), ("mid", True), ("near", True)):
        assert (found["ewc", group].change.interval is not None) == judged
    assert found["finetune", "far"].change.interval is not None
    assert "not judged" in gain_cells(found["ewc", "far"])
