"""Gaps of cohort rules: against sums by hand, leaving speakers out of the tables, and a planted difference."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from isogloss.config import load_sweep
from isogloss.config.claim import Claim
from isogloss.config.experiment import PlanParams
from isogloss.errors import ParamsError, PipelineError
from isogloss.studies.claims_page import Provenance
from isogloss.studies.recognition_claims import JudgedRun
from isogloss.studies.rule_claims import judge_rules, rule_rows
from isogloss.studies.rule_page import write_rule_claims

# Ten dialects of 12 speakers; the first two have three times the errors. `automatic` finds them, the other one in part.
DIALECT = np.repeat(np.arange(10), 12)
RULES = {
    "automatic": np.where(DIALECT < 2, "bad", "good"),
    "geographic": np.where((np.arange(120) % 12 < 4) | (DIALECT == 0), "west", "east"),
}
CLAIM = Claim(
    id="c", paper="p", text="Voices beat places", method="geographic", against="automatic", measure="gap", unit="points"
)


def run_with(base, without=()):
    """A base model with the cohorts of both rules."""
    generator = np.random.default_rng(base)
    errors = generator.poisson(np.where(DIALECT < 2, 90, 30))
    table = pd.DataFrame(
        {"utterance_id": [f"u{n}" for n in range(120)], "speaker_id": [f"s{n:03}" for n in range(120)]}
    )
    table = table.assign(split="test", weight=np.linspace(0.5, 1.5, 120), ref="word", words=1000)
    table = table.assign(substitutions=errors, deletions=0, insertions=0)
    kept = table[~table["speaker_id"].isin(without)]
    ranked = {"automatic": ["bad", "good"], "geographic": ["west", "east"]}
    return {
        rule: JudgedRun({"base": kept}, table[["utterance_id"]].assign(cohort=cohorts), {"worst": ranked[rule]})
        for rule, cohorts in RULES.items()
    }


def difference(runs, **given):
    return judge_rules([CLAIM], runs, PlanParams(**given), min_speakers=2, min_deciding=1)[0]


def gap_by_hand(run, rule, *, alike=False):
    table, (bottom, top) = run[rule].tables["base"], run[rule].summary["worst"]
    weight = 1.0 if alike else table["weight"]
    cohort = table["utterance_id"].map(run[rule].assignments.set_index("utterance_id")["cohort"])
    errors, words = (
        (table["substitutions"] * weight).groupby(cohort).sum(),
        (table["words"] * weight).groupby(cohort).sum(),
    )
    return errors[bottom] / words[bottom] / (errors[top] / words[top]) - 1, words[bottom] / words.sum()


def test_gap_and_share_are_means_of_ratios_of_sums():
    runs = [run_with(base) for base in range(5)]
    for row in rule_rows(runs, min_speakers=2, min_deciding=1):
        by_hand = np.mean([gap_by_hand(run, row.rule) for run in runs], axis=0)
        assert [row.gap.value, row.share.value] == pytest.approx(list(by_hand))
    found, alike = difference(runs), difference(runs, estimand="speakers")
    by_hand = [gap_by_hand(run, "geographic")[0] - gap_by_hand(run, "automatic")[0] for run in runs]
    assert found.change.value == pytest.approx(np.mean(by_hand)) and alike.other == found.change
    by_hand = [
        gap_by_hand(run, "geographic", alike=True)[0] - gap_by_hand(run, "automatic", alike=True)[0] for run in runs
    ]
    assert found.other.value == pytest.approx(np.mean(by_hand)) == alike.change.value


def test_the_planted_difference_is_found_and_needs_its_base_models():
    runs = [run_with(base) for base in range(5)]
    assert difference(runs).verdict == "supported" and difference(runs).bases == 5
    assert difference(runs[:4]).verdict == "inconclusive"
    opposite = CLAIM.model_copy(update={"method": "automatic", "against": "geographic"})
    assert judge_rules([opposite], runs, PlanParams(), min_speakers=2, min_deciding=1)[0].verdict == "contradicted"


def test_the_error_over_speakers_is_that_of_leaving_each_out():
    runs = [run_with(base) for base in range(3)]
    without = [difference([run_with(base, without=[f"s{n:03}"]) for base in range(3)]).change.value for n in range(120)]
    of_bases = [gap_by_hand(run, "geographic")[0] - gap_by_hand(run, "automatic")[0] for run in runs]
    influence = np.array(without) - np.mean(without)
    deciding = (influence**2).sum() ** 2 / (influence**4).sum()
    own = int(min(119, 2 / (1 / deciding - 3 / 120 + 2 / 119)))
    variances = np.array([119 * np.var(without), np.var(of_bases, ddof=1) / 3])
    freedom = variances.sum() ** 2 / (variances**2 / np.array([own, 2])).sum()
    reach = student.ppf(0.975, freedom) * np.sqrt(variances.sum())
    found = difference(runs).change
    assert [found.low, found.high] == pytest.approx([found.value - reach, found.value + reach])


def test_too_few_deciding_speakers_have_no_interval():
    runs = [run_with(base) for base in range(5)]
    few = judge_rules([CLAIM], runs, PlanParams(), min_speakers=2, min_deciding=100)[0]
    assert few.change.value is not None and few.change.interval is None and few.verdict == "inconclusive"


def test_cohorts_that_are_too_small_have_no_part():
    runs = [run_with(base) for base in range(5)]
    few = judge_rules([CLAIM], runs, PlanParams(), min_speakers=40, min_deciding=1)[0]
    assert few.change.value is None and few.verdict is None  # `bad` has 24 speakers, so `automatic` has no gap


def test_runs_that_cannot_be_crossed_are_refused():
    with pytest.raises(PipelineError, match="isogloss sweep"):
        difference([])
    with pytest.raises(PipelineError, match="two runs have the same base model"):
        difference([run_with(1), run_with(1)])
    with pytest.raises(PipelineError, match="different test speakers"):
        difference([run_with(1), run_with(2, without=["s000"])])


FILE = """
description: Which rule?
seeds: {asr.seed: [1]}
plan: {}
study:
  rules: [automatic, geographic]
  claims:
    - {id: c, paper: p, text: Voices beat places, method: geographic, against: automatic, measure: gap, unit: points}
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("method: geographic", "method: place"), "the claim c is about 'place', which is not in study.rules"),
        (("seeds:", "base: {cohorts.rules: [geographic]}\nseeds:"), "'automatic', which is not in its cohorts.rules"),
        (("measure: gap", "measure: rate"), "the claim c compares rules; give it `measure: gap, unit: points`"),
    ],
)
def test_claims_about_rules_are_checked(tmp_path, change, message):
    (tmp_path / "params.yaml").write_text("{}")
    (tmp_path / "rules.yaml").write_text(FILE.replace(*change))
    with pytest.raises(ParamsError, match=message):
        load_sweep(tmp_path / "rules.yaml", params=tmp_path / "params.yaml")


def test_the_page_has_the_claim_and_the_rules(tmp_path):
    (tmp_path / "params.yaml").write_text("{}")
    (tmp_path / "rules.yaml").write_text(FILE)
    sweep = load_sweep(tmp_path / "rules.yaml", params=tmp_path / "params.yaml")
    runs = [run_with(base) for base in range(5)]
    findings = judge_rules(sweep.experiment.study.claims, runs, PlanParams(), min_speakers=2, min_deciding=1)
    rows = rule_rows(runs, min_speakers=2, min_deciding=1)
    made = Provenance("0" * 8, ["f" * 40], {})
    page, numbers = write_rule_claims(findings, rows, 5, sweep, made, tmp_path / "docs")
    assert " | ".join(findings[0].cells) in page.read_text() and "| automatic | " in page.read_text()
    assert json.loads(numbers.read_text())["rules"][0]["rule"] == "automatic"
