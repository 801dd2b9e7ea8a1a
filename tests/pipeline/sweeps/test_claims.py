"""`isogloss claims` on the runs of a sweep: it judges those of its own plan and code, and refuses all others."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from isogloss.cli.claims import claims as command
from isogloss.cli.study import study

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own

CLAIMS = Path(__file__).parents[3] / "src/isogloss/studies/recognition_claims.yaml"
DVC = """
stages:
  evaluate:
    cmd: python stages/work.py
    deps: [stages/work.py]
    params: [asr.seed, mitigation]
    outs: [results/asr, cohorts/geographic]
"""
WORK = """
import json, pathlib, re
import numpy as np, pandas as pd
seed = int(re.search(r"seed: (\\d+)", pathlib.Path("params.yaml").read_text())[1])
rng = np.random.default_rng(seed)
errors = rng.poisson(np.repeat([40, 10], 40))
table = pd.DataFrame({
    "utterance_id": [f"u{n}" for n in range(80)], "speaker_id": [f"s{n}" for n in range(80)], "split": "test",
    "weight": 1.0, "ref": "word", "words": 100, "substitutions": errors, "deletions": 0, "insertions": 0,
})
for system, factor in {"base": 1.0, "ewc": 0.7}.items():
    folder = pathlib.Path("results/asr", system)
    folder.mkdir(parents=True)
    table.assign(substitutions=(errors * factor).astype(int)).to_parquet(folder / "utterances.parquet")
folder = pathlib.Path("cohorts/geographic")
folder.mkdir(parents=True)
cohorts = np.repeat(["far", "near"], 40)
table[["utterance_id", "speaker_id"]].assign(cohort=cohorts).to_parquet(folder / "assignments.parquet")
(folder / "summary.json").write_text(json.dumps({"rule": "geographic", "worst": ["far", "near"], "cohorts": [
    {"cohort": name, "label": name, "wer_rank": rank, "discovery": {"speakers": 9, "wer": 0.1}}
    for rank, name in enumerate(["far", "near"], 1)
]}))
"""
FILE = """
    base: {mitigation.methods: [ewc]}
    seeds: {asr.seed: [1, 2]}
    plan: {base_models: 2}
"""


def claims():
    """The command; its output and exit code."""
    done = CliRunner().invoke(command, ["experiments/toy.yaml", "--out", "docs"])
    return done.output, done.exit_code


@pytest.mark.usefixtures("warm")
def test_claims_are_judged_on_runs_of_this_plan_and_this_code_alone(new_toy, monkeypatch):
    params = "asr: {seed: 1}\nmitigation: {methods: [ewc], rule: geographic}\n"
    toy = new_toy(DVC, params=params, **{"stages/work.py": WORK})
    toy.write("src/isogloss/studies/recognition_claims.yaml", CLAIMS.read_text(encoding="utf-8"))
    path = toy.experiment("toy", FILE)
    toy.commit()
    monkeypatch.chdir(toy.root)
    assert len(toy.sweep(path)) == 2
    printed, code = claims()
    assert code == 0, printed
    (page,) = (toy.root / "docs").glob("toy-*.md")
    plan = page.stem.removeprefix("toy-")
    head = toy.git("rev-parse", "HEAD").strip()
    assert "| supported | excluded |" in page.read_text()  # 30 % fewer errors, where the paper has 3.2 %
    assert f"Plan `{plan}`" in page.read_text() and f"Made at `{head[:10]}`" in page.read_text()

    # Having seen the table, another analysis: it is refused for these runs.
    toy.replace("experiments/toy.yaml", "base_models: 2", "base_models: 2, estimand: speakers")
    printed, code = claims()
    assert code == 2 and f"was made under plan {plan}, but experiments/toy.yaml has plan" in printed

    toy.replace("experiments/toy.yaml", "base_models: 2, estimand: speakers", "base_models: 2")
    toy.replace("stages/work.py", '"ewc": 0.7', '"ewc": 0.6')
    toy.commit()
    printed, code = claims()
    assert code == 2 and "was made by other code, data or params than the present ones" in printed
    assert sorted(one.name for one in (toy.root / "docs").iterdir()) == sorted(
        f"toy-{plan}.{e}" for e in ("json", "md", "svg")
    )


@pytest.mark.usefixtures("warm")
def test_claims_that_a_file_states_about_its_settings_are_judged_by_the_same_rules(new_toy, monkeypatch):
    params = "asr: {seed: 1}\nmitigation: {methods: [ewc], rule: geographic}\n"
    toy = new_toy(DVC, params=params, **{"stages/work.py": WORK})
    path = toy.experiment(
        "toy",
        """
        runs: [{name: base}, {name: ewc}]
        seeds: {asr.seed: [1, 2]}
        plan: {base_models: 2}
        study:
          tables: {ewc: results/asr/ewc/utterances.parquet}
          claims:
            - {id: lower, paper: ours, text: EWC lowers the WER, method: ewc, measure: rate}
        """,
    )
    toy.commit()
    monkeypatch.chdir(toy.root)
    assert len(toy.sweep(path)) == 4
    printed, code = claims()
    assert code == 0, printed
    (page,) = (toy.root / "docs").glob("toy-*.md")
    (row,) = [line for line in page.read_text().splitlines() if "EWC lowers the WER" in line]
    assert "| −3" in row and "| supported |" in row

    toy.replace("experiments/toy.yaml", "text: EWC lowers the WER", "text: EWC raises the WER")
    printed, code = claims()
    assert code == 2 and "an analysis is fixed before its runs" in printed


@pytest.mark.usefixtures("warm")
def test_claims_about_cohort_rules_are_judged_on_the_cohorts_of_every_run(new_toy, monkeypatch):
    """`attribute` has far and near speakers in both of its cohorts, so that its gap is near zero."""
    work = (
        WORK
        + """
