"""The head of a conversations' page names a cohort that pays for overlap only where one does."""

import pytest

from isogloss.judging.cohort_figures import CohortFigures, OverallFigures
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.report.conversations_page import render_conversations


def document(changes):
    """A document of overlap whose cohorts change by these shares."""
    cohorts = [
        CohortFigures(
            cohort=name, label=name, speakers=40, inference=True, before=0.2, after=0.2 * (1 + change),
            relative_change=change, ci95=(change - 0.01, change + 0.01),
        )
        for name, change in changes.items()
    ]  # fmt: skip
    return Document(
        task="asr", metric="WER", systems=["apart", "overlap"], split="test", speakers=80, utterances=100, words=100,
        confidence=0.95, resamples=200, permutations=200, seed=1, min_speakers=5, min_speakers_for_inference=20,
        overall=OverallFigures(before=0.2, after=0.2, relative_change=0.0),
        groupings=[GroupingFigures(name="g", title="g", split="test", found=len(cohorts), cohorts=cohorts)],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"a": 0.1, "b": -0.2}, "Of the 2 cohorts that can be judged, a pays most: +10.0"),
        ({"a": -0.1, "b": -0.2}, "The rate of no cohort that can be judged (2) rises."),
        ({"a": 0.0, "b": -0.2}, "The rate of no cohort that can be judged (2) rises."),
    ],
)
def test_nobody_pays_where_no_rate_rises(changes, said):
    page = render_conversations({"system": "sts", "sets": {}}, [document(changes)])
    assert said in page and page.count("pays most") == ("pays most" in said)
