"""Claims judged on runs in which the truth is planted."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from isogloss.config.claim import Claim
from isogloss.config.experiment import PlanParams, load_sweep
from isogloss.errors import PipelineError
from isogloss.judging.statistics import Estimate, mean_over_seeds
from isogloss.judging.statistics import estimands as of
from isogloss.studies.claims import Finding, p_value, read_claims, with_verdicts
from isogloss.studies.claims_page import Provenance
from isogloss.studies.deciding import mean_by_deciding_speakers
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


PLAN = PlanParams()
MADE = Provenance("0123abcd", ["f" * 40], {"c-1": "d1"})


def found(measure, runs=5, **given):
    return judge([claim(measure=measure, **given)], [run_with(seed, FACTORS) for seed in range(runs)], PLAN)[0]


def sweep_of(tmp_path):
    """An experiment file with a plan."""
    path = tmp_path / "c.yaml"
    path.write_text("description: d\nplan: {base_models: 3}\nseeds: {asr.seed: [1]}\n")
    (tmp_path / "params.yaml").write_text("{}")
    return load_sweep(path, params=tmp_path / "params.yaml")


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


def test_a_planted_gain_is_supported_and_its_opposite_contradicted():
    assert found("worst").verdict == "supported"
    assert found("overall", against="finetune").verdict == "supported"
    assert found("worst", says="not_lower", margin=0.05).verdict == "contradicted"


def test_with_fewer_base_models_than_planned_nothing_is_supported():
    few = found("worst", runs=4)
    assert few.p < 0.05 and few.verdict == "inconclusive"


def test_a_p_value_is_where_the_interval_reaches_the_limit():
    # Student's t with 7 degrees of freedom: mean -0.1, standard error 0.04.
    def estimate(level):
        reach = 0.04 * student.ppf(0.5 + level / 2, 7)
        return Estimate(-0.1, -0.1 - reach, -0.1 + reach)

    for limit in (0.0, 0.02, -0.15):
        expected = 2 * student.sf(abs(-0.1 - limit) / 0.04, 7)
        assert p_value(estimate, limit) == pytest.approx(expected, rel=1e-6)
    assert p_value(lambda level: Estimate(-0.1, None, None), 0.0) is None


def test_verdicts_follow_holm_over_the_claims_of_a_paper():
    def finding(paper, value, p, **given):
        about = Claim(id="c", paper=paper, text="t", method="ewc", measure="overall", **given)
        return Finding(about, Estimate(value, value - 0.1, value + 0.1), Estimate(None, None, None), p, 5, 5)

    findings = [
        finding("a", -0.1, 0.02), finding("b", -0.1, 0.03), finding("a", 0.1, 0.02), finding("a", -0.1, 0.6),
        finding("c", 0.01, 0.04, says="not_higher", margin=0.05),
        finding("c", -0.2, 0.02, says="not_lower", margin=0.1),
    ]  # fmt: skip
    judged = with_verdicts(findings, PLAN)
    # By hand: three claims of paper a, so 0.02 becomes 0.06; one of b keeps 0.03; of c 0.02 * 2 and 0.04.
    assert [f.adjusted for f in judged] == pytest.approx([0.06, 0.03, 0.06, 0.6, 0.04, 0.04])
    assert [f.verdict for f in judged] == [
        "inconclusive", "supported", "inconclusive", "inconclusive", "supported", "contradicted",
    ]  # fmt: skip


def test_no_claim_is_borne_out_where_nothing_was_planted_beyond_the_level():
    nothing = {"ewc": (1.0, 1.0, 1.0), "finetune": (1.0, 1.0, 1.0)}
    claims = [claim(measure="overall"), claim(measure="worst"), claim(measure="worst", against="finetune")]
    decided = 0
    for study in range(8):
        runs = [run_with(1000 * study + seed, nothing, speakers=25) for seed in range(5)]
        decided += any(f.verdict != "inconclusive" for f in judge(claims, runs, PLAN))
    assert decided <= 2  # family-wise 0.05: more than 2 of 8 has a probability of 0.6 %


def test_the_published_figure_is_judged_for_itself():
    within = found("worst", published=-0.2)
    assert within.published == "compatible" and found("worst", published=-0.6).published == "excluded"
    assert found("worst").published is None


def test_both_estimands_stand_side_by_side():
    heavy = [
        JudgedRun(
            {name: table.assign(weight=np.repeat([0.1, 1.0, 1.9], 40)) for name, table in run.tables.items()},
            run.assignments,
            run.summary,
        )
        for run in (run_with(seed, FACTORS) for seed in range(5))
    ]
    (population,) = judge([claim()], heavy, PLAN)
    (speakers,) = judge([claim()], heavy, PlanParams(estimand="speakers"))
    assert (population.change, population.other) == (speakers.other, speakers.change)
    assert population.change.value == pytest.approx(-0.2 * 4 / (4 + 20 + 19), abs=0.03)
    assert population.other.value == pytest.approx(-0.2 * 40 / 70, abs=0.03)


def test_runs_with_cohorts_of_their_own_are_averaged():
    one, other = run_with(1, FACTORS), run_with(2, FACTORS, speakers=30)
    change = judge([claim(measure="worst")], [one, other], PLAN)[0].change
    alone = [judge([claim(measure="worst")], [run], PLAN)[0].change for run in (one, other)]
    mean = np.expm1(np.mean([np.log1p(each.value) for each in alone]))
    assert change.value == pytest.approx(mean) and alone[0].interval is None and change.interval is not None


def test_claims_of_systems_that_were_not_run_are_left_out_and_no_run_is_refused():
    assert judge([claim(method="arw")], [run_with(1, FACTORS)], PLAN) == []
    with pytest.raises(PipelineError, match="no run is finished"):
        judge(read_claims("recognition"), [], PLAN)


def test_the_published_figures_are_those_of_the_abstracts():
    published = {each.id: each.published for each in read_claims("recognition")}
    assert (
        published["ewc-worst"] == -0.032 and published["ewc-overall"] == -0.013 and published["ewc-variance"] == -0.079
    )
    assert len(published) == len(read_claims("recognition"))


def test_the_page_has_a_row_a_claim_a_picture_and_the_plan(tmp_path):
    runs = [run_with(seed, FACTORS) for seed in range(3)]
    findings = judge(read_claims("recognition"), runs, PlanParams(base_models=3))
    sweep = sweep_of(tmp_path)
    stricter = judge(read_claims("recognition"), runs, PlanParams(base_models=3), min_deciding=5)
    page, numbers, picture = write_claims(findings, stricter, runs, sweep, MADE, tmp_path)
    assert len(findings) == 5 and all(" | ".join(finding.cells) in page.read_text() for finding in findings)
    assert page.name == "c-0123abcd.md" and "Plan `0123abcd`" in page.read_text() and "`ffffffffff`" in page.read_text()
    content = json.loads(numbers.read_text())
    assert content["inputs"] == {"c-1": "d1"} and content["claims"][0]["verdict"] == findings[0].verdict
    assert [row["p"] for row in content["by_deciding_speakers"]] == [one.p for one in stricter]
    assert picture.read_text().count("translate(") >= 3
    overall, worst = system_rates(runs)["base"]
    assert overall.value == pytest.approx(0.233, abs=0.02) and worst.value == pytest.approx(0.4, abs=0.04)

    other = Provenance("4567cdef", MADE.revisions, MADE.inputs)
    later = judge(read_claims("recognition"), runs, PLAN)
    second = write_claims(later, later, runs, sweep, other, tmp_path)[0].read_text()
    assert "verdict under plan 0123abcd" in second and page.exists()  # the old table stays, with its verdicts
    row = next(line for line in second.splitlines() if findings[0].claim.text in line)
    assert "inconclusive" in row and row.endswith(f"| {findings[0].verdict} |")


def test_a_claim_without_a_p_value_makes_no_other_claim_easier():
    findings = [Finding(claim(), Estimate(-0.2, -0.3, -0.1), Estimate(None, None, None), p, 5, 5) for p in (0.02, None)]
    first, second = with_verdicts(findings, PLAN)
    assert first.adjusted == pytest.approx(0.04) and second.adjusted is None and second.verdict == "inconclusive"


@pytest.mark.parametrize("heaviest", [1.0, 20.0])
def test_claims_by_deciding_speakers_have_the_degrees_of_freedom_of_a_report(heaviest):
    """Against influences by hand; every eighth speaker weighs as much as said."""
    parts = []
    for seed in range(5):
        run = run_with(seed, FACTORS)
        weight = np.where(np.arange(120) % 8 == 0, heaviest, 1.0)
        tables = {name: table.assign(weight=weight) for name, table in run.tables.items()}
        parts.append(totals_for(JudgedRun(tables, run.assignments, run.summary), "base", "ewc", "worst"))
    logs, errors, deciding, freedom = [], [], [], []
    for (totals_S4,), _ in parts:
        n, sums = len(totals_S4), totals_S4.sum(axis=0)
        influence = (totals_S4 / sums) @ [-1, 1, 1, -1]
        logs.append(np.log(sums) @ [-1, 1, 1, -1])
        errors.append((influence**2).sum() * n / (n - 1))
        deciding.append((influence**2).sum() ** 2 / (influence**4).sum())
        freedom.append(min(n - 1, 2 / (1 / deciding[-1] - 3 / n + 2 / (n - 1))))
    of_speakers, of_bases = np.mean(errors), np.var(logs, ddof=1) / 5
    whole = int(1 / np.mean(1 / np.array(freedom)))
    of_both = (of_speakers + of_bases) ** 2 / (of_speakers**2 / whole + of_bases**2 / 4)
    reach = student.ppf(0.975, of_both) * np.sqrt(of_speakers + of_bases)
    found = mean_by_deciding_speakers(parts, min_deciding=1)
    assert np.log1p([found.low, found.high]) == pytest.approx([np.mean(logs) - reach, np.mean(logs) + reach], rel=1e-6)
    assert found.value == pytest.approx(mean_over_seeds(parts).value)
    decide = 1 / np.mean(1 / np.array(deciding))
    assert mean_by_deciding_speakers(parts, min_deciding=decide + 0.1).interval is None
    assert mean_by_deciding_speakers(parts, min_deciding=decide - 0.1).interval is not None


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


def test_runs_of_one_base_model_are_averaged_and_count_once():
    runs = shared(3)
    assert bases_of(runs) == [0, 0, 0, 3, 3, 3]
    (finding,) = judge([claim()], runs, PlanParams(base_models=2))
    assert (finding.runs, finding.bases) == (6, 2)
    of_base = [
        (np.mean([totals_for(run, "base", "ewc", "overall")[0] for run in part], axis=0), of.relative_change())
        for part in (runs[:3], runs[3:])
    ]
    assert finding.change == mean_over_seeds(of_base)


def test_runs_of_one_base_model_with_other_cohorts_are_refused():
    one, other = shared(2, bases=1)
    moved = JudgedRun(other.tables, other.assignments.assign(cohort="far"), other.summary)
    with pytest.raises(PipelineError, match="runs 1 and 2 share a base model, but not its cohorts"):
        judge([claim()], [one, moved], PLAN)
