"""Claims about verifiers, judged on runs in which the truth is planted; the variance over speakers against draws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from isogloss.config.claim import Claim
from isogloss.config.experiment import PlanParams, load_sweep
from isogloss.errors import PipelineError
from isogloss.judging.verification.errors import equal_error_rate
from isogloss.judging.verification.intervals import at_observed
from isogloss.judging.verification.measures import change
from isogloss.studies.claims import read_claims
from isogloss.studies.claims_page import Provenance
from isogloss.studies.verification_claims import (
    JudgedVerifiers,
    change_over_seeds,
    judge_verifiers,
    level_over_seeds,
    read_verifiers,
)
from isogloss.studies.verification_page import write_verification_claims

GROUPS = ("female", "male")
SEPARATION = {"base": (2.0, 2.6), "continued": (2.0, 2.6), "arw_pairwise": (2.5, 2.7)}
"""Distance of targets and non-targets of each gender, in standard deviations: the EER is norm.cdf(-distance / 2)."""


def run_with(seed, separation=SEPARATION, speakers=60, targets=12):
    """Trials of `speakers` of each gender, among whom non-targets are pairs within and across genders."""
    generator = np.random.default_rng(seed)
    total = 2 * speakers
    gender = np.repeat(np.arange(2), speakers)
    first, second = np.triu_indices(total, 1)
    owner = np.repeat(np.arange(total), targets)
    enrol, test = np.concatenate([owner, first]), np.concatenate([owner, second])
    target = np.arange(len(enrol)) < len(owner)
    voice = np.random.default_rng(99).normal(size=total)  # how hard a speaker is to know, the same in every run
    noise = 0.3 * voice[enrol] + np.sqrt(1 - 0.3**2) * generator.normal(size=len(enrol))
    table = {f"{side}_speaker": [f"s{n:03d}" for n in who] for side, who in (("enrol", enrol), ("test", test))}
    table |= {f"{side}_gender": np.array(GROUPS)[gender[who]] for side, who in (("enrol", enrol), ("test", test))}
    trials = pd.DataFrame({**table, "target": target})
    within = np.where(gender[enrol] == gender[test], gender[enrol], 1)
    scores = {
        system: pd.Series(np.where(target, np.array(apart)[within], 0.0) + noise)
        for system, apart in separation.items()
    }
    weights = pd.Series(1.0, index=sorted({*trials["enrol_speaker"]}))
    return JudgedVerifiers(trials, scores, weights, "gender", "gender", 20)


def eer(system, group, separation=SEPARATION):
    return norm.cdf(-separation[system][group] / 2)


@pytest.fixture(scope="module")
def runs():
    return [run_with(seed) for seed in range(5)]


def test_levels_and_changes_find_what_was_planted(runs):
    gap = {system: abs(eer(system, 1) - eer(system, 0)) for system in SEPARATION}
    found = level_over_seeds(runs, "base", "gap")
    assert found.low < gap["base"] < found.high
    found = change_over_seeds(runs, "continued", "arw_pairwise", "gap")
    assert found.low < gap["arw_pairwise"] - gap["continued"] < found.high
    spread = change_over_seeds(runs, "continued", "arw_pairwise", "spread")
    assert spread.low < (gap["arw_pairwise"] - gap["continued"]) / 2 < spread.high  # of two: half their distance


def test_verdicts_tell_a_gain_from_none(runs):
    claims = [
        Claim(id=method, paper="p", text="t", setting="atlas", method=method, against="base", measure="eer")
        for method in ("arw_pairwise", "continued")
    ]
    gain, none = judge_verifiers(claims, {"atlas": runs}, PlanParams())
    assert gain.verdict == "supported" and gain.runs == gain.bases == 5
    assert none.change.value == 0 and none.p == 1.0 and none.verdict == "inconclusive"
    assert gain.other == gain.change  # every weight is 1


def test_the_speakers_alike_are_the_other_estimand(runs):
    heavy = [replace(run, weights=run.weights.where(run.weights.index < "s060", 3.0), _known={}) for run in runs]
    claim = Claim(id="c", paper="p", text="t", setting="atlas", method="arw_pairwise", against="base", measure="eer")
    (population,) = judge_verifiers([claim], {"atlas": heavy}, PlanParams())
    (speakers,) = judge_verifiers([claim], {"atlas": heavy}, PlanParams(estimand="speakers"))
    assert speakers.change == change_over_seeds(runs, "base", "arw_pairwise", "eer") == population.other
    assert population.change == speakers.other != population.other


def test_the_variance_over_speakers_is_that_of_drawing_them_anew():
    """The change in EER, on the logarithm; a target weighs as often as its speaker is drawn, others the product."""
    run = run_with(3)
    systems = ("continued", "arw_pairwise")
    values = [rate for system in systems for rate in run.rates(system, "eer")]
    value, part_S = at_observed(values, change(0, 1), run.strata("eer"))
    target = run.trials["target"].to_numpy()
    enrol, test = (run.weights.index.get_indexer(run.trials[f"{side}_speaker"]) for side in ("enrol", "test"))

    def change_of(count):
        weight = np.where(target, count[enrol], count[enrol] * count[test])
        rates = [equal_error_rate(run.scores[system], target, weight) for system in systems]
        return np.log(rates[1] / rates[0])

    generator, speakers = np.random.default_rng(5), len(part_S)
    draws = [change_of(generator.multinomial(speakers, np.ones(speakers) / speakers)) for _ in range(400)]
    assert value == pytest.approx(change_of(np.ones(speakers)))
    assert np.sqrt((part_S**2).sum()) == pytest.approx(np.std(draws), rel=0.25)


def test_more_runs_narrow_the_interval_but_not_below_that_of_speakers(runs):
    few, many = (change_over_seeds(some, "base", "arw_pairwise", "eer") for some in (runs[:2], runs))
    parts = [
        at_observed([*r.rates("base", "eer"), *r.rates("arw_pairwise", "eer")], change(0, 1), r.strata("eer"))[1]
        for r in runs
    ]
    of_speakers = np.sqrt((np.mean(parts, axis=0) ** 2).sum())
    width = np.log1p(many.high) - np.log1p(many.low)
    assert 2 * 1.9 * of_speakers < width < np.log1p(few.high) - np.log1p(few.low)
    assert change_over_seeds(runs[:1], "base", "arw_pairwise", "eer").interval is None


def test_small_groups_take_no_part_and_a_single_group_is_not_measurable():
    run = run_with(1)
    small = JudgedVerifiers(run.trials, run.scores, run.weights, "gender", "gender", 61)
    assert small.groups("gap") == []
    assert change_over_seeds([small, small], "base", "arw_pairwise", "gap").value is None
    assert level_over_seeds([small, small], "base", "spread").value is None


def test_runs_on_other_speakers_and_no_run_are_refused():
    with pytest.raises(PipelineError, match="different test speakers"):
        change_over_seeds([run_with(1), run_with(2, speakers=50)], "base", "arw_pairwise", "eer")
    with pytest.raises(PipelineError, match="no run is finished"):
        judge_verifiers(read_claims("verification"), {}, PlanParams())


def test_published_figures_follow_from_the_abstract():
    claims = {one.id: one for one in read_claims("verification")}
    assert claims["pairwise-eer-atlas"].published == -0.077
    assert claims["pairwise-gap-atlas"].published == pytest.approx(0.0058 - 0.0070)
    assert claims["pairwise-spread-speechocean762"].published == pytest.approx(0.0019 - 0.0021)
    assert len(claims) == len(read_claims("verification")) == 22


def test_the_page_has_a_row_a_claim_and_a_table_a_setting(runs, tmp_path):
    by_setting = {"atlas": runs, "speechocean762": runs[:2]}
    findings = judge_verifiers(read_claims("verification"), by_setting, PlanParams())
    (tmp_path / "c.yaml").write_text("description: d\nplan: {}\n")
    (tmp_path / "params.yaml").write_text("{}")
    sweep = load_sweep(tmp_path / "c.yaml", params=tmp_path / "params.yaml")
    made = Provenance("0123abcd", ["f" * 40], {"c": "d1"})
    page, numbers = write_verification_claims(findings, by_setting, sweep, made, tmp_path)
    text = page.read_text()
    assert len(findings) == 6 and all(" | ".join(one.cells) in text for one in findings)
    assert "## speechocean762" in text and "| arw_pairwise |" in text and "points" in text
    assert '"verdict"' in numbers.read_text()


def test_a_run_is_read_from_its_outputs_and_other_trials_are_refused(tmp_path):
    run = run_with(1, speakers=25)
    ids = {f"{side}_id": [f"{side}{n}" for n in range(len(run.trials))] for side in ("enrol", "test")}
    table = run.trials.assign(**ids, score_before=run.scores["base"])
    pd.DataFrame({"speaker_id": run.weights.index, "split": "test", "weight": 1.0}).to_parquet(tmp_path / "u.parquet")
    table.assign(score=run.scores["continued"]).to_parquet(tmp_path / "continued.parquet")
    table.assign(score=run.scores["arw_pairwise"]).to_parquet(tmp_path / "arw_pairwise.parquet")

    def output(path):
        return tmp_path / ("u.parquet" if path.startswith("data/") else f"{path.split('/')[2]}.parquet")

    options = {"methods": ["continued", "arw_pairwise"], "gap": "gender", "spread": "gender", "min_speakers": 20}
    read = read_verifiers(output, **options)
    same = change_over_seeds([run, run], "base", "arw_pairwise", "eer").value
    assert change_over_seeds([read, read], "base", "arw_pairwise", "eer").value == pytest.approx(same)
    table.assign(score=run.scores["arw_pairwise"], enrol_id="x").to_parquet(tmp_path / "arw_pairwise.parquet")
    with pytest.raises(PipelineError, match="other trials"):
        read_verifiers(output, **options)


def renamed(run, column, change):
    """The same run with other values in a column of both sides."""
    both = {f"{side}_{column}": change(run.trials[f"{side}_{column}"]) for side in ("enrol", "test")}
    return JudgedVerifiers(run.trials.assign(**both), run.scores, run.weights, run.gap, run.spread, run.min_speakers)


def test_runs_with_other_groups_or_speakers_are_refused_whichever_comes_first():
    run = run_with(1, speakers=25)
    more = renamed(run, "gender", lambda group: group.where(run.trials["enrol_speaker"] > "s024", "third"))
    other = renamed(run, "gender", lambda group: group.replace("male", "men"))
    for runs in ([run, other], [other, run], [run, more], [more, run]):
        for measure in ("gap", "spread"):
            with pytest.raises(PipelineError, match=f"run 2 of a setting has the groups .*; {measure} needs the same"):
                level_over_seeds(runs, "base", measure)
            with pytest.raises(PipelineError, match="has the groups"):
                change_over_seeds(runs, "continued", "arw_pairwise", measure)
        assert level_over_seeds(runs, "base", "eer").value is not None
    strangers = renamed(run, "speaker", lambda name: name.replace("s003", "x003"))
    strangers.weights.index = run.weights.index
    with pytest.raises(PipelineError, match="different test speakers"):
        level_over_seeds([run, strangers], "base", "eer")
