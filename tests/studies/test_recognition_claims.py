"""Claims judged on runs in which the truth is planted."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isogloss.errors import PipelineError
from isogloss.judging.statistics import Estimate, mean_over_seeds
from isogloss.studies.claims import Claim, read_claims
from isogloss.studies.recognition_claims import JudgedRun, bases_of, judge, totals_for
from isogloss.studies.recognition_page import system_rates, write_claims


def run_with(seed, factors, speakers=40):
    """Three cohorts with rates of about 40, 20 and 10 %; `factors` scale a system's errors, by cohort."""
    generator = np.random.default_rng(seed)
    cohorts = np.repeat(["far", "mid", "near"], speakers)
    base = generator.poisson(np.repeat([40, 20, 10], speakers) * generator.gamma(9, 1 / 9, 3 * speakers))
    tables = {}
    for system, by_cohort in {"base": (1.0, 1.0, 1.0), **factors}.items():
        scale = np.repeat(by_cohort, speakers) * np.exp(0.02 * generator.normal())
        errors = base if system == "base" else generator.binomial(2 * base, np.minimum(scale / 2, 1))
        tables[system] = pd.DataFrame(
            {
                "utterance_id": [f"u{n}" for n in range(3 * speakers)],
                "speaker_id": [f"s{n}" for n in range(3 * speakers)],
                "split": "test",
                "weight": 1.0,
                "ref": "word",
                "words": 100,
                "substitutions": errors,
                "deletions": 0,
                "insertions": 0,
            }
        )
    assignments = pd.DataFrame({"utterance_id": tables["base"]["utterance_id"], "cohort": cohorts})
    return JudgedRun(tables, assignments, {"worst": ["far", "mid", "near"]})


FACTORS = {"ewc": (0.8, 1.0, 1.0), "finetune": (0.8, 1.3, 1.5)}


def claim(**given):
    return Claim(id="c", paper="p", text="t", **{"method": "ewc", "measure": "overall", **given})


def found(measure, runs=5, **given):
    return judge([claim(measure=measure, **given)], [run_with(seed, FACTORS) for seed in range(runs)])[0]


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("worst", -0.2),
        ("overall", -0.2 * 40 / 70),
        ("gap", (0.8 * 40 / 10 - 1) / 3 - 1),
        ("variance", np.var([32, 20, 10]) / np.var([40, 20, 10]) - 1),
    ],
)
def test_each_measure_finds_the_planted_change_within_its_interval(measure, expected):
    change = found(measure).change
    assert change.low < expected < change.high and abs(change.value - expected) < 0.06


def test_a_planted_gain_is_reproduced_and_its_opposite_is_not():
    assert found("worst").verdict == "reproduced"
    assert found("overall", against="finetune").verdict == "reproduced"
    assert found("overall", method="finetune").verdict == "not reproduced"


def test_verdicts_follow_the_interval():
    lower, higher, floor = claim(), claim(says="not_higher", margin=0.02), claim(says="not_lower", margin=0.05)
    assert lower.verdict(Estimate(-0.1, -0.2, -0.01)) == "reproduced"
    assert lower.verdict(Estimate(-0.1, -0.2, 0.01)) == "direction only"
    assert lower.verdict(Estimate(0.1, -0.2, 0.3)) == "not reproduced"
    assert (
        lower.verdict(Estimate(-0.1, None, None)) == "direction only"
        and lower.verdict(Estimate(None, None, None)) is None
    )
    assert higher.verdict(Estimate(0.0, -0.02, 0.015)) == "reproduced"
    assert higher.verdict(Estimate(0.01, -0.02, 0.03)) == "direction only"
    assert higher.verdict(Estimate(0.03, -0.02, 0.05)) == "not reproduced"
    assert floor.verdict(Estimate(0.0, -0.04, 0.1)) == "reproduced"
    assert floor.verdict(Estimate(-0.06, -0.2, 0.1)) == "not reproduced"


