"""Claims that an experiment states about its settings: against sums by hand, SciPy's t test, and planted effects."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from isogloss.config import load_sweep
from isogloss.config.experiment import PlanParams
from isogloss.errors import ParamsError, PipelineError
from isogloss.studies.claims_page import Provenance
from isogloss.studies.plan import plan_digest
from isogloss.studies.system_claims import judge_systems
from isogloss.studies.system_page import write_system_claims
from isogloss.studies.systems import systems

EXPERIMENT = """
description: Which encoder?
runs: [{name: old}, {name: new}, {name: same}]
seeds: {asr.seed: [1, 2, 3, 4, 5]}
plan: {}
study:
  figures: {cost: "cost.json:flops"}
  claims:
    - {id: fewer, paper: ours, text: New is better, method: new, against: old, measure: rate, published: -0.2}
    - {id: worse, paper: ours, text: Old is better, method: old, against: new, measure: rate}
    - {id: alike, paper: ours, text: Same is better, method: same, against: old, measure: rate}
    - {id: cheap, paper: theirs, text: New is cheaper, method: new, against: old, measure: cost}
"""
COSTS = {"old": [10.0, 11.0, 12.0, 10.5, 9.0], "new": [8.0, 9.9, 11.0, 8.5, 8.8], "same": [1.0] * 5}


@pytest.fixture
def sweep(tmp_path):
    (tmp_path / "params.yaml").write_text("{}")

    def make(change=("", "")):
        path = tmp_path / "which.yaml"
        path.write_text(EXPERIMENT.replace(*change))
        return load_sweep(path, params=tmp_path / "params.yaml")

    return make


@pytest.fixture
def tables(tmp_path, sweep):
    """Result tables of 60 speakers; `new` has a fifth fewer errors than `old`, and `same` as many on average."""
    found = {}
    for run in sweep().runs:
        setting, seed = run.setting.removeprefix("which-"), run.overrides["asr.seed"]
        generator = np.random.default_rng([seed, 1 if setting == "same" else 0])
        errors = generator.poisson(40, 60) * (10 - generator.integers(1, 4, 60) * (setting == "new"))
        table = pd.DataFrame({"speaker_id": [f"s{n:02}" for n in range(60)], "split": "test", "words": 1000})
        table = table.assign(substitutions=errors, deletions=0, insertions=0, weight=np.linspace(0.5, 2, 60))
        found[run.name] = tmp_path / f"{run.name}.parquet"
        table.to_parquet(found[run.name])
    return found


def cost(run: str, _: str) -> float:
    """The figure of a run."""
    setting, seed = run.removeprefix("which-").split("-")
    return COSTS[setting][int(seed) - 1]


def judged(sweep, tables, figure=cost, plan=None):
    """Findings by claim."""
    findings = judge_systems(sweep, tables, figure, plan or PlanParams())
    return {finding.claim.id: finding for finding in findings}


def test_planted_effects_are_found_on_the_side_where_they_are(sweep, tables):
    found = judged(sweep(), tables)
    assert {name: one.verdict for name, one in found.items()} == {
        "fewer": "supported",
        "worse": "contradicted",
        "alike": "inconclusive",
        "cheap": "supported",
    }
    assert found["fewer"].published == "compatible"
    assert found["worse"].change.value == pytest.approx(1 / (1 + found["fewer"].change.value) - 1)


def test_both_estimands_are_ratios_of_sums_over_all_seeds(sweep, tables):
    one = judged(sweep(), tables)["alike"]
    for change, weighted in ((one.change, True), (one.other, False)):
        sums = {"old": 0.0, "same": 0.0}
        for setting in sums:
            for seed in range(1, 6):
                table = pd.read_parquet(tables[f"which-{setting}-{seed}"])
                sums[setting] += (table["substitutions"] * (table["weight"] if weighted else 1)).sum()
        assert change.value == pytest.approx(sums["same"] / sums["old"] - 1)
    swapped = judged(sweep(), tables, plan=PlanParams(estimand="speakers"))["alike"]
    assert (swapped.change, swapped.other.value) == (one.other, one.change.value) or swapped.other == one.change


def test_a_figure_is_judged_as_by_students_test_on_the_logarithms_of_its_ratios(sweep, tables):
    one = judged(sweep(), tables)["cheap"]
    test = stats.ttest_1samp(np.log(np.array(COSTS["new"]) / np.array(COSTS["old"])), 0.0)
    bounds = test.confidence_interval(0.95)
    assert one.p == pytest.approx(test.pvalue, rel=1e-4)
    assert one.change.interval == pytest.approx([np.expm1(bounds.low), np.expm1(bounds.high)])
    assert one.other.value is None
    absolute = sweep(("measure: cost}", "measure: cost, unit: absolute}"))
    one = judged(absolute, tables)["cheap"]
    test = stats.ttest_rel(COSTS["new"], COSTS["old"])
    assert one.p == pytest.approx(test.pvalue, rel=1e-4)
    assert one.change.interval == pytest.approx(list(test.confidence_interval(0.95)))
    assert one.cells[3] == "−1.26 (−2.2 to −0.316)"


def test_p_is_the_level_at_which_the_interval_reaches_the_limit(sweep, tables):
    for run, path in tables.items():
        if "same" in run:  # so different that p is small enough for the confidence of a plan
            table = pd.read_parquet(path)
            table.assign(substitutions=table["substitutions"] + 10).to_parquet(path)
    one = judged(sweep(), tables)["alike"]
    at = judged(sweep(), tables, plan=PlanParams(confidence=1 - one.p))["alike"].change
    assert min(abs(at.low), abs(at.high)) == pytest.approx(0.0, abs=1e-6)


def test_fewer_pairs_than_the_plan_wants_are_inconclusive_and_none_is_not_measurable(sweep, tables):
    some = {run: path for run, path in tables.items() if not run.endswith("new-5") and "same" not in run}
    found = judged(sweep(), some)
    assert found["fewer"].verdict == "inconclusive" and found["fewer"].bases == 4
    assert found["alike"].verdict is None and "not measurable" in found["alike"].cells
    with pytest.raises(PipelineError, match="isogloss sweep"):
        judged(sweep(), {})


@pytest.mark.parametrize("number", [0.0, -3.0, None, float("nan")])
def test_a_figure_without_a_relative_change_is_refused(sweep, tables, number):
    with pytest.raises(PipelineError, match=r"claim cheap: cost of run which-(old|new)-2 is .* needs positive numbers"):
        judged(sweep(), tables, lambda run, metric: number if run.endswith("2") else cost(run, metric))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("method: same", "method: sme"),
            "the claim alike is about 'sme', which is no setting of the file; it has new",
        ),
        (("new, against: old, measure: cost", "new, measure: cost"), "the claim cheap is about 'base'"),
        (("measure: cost", "measure: costs"), "the claim cheap measures 'costs', which is neither 'rate' nor in study"),
        (
            ("measure: cost", "measure: cost, unit: points"),
            "cheap measures 'cost' with the unit 'points'; use relative",
        ),
        (("published: -0.2", "unit: absolute"), "fewer measures 'rate' with the unit 'absolute'; use relative"),
        (("id: alike", "id: worse"), "study.claims lists 'worse' twice"),
    ],
)
def test_claims_that_nothing_can_measure_are_refused(sweep, change, message):
    with pytest.raises(ParamsError, match=message):
        sweep(change)


def test_the_page_has_the_claims_the_settings_and_what_an_earlier_plan_said(sweep, tables, tmp_path):
    findings = judge_systems(sweep(), tables, cost, PlanParams())
    rows = systems(sweep(), tables, cost)
    page, numbers = [
        write_system_claims(findings, rows, sweep(), Provenance(plan, ["f" * 40], {}), tmp_path / "docs")
        for plan in ("0" * 8, "1" * 8)
    ][1]
    assert page.name == "which-11111111.md" and "verdict under plan 00000000" in page.read_text()
    assert all(" | ".join(finding.cells) in page.read_text() for finding in findings)
    assert "Made at `ffffffffff`" in page.read_text() and "isogloss claims" in page.read_text()
    assert [row["verdict"] for row in json.loads(numbers.read_text())["claims"]][:2] == ["supported", "contradicted"]


def test_a_changed_study_is_another_plan(sweep):
    first = sweep()
    claims = first.experiment.study.claims
    other = sweep(("cost.json:flops", "cost.json:seconds"))
    assert plan_digest(first.experiment, claims) == plan_digest(sweep().experiment, claims)
    assert plan_digest(first.experiment, claims) != plan_digest(other.experiment, claims)
