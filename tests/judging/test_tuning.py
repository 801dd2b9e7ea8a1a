"""The figures of dev, and that none is about fewer speakers than may be shown."""

import pandas as pd
import pytest

from isogloss.judging.tuning import dev_figures


def table(errors, *, speakers=12):
    """One utterance of ten words a speaker of dev, and one of test that must not count."""
    rows = [(f"d{n}", f"d{n}", "dev", 10, errors(n), 0, 0) for n in range(speakers)] + [("t", "t", "test", 10, 9, 0, 0)]
    names = ["utterance_id", "speaker_id", "split", "words", "substitutions", "deletions", "insertions"]
    return pd.DataFrame(rows, columns=names)


def figures(worst, *, speakers=12, least=5):
    """`worst` speakers of dev are of the worst cohort; they make 4 errors before and 2 after, the others 1."""
    sides = [table(lambda n, e=e: e if n < worst else 1, speakers=speakers) for e in (4, 2)]
    cohorts = ["bad" if n < worst else "good" for n in range(speakers)]
    assignments = pd.DataFrame({"utterance_id": [f"d{n}" for n in range(speakers)], "cohort": cohorts})
    return dev_figures(*sides, assignments, ["bad"], min_speakers=least)


def test_the_rates_are_those_of_dev():
    found = figures(6)
    assert found["overall"] == pytest.approx({"before": 0.25, "after": 0.15})
    assert found["worst"] == pytest.approx({"before": 0.4, "after": 0.2})


@pytest.mark.parametrize(("worst", "told"), [(4, False), (5, True), (7, True), (8, False), (12, True), (0, False)])
def test_neither_the_worst_nor_the_others_are_fewer_than_may_be_shown(worst, told):
    found = figures(worst)
    assert all((value is not None) == told for value in found["worst"].values())
    assert None not in found["overall"].values()


def test_of_a_dev_of_few_nothing_is_said():
    found = figures(2, speakers=4)
    assert [*found["overall"].values(), *found["worst"].values()] == [None] * 4


def test_a_rate_over_no_words_is_none_which_json_has():
    side = table(lambda n: 1)
    silent = side.assign(words=side["words"].where(side.index >= 6, 0))
    assignments = pd.DataFrame({"utterance_id": side["utterance_id"], "cohort": ["bad"] * 6 + ["good"] * 7})
    found = dev_figures(silent, silent, assignments, ["bad"], min_speakers=5)
    assert found["worst"] == {"before": None, "after": None}
    assert found["overall"] == pytest.approx({"before": 0.2, "after": 0.2})
