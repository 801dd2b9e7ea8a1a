"""Harm that is excluded: for each cohort at its own level, and said only as far as it was judged."""

import pytest

from isogloss.judging.cohort_figures import CohortFigures, CohortRates
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.report.harm import harm_excluded


def grouping(*bounds, margin=0.1, other=None):
    """A grouping whose cohorts have these upper bounds of harm; None has no inference."""

    def rates(bound):
        known = bound is not None
        return {"inference": known, "harm_bound": bound, "noninferior": bound < margin if known else None}

    cohorts = [
        CohortFigures(
            cohort=f"c{number}",
            label=f"region {number}",
            speakers=30,
            **rates(bound),
            other=None if other is None else CohortRates(**rates(other[number])),
        )
        for number, bound in enumerate(bounds)
    ]
    return GroupingFigures(name="g", title="g", split="test", found=len(bounds), cohorts=cohorts)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((0.02, 0.09), "For every cohort a harm of more than 10\u202f% is excluded; the largest that the data leave"),
        (
            (0.02, 0.272),
            "is excluded for 1 of 2 cohorts; the largest that the data leave possible is +27.2\u202f% (region 1)",
        ),
        ((0.02, None), "is excluded for 1 of 2 cohorts, and 1 could not be judged"),
        ((None, None), "For no cohort is a harm of more than 10\u202f% excluded: none could be judged."),
    ],
)
def test_every_cohort_is_cleared_only_where_each_is(bounds, said):
    assert said in harm_excluded([grouping(*bounds)], 0.1)


def test_each_estimand_has_its_own_bounds():
    found = grouping(0.3, 0.05, other=(0.01, 0.05))
    assert harm_excluded([found], 0.1).startswith("A harm of more than")
    assert harm_excluded([found], 0.1, other=True).startswith("For every cohort")
