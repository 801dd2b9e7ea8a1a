import numpy as np
import pandas as pd
import pytest

from isogloss.cli.score import _share
from isogloss.errors import TableError
from isogloss.judging.recovery import score_recovery


@pytest.fixture
def truth():
    groups = np.repeat(["a", "b", "c"], [50, 30, 20])
    return pd.DataFrame({"speaker_id": [f"s{n}" for n in range(100)], "group": groups, "disadvantaged": groups == "c"})


def utterances(truth, cohort):
    table = pd.DataFrame({"speaker_id": truth["speaker_id"], "cohort": cohort})
    return pd.concat([table] * 3, ignore_index=True)


def test_cohorts_that_are_the_planted_groups_score_perfectly(truth):
    score = score_recovery(utterances(truth, truth["group"].map({"a": "x", "b": "y", "c": "z"})), truth, ["z"])
    assert (score.adjusted_rand, score.recall, score.precision) == (1.0, 1.0, 1.0)
    assert (score.speakers, score.disadvantaged, score.selected) == (100, 20, 20)
    assert (score.chance_recall, score.chance_precision) == (0.2, 0.2)
    assert score.p_chance < 1e-15


def test_shares_are_of_speakers_in_the_worst_cohorts(truth):
    cohort = ["x"] * 40 + ["y"] * 45 + ["x"] * 15
    score = score_recovery(utterances(truth, cohort), truth, ["y"])
    assert score.recall == pytest.approx(5 / 20) and score.precision == pytest.approx(5 / 45)
    assert (score.chance_recall, score.chance_precision) == (0.45, 0.2)
    assert score.p_chance > 0.9


def test_random_cohorts_score_as_chance_does(truth):
    rng = np.random.default_rng(0)
    scores = [score_recovery(utterances(truth, rng.choice(["x", "y"], 100)), truth, ["y"]) for _ in range(40)]
    assert np.mean([score.adjusted_rand for score in scores]) == pytest.approx(0, abs=0.02)
    for value, chance in (("recall", "chance_recall"), ("precision", "chance_precision")):
        gap = [getattr(score, value) - getattr(score, chance) for score in scores]
        assert np.mean(gap) == pytest.approx(0, abs=0.05)
    assert np.mean([score.p_chance < 0.05 for score in scores]) <= 0.15


def test_a_speaker_in_several_cohorts_counts_where_most_of_his_utterances_are(truth):
    table = utterances(truth, truth["group"])
    strays = table.drop_duplicates("speaker_id").assign(cohort="a")
    assert score_recovery(pd.concat([table, strays]), truth, ["c"]).adjusted_rand == 1.0


def test_nobody_selected_or_nobody_disadvantaged_leaves_the_share_open(truth):
    score = score_recovery(utterances(truth, truth["group"]), truth.assign(disadvantaged=False), [])
    assert score.recall is None and score.precision is None and score.p_chance == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[1:], "lacks 1 speakers, for instance 's0'"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "'s0' twice"),
        (lambda t: t.rename(columns={"group": "groups"}), "did you mean 'groups'"),
    ],
)
def test_a_truth_that_does_not_fit_is_refused(truth, change, message):
    with pytest.raises(TableError, match=message):
        score_recovery(utterances(truth, truth["group"]), change(truth), ["c"])


def test_no_estimator_imports_the_scoring():
    from pathlib import Path

    import isogloss.cohorts

    folder = Path(isogloss.cohorts.__file__).parent
    users = [path.name for path in folder.glob("*.py") if "recovery import" in path.read_text(encoding="utf-8")]
    assert users == []


def test_what_is_printed_of_a_share_of_nobody_is_not_zero(truth):
    score = score_recovery(utterances(truth, ["x"] * 100), truth.assign(disadvantaged=False), ["x"])
    assert (_share(score.recall), _share(score.precision)) == ("–", "0%")