def test_runs_with_cohorts_of_their_own_are_averaged():
    one, other = run_with(1, FACTORS), run_with(2, FACTORS, speakers=30)
    change = judge([claim(measure="worst")], [one, other])[0].change
    alone = [judge([claim(measure="worst")], [run])[0].change for run in (one, other)]
    mean = np.expm1(np.mean([np.log1p(each.value) for each in alone]))
    assert change.value == pytest.approx(mean) and alone[0].interval is None and change.interval is not None


def test_claims_of_systems_that_were_not_run_are_left_out_and_no_run_is_refused():
    assert judge([claim(method="arw")], [run_with(1, FACTORS)]) == []
    with pytest.raises(PipelineError, match="no run is finished"):
        judge(read_claims("recognition"), [])


def test_the_published_figures_are_those_of_the_abstracts():
    published = {each.id: each.published for each in read_claims("recognition")}
    assert (
        published["ewc-worst"] == -0.032 and published["ewc-overall"] == -0.013 and published["ewc-variance"] == -0.079
    )
    assert len(published) == len(read_claims("recognition"))


def test_the_page_has_a_row_a_claim_and_a_picture_of_all_systems(tmp_path):
    runs = [run_with(seed, FACTORS) for seed in range(3)]
    findings = judge(read_claims("recognition"), runs)
    page, numbers, picture = write_claims(findings, runs, Path("experiments/c.yaml"), tmp_path)
    assert len(findings) == 5 and all(" | ".join(finding.cells) in page.read_text() for finding in findings)
    assert '"verdict"' in numbers.read_text() and picture.read_text().count("translate(") >= 3
    overall, worst = system_rates(runs)["base"]
    assert overall.value == pytest.approx(0.233, abs=0.02) and worst.value == pytest.approx(0.4, abs=0.04)


def shared(seeds, bases=2):
    """Runs in which several adapt one base model, whose tables and cohorts are the same."""
    runs = []
    for base in range(bases):
        first = run_with(base, FACTORS)
        for seed in range(seeds):
            generator = np.random.default_rng(100 * base + seed)
            tables = dict(first.tables)
            for system in FACTORS:
                table = tables[system]
                noise = generator.binomial(table["substitutions"] * 2, 0.5)
                tables[system] = table.assign(substitutions=noise)
            shuffled = first.assignments.sample(frac=1, random_state=seed)
            runs.append(JudgedRun(tables, shuffled, first.summary))
    return runs


def test_runs_that_share_base_models_are_told_by_their_tables(tmp_path):
    runs = shared(3)
    assert bases_of(runs) == [0, 0, 0, 3, 3, 3]
    findings = judge([claim()], runs)
    page, numbers, _ = write_claims(findings, runs, Path("experiments/c.yaml"), tmp_path)
    assert "6 runs" in page.read_text() and "given these 2 base models" in page.read_text()
    assert findings[0].cells[-1] == "reproduced on these 2 base models"
    content = json.loads(numbers.read_text())
    assert [content["runs"], content["base_models"], content["given_base_models"]] == [6, 2, True]
    parts = [totals_for(run, "base", "ewc", "overall") for run in runs]
    assert findings[0].change == mean_over_seeds(parts, bases="aaabbb") != mean_over_seeds(parts)


def test_runs_with_base_models_of_their_own_are_judged_as_ever(tmp_path):
    runs = [run_with(seed, FACTORS) for seed in range(3)]
    page, numbers, _ = write_claims(judge([claim()], runs), runs, Path("experiments/c.yaml"), tmp_path)
    assert "given" not in page.read_text()
    assert json.loads(numbers.read_text())["given_base_models"] is False


def test_runs_of_one_base_model_with_other_cohorts_are_refused():
    one, other = shared(2, bases=1)
    moved = JudgedRun(other.tables, other.assignments.assign(cohort="far"), other.summary)
    with pytest.raises(PipelineError, match="runs 1 and 2 share a base model, but not its cohorts"):
        judge([claim()], [one, moved])
