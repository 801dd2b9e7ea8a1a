"""Costs at matched gain: paths by hand, planted trade-offs, and errors by leaving speakers out of the tables."""

import json

import numpy as np
import pandas as pd
import pytest

from isogloss.config import load_sweep
from isogloss.config.experiment import MatchedGainParams
from isogloss.errors import ParamsError, PipelineError
from isogloss.studies.matched_gain import Trial, cost_at, matched_gains
from isogloss.studies.matched_gain_page import matched_cells, write_matched_gains
from isogloss.studies.recognition_claims import JudgedRun

ASKED = MatchedGainParams(reference="ewc", gains=[0.1, 0.3], held_back_by=["ewc.strength"])
# Dial -> change of the worst cohort and of the others. Fine-tuning costs half of what it gains; EWC costs nothing.
FINETUNE = {1.0: (-0.2, 0.1), 2.0: (-0.4, 0.2)}
EWC = {10.0: (-0.15, 0.0), 100.0: (-0.05, 0.0)}


def run_with(base, changes, without=()):
    """A run: 40 speakers of `far` and 60 of `near`, each with 1,000 words; changes by system and cohort."""
    generator = np.random.default_rng(base)
    errors = generator.integers(100, 300, 100).astype(float)
    far = np.arange(100) < 40
    rows = pd.DataFrame({"utterance_id": [f"u{n}" for n in range(100)], "speaker_id": [f"s{n:03}" for n in range(100)]})
    rows = rows.assign(split="test", weight=np.linspace(0.5, 1.5, 100), ref="word", words=1000)
    tables = {}
    for system, (worst, others) in {"base": (0.0, 0.0), **changes}.items():
        noise = 0 if system == "base" else 0.02 * generator.normal(size=100)
        after = np.round(errors * (1 + np.where(far, worst, others) + noise)).astype(int)
        table = rows.assign(substitutions=after, deletions=0, insertions=0)
        tables[system] = table[~table["speaker_id"].isin(without)]
    assignments = rows[["utterance_id"]].assign(cohort=np.where(far, "far", "near"))
    return JudgedRun(tables, assignments, {"worst": ["far", "near"]})


def trials_of(bases=(1, 2, 3), without=()):
    """Two trials of both methods on each base model; in no order."""
    return [
        Trial(
            run_with(base, {"finetune": FINETUNE[factor], "ewc": EWC[strength]}, without),
            {"finetune.factor": factor, "ewc.strength": strength},
        )
        for base in bases
        for factor, strength in ((2.0, 10.0), (1.0, 100.0))
    ]


def rows_of(trials, asked=ASKED):
    return {(row.method, row.gain): row for row in matched_gains(trials, asked, min_deciding=1)}


def test_the_cost_is_read_where_a_path_first_reaches_the_gain():
    gain_KJ = np.array([[0.0, 0.0, 0.0], [0.1, 0.2, 0.1], [0.3, 0.0, 0.1], [0.2, 0.4, 0.15]])
    cost_KJ = np.array([[0.0, 0.0, 0.0], [0.0, 0.4, 1.0], [0.4, 9.0, 2.0], [9.0, 9.0, 3.0]])
    assert cost_at(gain_KJ, cost_KJ, 0.2) == pytest.approx([0.2, 0.4, np.nan], nan_ok=True)
    assert cost_at(gain_KJ, cost_KJ, 0.05) == pytest.approx([0.0, 0.1, 0.5])


def test_planted_costs_are_found_and_a_gain_out_of_reach_is_said():
    found = rows_of(trials_of())
    assert found["finetune", 0.1].cost.value == pytest.approx(0.05, abs=0.01)
    assert found["ewc", 0.1].cost.value == pytest.approx(0.0, abs=0.01)
    assert found["finetune", 0.3].cost.value == pytest.approx(0.15, abs=0.01)
    difference = found["finetune", 0.1].difference
    assert difference.value == pytest.approx(found["finetune", 0.1].cost.value - found["ewc", 0.1].cost.value)
    assert 0 < difference.low < difference.value < difference.high
    out = found["ewc", 0.3]
    assert (out.reached, out.bases, out.cost.value) == (0, 3, None) and "not reached" in matched_cells(out)
    assert found["finetune", 0.3].difference.value is None and found["ewc", 0.1].difference is None


