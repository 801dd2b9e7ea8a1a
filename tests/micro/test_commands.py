"""The commands that read a finished run, against figures computed from its tables by other means."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_curve

from isogloss.cli import main

RULES = ("geographic", "geodemographic", "automatic", "attribute")
SYSTEMS = ("base", "ewc", "cohort_input")


@pytest.fixture
def isogloss(micro, monkeypatch):
    """Run a command in the workspace; what it prints."""
    monkeypatch.chdir(micro.root)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def results(micro, system, split="test"):
    table = pd.read_parquet(micro.root / f"results/asr/{system}/utterances.parquet")
    return table[table["split"] == split].reset_index(drop=True)


def wer(rows, *, weighted=True):
    """The ratio of sums."""
    weight = rows["weight"] if weighted else 1.0
    errors = rows["substitutions"] + rows["deletions"] + rows["insertions"]
    return (weight * errors).sum() / (weight * rows["words"]).sum()


def test_cohorts_prints_the_gaps_that_metrics_hold(micro, isogloss):
    metrics = json.loads((micro.root / "metrics.json").read_text())["asr"]["base"]
    lines = isogloss("cohorts").splitlines()
    for rule in RULES:
        start = next(number for number, line in enumerate(lines) if line.startswith(rule))
        for split, line in zip(("discovery", "test"), lines[start : start + 2], strict=True):
            assert split in line
            gap = metrics[rule]["relative_gap"].get(split)  # none if the best cohort has no error
            assert (" - " if gap is None else f"{100 * gap:.0f} %") in line
            assert f"{100 * metrics[rule]['bottom_share'][split]:.1f}%" in line
        assert any(line.startswith(f"{rule}: bottom ") for line in lines)


def test_cohorts_prints_the_error_rates_of_the_tables(micro, isogloss):
    lines = isogloss("cohorts").splitlines()
    base = pd.read_parquet(micro.root / "results/asr/base/utterances.parquet")
    assignments = pd.read_parquet(micro.root / "cohorts/automatic/assignments.parquet")
    table = base.merge(assignments[["utterance_id", "cohort", "wer_rank"]], on="utterance_id", validate="1:1")
    start = next(number for number, line in enumerate(lines) if line.startswith("automatic"))
    summary = json.loads((micro.root / "cohorts/automatic/summary.json").read_text())
    rank_of = {cohort["label"]: cohort["wer_rank"] for cohort in summary["cohorts"]}
    (named,) = (line.removeprefix("automatic: bottom ") for line in lines if line.startswith("automatic: bottom "))
    ends = [rank_of[label] for label in named.split("; top ")]
    assert ends[0] < ends[1]
    for split, line in zip(("discovery", "test"), lines[start : start + 2], strict=True):
        rows = table[table["split"] == split]
        for rank in ends:
            assert f"{100 * wer(rows[rows['wer_rank'] == rank]):.1f} %" in line


def test_score_prints_the_error_rate_of_every_planted_dialect_under_every_system(micro, isogloss):
    printed = isogloss("score")
    truth = pd.read_parquet(micro.root / "data/truth/planted.parquet")
    for number, system in enumerate(SYSTEMS):
        table = results(micro, system).merge(truth, on="speaker_id", validate="m:1")
        for dialect, rows in table.groupby("dialect"):
            (line,) = re.findall(rf"^{dialect} .*$", printed, flags=re.MULTILINE)
            assert float(line.split()[1 + number]) == pytest.approx(100 * wer(rows), abs=0.051)
        (line,) = re.findall(r"^all, weighted .*$", printed, flags=re.MULTILINE)
        assert float(line.split()[2 + number]) == pytest.approx(100 * wer(table), abs=0.051)
    assert all(f"{rule}: worst cohorts hold" in printed for rule in RULES)


def test_score_against_a_column_says_how_well_clusters_of_voices_match_it(micro, isogloss):
    """The shares, counted here from the files; age bands stand for a group that discovery was not told of."""
    printed = isogloss("score", "--against", "age_band", "--group", "18-24", "--group", "65+")
    assert "to be found: 18-24, 65+" in printed
    speakers = pd.read_parquet(micro.root / "data/utterances.parquet").drop_duplicates("speaker_id")
    old = speakers.set_index("speaker_id")["age_band"].isin(["18-24", "65+"])
    for rule in RULES:
        cohorts = pd.read_parquet(micro.root / f"cohorts/{rule}/assignments.parquet").drop_duplicates("speaker_id")
        test = speakers.loc[speakers["split"] == "test", "speaker_id"]
        cohort = cohorts.set_index("speaker_id")["cohort"].loc[test]
        found = (cohort[old.loc[test].to_numpy()].value_counts() / old.loc[test].sum()).max()
        (line,) = re.findall(rf"^{rule}: .*\n +the cohort with most of them is (.*)$", printed, flags=re.MULTILINE)
        assert f": {found:.0%} (chance {(cohort == line.partition(':')[0]).mean():.0%}" in line


def test_score_refuses_a_column_that_is_not_there_and_a_value_of_nobody(micro, monkeypatch):
    monkeypatch.chdir(micro.root)
    for given, sentence in (
        (["--against", "shoe"], "has no column of text 'shoe'; it has"),
        (["--against", "age_band", "--group", "7"], "nobody in discovery has age_band '7'; it has 18-24, "),
        (["--group", "7"], "say which with --against COLUMN"),
    ):
        refused = CliRunner().invoke(main, ["score", *given])
        assert refused.exit_code == 2
        assert sentence in " ".join(refused.output.split())


def test_compare_shows_an_experiment_beside_the_workspace(micro, isogloss, tmp_path, monkeypatch):
    """The experiment is the run under another name, saved by DVC; the last commit is the third of the runs."""
    copy = micro.copy(tmp_path / "copy")
    copy.command("dvc", "exp", "save", "--name", "kept")
    page = tmp_path / "compare.html"
    named = [argument for system in SYSTEMS for argument in ("--metrics", f"asr.{system}.wer")]
    metrics = (*named, "--metrics", "results/asr/base/utterances.parquet:wer.dev")
    monkeypatch.chdir(copy.root)
    printed = isogloss("compare", *metrics)
    figures = [wer(results(micro, system)) for system in SYSTEMS] + [wer(results(micro, "base", "dev"))]
    for name in ("workspace", "kept"):
        (line,) = re.findall(rf"^{name} .*$", printed, flags=re.MULTILINE)
        shown = [float(cell) for cell in line.replace("*", "").split()[1:]]
        assert shown == pytest.approx(figures, abs=5e-4)
    assert "compares 3 runs" in isogloss("compare", *metrics, "--html", page)
    assert "kept" in page.read_text() and not re.search(r"https?://(?!www\.w3\.org)", page.read_text())


def test_an_audit_of_the_runs_transcripts_finds_what_its_stages_found(micro, isogloss, tmp_path):
    """`age_band` is what the rule `attribute` looks at, so an audit of it is a second way to the same figures."""
    for system in ("base", "ewc"):
        results(micro, system).to_csv(tmp_path / f"{system}.csv", index=False)
    printed = isogloss(
        "audit",
        tmp_path / "base.csv",
        *("--after", tmp_path / "ewc.csv", "--name", "base", "--after-name", "ewc"),
        *("--by", "age_band", "--min-speakers", "3", "--out", tmp_path / "out"),
    )
    assert "By age band" in printed
    audited = json.loads((tmp_path / "out" / "fairness.json").read_text())
    staged = json.loads((micro.root / "results/asr/ewc/fairness.json").read_text())
    (by_age,) = audited["groupings"]
    (of_rule,) = (grouping for grouping in staged["groupings"] if grouping["name"] == "attribute")
    of_stage = {cohort["label"].removeprefix("age_band = "): cohort for cohort in of_rule["cohorts"]}
    assert {cohort["label"] for cohort in by_age["cohorts"]} == set(of_stage)
    for cohort in by_age["cohorts"]:
        for key in ("speakers", "utterances", "words", "before", "after", "relative_change"):
            assert cohort[key] == pytest.approx(of_stage[cohort["label"]][key]), key
    assert audited["overall"]["before"] == pytest.approx(staged["overall"]["before"])


def test_an_audit_reads_a_result_table_as_it_is(micro, isogloss, tmp_path):
    """Parquet, all splits; texts are aligned anew, to the errors that the stage counted."""
    table = micro.root / "results/asr/base/utterances.parquet"
    isogloss("audit", table, "--by", "gender", "--out", tmp_path / "out")
    document = json.loads((tmp_path / "out" / "fairness.json").read_text())
    everything = pd.read_parquet(table)
    assert {grouping["name"] for grouping in document["groupings"]} == {"gender"}
    (by_gender,) = (grouping for grouping in document["groupings"] if grouping["name"] == "gender")
    for cohort in by_gender["cohorts"]:
        assert cohort["before"] == pytest.approx(wer(everything[everything["gender"] == cohort["cohort"]]))


def test_an_audit_of_the_runs_trials_prints_equal_error_rates_that_lie_on_the_curves(micro, isogloss, tmp_path):
    """The curves are scikit-learn's; where misses meet false alarms lies between the two thresholds beside it."""
    trials = pd.read_parquet(micro.root / "results/speaker/group_dro/trials.parquet")
    trials[["enrol_id", "test_id", "score"]].to_csv(tmp_path / "trials.csv", index=False)
    pd.read_parquet(micro.root / "data/utterances.parquet").to_csv(tmp_path / "speakers.csv", index=False)
    printed = isogloss(
        "audit",
        *("--trials", tmp_path / "trials.csv", "--speakers", tmp_path / "speakers.csv"),
        *("--by", "gender", "--min-speakers", "3", "--out", tmp_path / "out"),
    )
    assert "By gender" in printed
    document = json.loads((tmp_path / "out" / "fairness.json").read_text())
    (grouping,) = document["groupings"]
    assert {cohort["cohort"] for cohort in grouping["cohorts"]} == {"female", "male"}
    for found in (document["overall"], *grouping["cohorts"]):
        name = found.get("cohort")
        rows = trials if name is None else trials.query("enrol_gender == @name and test_gender == @name")
        false_alarms, hits, _ = roc_curve(rows["target"], rows["score"], drop_intermediate=False)
        sides = np.sort([false_alarms, 1 - hits], axis=0)
        assert sides[0].max() <= found["before"] <= sides[1].min()
