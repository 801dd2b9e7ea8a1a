import pytest

from isogloss.testing import assert_no_cohort_harmed

QUICK = {"resamples": 400, "permutations": 400}
EQUAL = {"north": 0.2, "south": 0.2}


def test_the_assertion_passes_fails_with_the_summary_and_says_when_it_cannot_decide(make):
    base = make(EQUAL, seed=1)
    result = assert_no_cohort_harmed(base, make(EQUAL, seed=2), by=["part"], relative=0.25, statistics=QUICK)
    assert result.verdict == "passed"
    worse = make({"north": 0.08, "south": 0.32}, seed=2)
    with pytest.raises(AssertionError, match=r"harms south(.|\n)*\| south \| 40 "):
        assert_no_cohort_harmed(base, worse, by=["part"], relative=0.25, statistics=QUICK)
    with pytest.raises(AssertionError, match="undecided"):
        assert_no_cohort_harmed(base, make(EQUAL, seed=2), by=["part"], relative=0.01, statistics=QUICK)
    assert_no_cohort_harmed(base, make(EQUAL, seed=2), by=["part"], relative=0.01, statistics=QUICK, undecided=True)
