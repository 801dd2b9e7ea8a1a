"""What is said of an improvement under each normaliser is said of a harm by the same rule."""

import numpy as np
import pandas as pd
import pytest

from isogloss.config import StatisticsParams
from isogloss.judging import Grouping, compare
from isogloss.judging.sensitivity import sensitivity


@pytest.fixture(scope="module")
def document():
    """Two systems that are alike on thirty speakers of each of two cohorts."""
    ids = [f"s{number}" for number in range(60)]
    errors = np.random.default_rng(1).poisson(20, 60)
    table = pd.DataFrame({"utterance_id": ids, "speaker_id": ids, "words": 200, "substitutions": errors})
    table = table.assign(deletions=0, insertions=0)
    statistics = StatisticsParams(resamples=200, permutations=200)
    groupings = [Grouping("g", pd.Series(["x", "y"] * 30))]
    return compare(table, table, groupings, systems=("old", "new"), statistics=statistics, min_speakers=5)


def said(document, **figures):
    """The findings on a cohort of these figures."""
    (grouping,) = document.groupings
    cohort = grouping.cohorts[0].model_copy(update={"p": 0.005, "p_holm": 0.01, **figures})
    harmed = [cohort.cohort] if figures["after"] > figures["before"] else []
    changed = grouping.model_copy(update={"cohorts": [cohort], "harmed_cohorts": harmed})
    rows = sensitivity({"none": document.model_copy(update={"groupings": [changed]})})
    return {row.finding.split()[1]: row.holds["none"] for row in rows if row.finding.startswith("new ")}


def test_an_improvement_needs_an_interval_without_zero_as_a_harm_does(document):
    better = {"before": 0.2, "after": 0.18, "relative_change": -0.1}
    assert said(document, **better, ci95=(-0.19, -0.01)) == {"improves": True, "harms": False}
    assert said(document, **better, ci95=(-0.21, 0.01)) == {"improves": False, "harms": False}


def test_a_cohort_without_errors_before_can_be_harmed(document):
    found = said(document, before=0.0, after=0.1, relative_change=None, ci95=None)
    assert found == {"improves": False, "harms": True}