def test_the_error_over_speakers_is_that_of_leaving_each_out():
    """The interval from two variances: over base models, and the jackknife by hand over speakers."""
    from scipy.stats import t

    trials = trials_of()
    without = [rows_of(trials_of(without=[f"s{n:03}"]))["finetune", 0.1].difference.value for n in range(100)]
    of_speakers = 99 / 100 * ((np.array(without) - np.mean(without)) ** 2).sum()
    of_bases = [rows_of(trials_of(bases=(base,)))["finetune", 0.1].difference.value for base in (1, 2, 3)]
    influence = np.array(without) - np.mean(without)
    deciding = (influence**2).sum() ** 2 / (influence**4).sum()
    own = int(min(99, 2 / (1 / deciding - 3 / 100 + 2 / 99)))
    variances = np.array([of_speakers, np.var(of_bases, ddof=1) / 3])
    freedom = variances.sum() ** 2 / (variances**2 / np.array([own, 2])).sum()
    reach = t.ppf(0.975, freedom) * np.sqrt(variances.sum())
    found = rows_of(trials)["finetune", 0.1].difference
    assert [found.low, found.high] == pytest.approx([found.value - reach, found.value + reach])


def test_the_order_of_runs_does_not_matter_but_that_of_the_dial_does():
    shuffled = rows_of(trials_of()[::-1])
    for key, row in rows_of(trials_of()).items():
        assert row.cost.value == pytest.approx(shuffled[key].cost.value)
    asked = ASKED.model_copy(update={"held_back_by": []})
    assert rows_of(trials_of(), asked)["ewc", 0.1] != rows_of(trials_of())["ewc", 0.1]


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(PipelineError, match="isogloss sweep"):
        matched_gains([], ASKED, min_deciding=1)
    with pytest.raises(PipelineError, match=r"no finished run has the method l2 \(study.matched_gain.reference\)"):
        matched_gains(trials_of(), ASKED.model_copy(update={"reference": "l2"}), min_deciding=1)
    two = [Trial(one.run, {**one.options, "ewc.samples": 3.0}) for one in trials_of()]
    with pytest.raises(PipelineError, match=r"the trials of ewc differ in 2 options; .*ewc.samples, ewc.strength"):
        matched_gains(two, ASKED, min_deciding=1)
    part = [*trials_of(bases=(1,)), Trial(run_with(2, {"ewc": EWC[10.0]}), {"ewc.strength": 10.0})]
    with pytest.raises(PipelineError, match="finetune was not tried on every base model"):
        matched_gains(part, ASKED, min_deciding=1)


def test_the_page_says_what_costs_how_much(tmp_path):
    (tmp_path / "params.yaml").write_text("{}")
    (tmp_path / "dials.yaml").write_text("{description: How strongly?, seeds: {asr.seed: [1]}}")
    sweep = load_sweep(tmp_path / "dials.yaml", params=tmp_path / "params.yaml")
    rows = matched_gains(trials_of(), ASKED, min_deciding=1)
    page, numbers = write_matched_gains(sweep, rows, ["f" * 40], tmp_path / "docs")
    assert all(" | ".join(matched_cells(row)) in page.read_text() for row in rows)
    assert "The difference is to `ewc`" in page.read_text() and "ffffffffff" in page.read_text()
    assert len(json.loads(numbers.read_text())["rows"]) == 4
    (tmp_path / "both.yaml").write_text(
        "{description: d, study: {cohorts: geographic, matched_gain: {reference: ewc, gains: [0.1]}}}"
    )
    with pytest.raises(ParamsError, match="are two studies; put them into two files"):
        load_sweep(tmp_path / "both.yaml", params=tmp_path / "params.yaml")
    (tmp_path / "typo.yaml").write_text(
        "{description: d, runs: [{name: r, params: {ewc.strength: 1.0}}],"
        " study: {matched_gain: {reference: ewc, gains: [0.1], held_back_by: [ewc.strenght]}}}"
    )
    with pytest.raises(ParamsError, match=r"held_back_by names 'ewc.strenght', which no run sets"):
        load_sweep(tmp_path / "typo.yaml", params=tmp_path / "params.yaml")
