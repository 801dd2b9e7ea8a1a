import pytest

from isogloss.errors import ParamsError
from isogloss.judging.worst import worst_cohorts


def summary(*speakers):
    names = [f"c{number}" for number in range(len(speakers))]
    cohorts = [{"cohort": name, "discovery": {"speakers": n}} for name, n in zip(names, speakers, strict=True)]
    unseen = {"cohort": "unseen", "discovery": {"speakers": 0}}
    return {"rule": "geographic", "cohorts": [*reversed(cohorts), unseen], "worst": names}


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.01, ["c0"]), (0.2, ["c0"]), (0.21, ["c0", "c1"]), (0.5, ["c0", "c1"]), (0.51, ["c0", "c1", "c2"])],
)
def test_worst_cohorts_are_taken_until_they_hold_the_share_of_speakers(share, expected):
    assert worst_cohorts(summary(20, 30, 40, 10), share) == expected


def test_at_least_one_cohort_remains():
    assert worst_cohorts(summary(20, 30, 40, 10), 1.0) == ["c0", "c1", "c2"]


def test_shares_that_floating_point_cannot_hold_are_not_overshot():
    assert worst_cohorts(summary(3, 7), 0.3) == ["c0"]
    assert worst_cohorts(summary(1, 1, 8), 0.1 + 0.1) == ["c0", "c1"]


def test_a_single_cohort_has_no_worst():
    with pytest.raises(ParamsError, match="found 1 cohort"):
        worst_cohorts(summary(20), 0.3)
