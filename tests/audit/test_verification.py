"""`isogloss audit --trials`: any verifier's scores, by what is known of the speakers; mistakes are one sentence."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from isogloss.cli.audit import audit
from isogloss.evaluation.verification import equal_error_rate


@pytest.fixture
def tables(tmp_path):
    """Thirty speakers with three utterances; women's targets score lower."""
    rng = np.random.default_rng(0)
    rows = [(f"u{s:02d}-{n}", f"s{s:02d}", "fm"[s % 2], "x") for s in range(48) for n in range(3)]
    speakers = pd.DataFrame(rows, columns=["utterance_id", "speaker_id", "gender", "site"])
    owner = np.repeat(np.arange(48), 3)
    first, second = np.triu_indices(len(rows), 1)
    same = owner[first] == owner[second]
    keep = same | (rng.uniform(size=len(first)) < 0.2)
    first, second, same = first[keep], second[keep], same[keep]
    score = rng.normal(size=len(first)) + same * np.where(owner[first] % 2 == 0, 1.5, 3.0)
    ids = speakers["utterance_id"].to_numpy()
    trials = pd.DataFrame({"enrol_id": ids[first], "test_id": ids[second], "score": score.round(4)})
    return trials, speakers


def run(tmp_path, trials, speakers, *options):
    trials.to_csv(tmp_path / "trials.csv", index=False)
    speakers.to_csv(tmp_path / "speakers.csv", index=False)
    paths = ["--trials", str(tmp_path / "trials.csv"), "--speakers", str(tmp_path / "speakers.csv")]
    return CliRunner().invoke(audit, [*paths, *options])


def test_the_figures_are_those_of_the_scores(tables, tmp_path):
    trials, speakers = tables
    result = run(tmp_path, trials, speakers, "--by", "gender", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "By gender" in result.output
    document = json.loads((tmp_path / "out" / "fairness.json").read_text())
    (fairness,) = document["groupings"]
    target = trials["enrol_id"].str[:3] == trials["test_id"].str[:3]
    assert fairness["overall"]["before"] == pytest.approx(equal_error_rate(trials["score"], target))
    assert fairness["overall"]["after"] is None
    gender = speakers.set_index("utterance_id")["gender"]
    for cohort in fairness["cohorts"]:
        both = (trials["enrol_id"].map(gender) == cohort["cohort"]) & (
            trials["test_id"].map(gender) == cohort["cohort"]
        )
        assert cohort["before"] == pytest.approx(equal_error_rate(trials["score"][both], target[both]))
        assert cohort["speakers"] == 24
    assert {c["cohort"]: c["before"] for c in fairness["cohorts"]}["f"] > fairness["overall"]["before"]


def test_without_columns_there_is_the_whole(tables, tmp_path):
    result = run(tmp_path, *tables)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("EER")


def test_two_verifiers_are_compared(tables, tmp_path):
    trials, speakers = tables
    result = run(tmp_path, trials.assign(score_before=trials["score"] * 0), speakers, "--by", "gender")
    assert result.exit_code == 0, result.output
    assert "EER after" in result.output


def test_speakers_may_be_named_by_the_trials(tables, tmp_path):
    trials, speakers = tables
    by_id = speakers.set_index("utterance_id")["speaker_id"]
    named = pd.DataFrame(
        {
            "enrol_speaker": trials["enrol_id"].map(by_id),
            "test_speaker": trials["test_id"].map(by_id),
            "score": trials["score"],
        }
    )
    people = speakers.drop(columns="utterance_id").drop_duplicates()
    first = run(tmp_path, named, people, "--by", "gender")
    assert first.exit_code == 0, first.output
    assert first.output == run(tmp_path, trials, speakers, "--by", "gender").output


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t, s: (t.drop(columns="score"), s), "column 'score' is missing"),
        (lambda t, s: (t.assign(score=t["score"].mask(t.index == 4)), s), "row 4 has the score nan"),
        (lambda t, s: (t, s.iloc[3:]), "whose speaker is not known"),
        (lambda t, s: (t, s.assign(gender=["f", "m", "m"] * 48)), "several values of 'gender'"),
        (lambda t, s: (t, s.rename(columns={"gender": "genders"})), "did you mean 'genders'"),
        (lambda t, s: (t.assign(target="yes"), s), "target is 'yes'"),
        (lambda t, s: (t[t["enrol_id"].str[:3] == t["test_id"].str[:3]], s), "no targets or no non-targets"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(tables, tmp_path, change, sentence):
    result = run(tmp_path, *change(*tables), "--by", "gender", "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_trials_and_speakers_go_together(tmp_path):
    result = CliRunner().invoke(audit, ["--trials", str(tmp_path / "trials.csv")])
    assert result.exit_code == 2
    assert "go together" in result.output


def test_a_group_of_few_speakers_is_not_shown(tables, tmp_path):
    trials, speakers = tables
    few = speakers.assign(gender=speakers["gender"].mask(speakers["speaker_id"].isin(["s00", "s02"]), "rare"))
    result = run(tmp_path, trials, few, "--by", "gender")
    assert result.exit_code == 0, result.output
    assert "rare" not in result.output