other = pathlib.Path("cohorts/attribute")
other.mkdir()
cohorts = np.tile(["far", "near"], 40)
table[["utterance_id", "speaker_id"]].assign(cohort=cohorts).to_parquet(other / "assignments.parquet")
(other / "summary.json").write_text((folder / "summary.json").read_text())
"""
    )
    params = "asr: {seed: 1}\nmitigation: {methods: [ewc], rule: geographic}\n"
    outs = DVC.replace("cohorts/geographic", "cohorts/geographic, cohorts/attribute")
    toy = new_toy(outs, params=params, **{"stages/work.py": work})
    path = toy.experiment(
        "toy",
        """
        seeds: {asr.seed: [1, 2]}
        plan: {base_models: 2}
        study:
          rules: [geographic, attribute]
          claims:
            - {id: gap, paper: ours, text: Places win, method: attribute, against: geographic,
               measure: gap, unit: points}
        """,
    )
    toy.commit()
    monkeypatch.chdir(toy.root)
    assert len(toy.sweep(path)) == 2
    printed, code = claims()
    assert code == 0, printed
    (page,) = (toy.root / "docs").glob("toy-*.md")
    (row,) = [line for line in page.read_text().splitlines() if "Places win" in line]
    assert "| supported |" in row and "| geographic | " in page.read_text()


def test_an_experiment_without_a_plan_is_refused(new_toy, monkeypatch):
    toy = new_toy()
    toy.experiment("toy", "seeds: {asr.seed: [1]}")
    monkeypatch.chdir(toy.root)
    printed, code = claims()
    assert code == 2 and "has no section `plan`, so its claims cannot be judged" in printed


@pytest.mark.usefixtures("warm")
def test_a_study_compares_what_methods_cost_at_the_same_gain(new_toy, monkeypatch):
    params = "asr: {seed: 1}\nmitigation: {methods: [ewc], rule: geographic}\n"
    toy = new_toy(DVC, params=params, **{"stages/work.py": WORK})
    path = toy.experiment(
        "toy",
        """
        base: {mitigation.methods: [ewc]}
        runs: [{name: some, params: {ewc.strength: 10.0}}, {name: more, params: {ewc.strength: 1.0}}]
        seeds: {asr.seed: [1, 2]}
        study: {matched_gain: {reference: ewc, gains: [0.1, 0.5], held_back_by: [ewc.strength]}}
        """,
    )
    toy.commit()
    monkeypatch.chdir(toy.root)
    toy.sweep(path)
    done = CliRunner().invoke(study, ["experiments/toy.yaml", "--out", "docs"])
    assert done.exit_code == 0, done.output
    page = (toy.root / "docs" / "toy-matched-gain.md").read_text()
    assert "| 10 % | ewc | 2 of 2 | −" in page.replace("\u202f", " ") and "| 50" in page and "not reached" in page


@pytest.mark.usefixtures("warm")
def test_a_study_says_what_each_cohort_gains_over_the_seeds_of_a_sweep(new_toy, monkeypatch):
    params = "asr: {seed: 1}\nmitigation: {methods: [ewc], rule: geographic}\n"
    toy = new_toy(DVC, params=params, **{"stages/work.py": WORK})
    path = toy.experiment("toy", FILE.replace("plan: {base_models: 2}", "study: {cohorts: geographic}"))
    toy.commit()
    monkeypatch.chdir(toy.root)
    toy.sweep(path)
    done = CliRunner().invoke(study, ["experiments/toy.yaml", "--out", "docs"], env={"COLUMNS": "60"})
    assert done.exit_code == 0 and "…" not in done.output, done.output
    page = (toy.root / "docs" / "toy-gains.md").read_text()
    (far,) = [line for line in page.splitlines() if "far (worst on discovery)" in line]
    assert "| ewc | far (worst on discovery) | 40 |" in far and "not judged" not in far
    assert toy.git("rev-parse", "HEAD").strip()[:10] in page
    toy.replace("params.yaml", "asr: {seed: 1}", "asr: {seed: 1}\nprivacy: {min_speakers: 41}")
    done = CliRunner().invoke(study, ["experiments/toy.yaml", "--out", "docs"])
    assert done.exit_code == 2 and "privacy.min_speakers" in done.output, done.output
