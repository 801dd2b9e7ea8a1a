"""The sentences of an audit clear nobody whom nothing tested."""

import pytest

from isogloss.audit import Request, audit
from isogloss.audit.findings import headline, selection, summary


def found(save, rows, quick, **options):
    document = audit(Request(table=save(rows), by=("part",), statistics=quick, **options)).document
    return headline(document), summary(document["groupings"][0], document)


def test_where_all_cohorts_are_too_small_nobody_is_cleared(save, make, quick):
    rows = make(speakers=45, worst="none")
    after = save(rows.assign(hyp=rows["ref"]), "after.csv")
    head, text = found(save, rows, quick, after=after)
    nothing = "No cohort has enough speakers to be judged."
    assert head.title == nothing and text == nothing and nothing in head.sentences


@pytest.mark.parametrize("few", [True, False])
def test_cohorts_without_a_test_are_counted(save, make, quick, few):
    rows = make(speakers=75, worst="none")
    rows = rows[(rows["part"] != "west") | (rows["speaker_id"] < "s030")] if few else rows
    head, text = found(save, rows, quick)
    rest = "; 1 of 3 cohorts could not be judged." if few else "."
    assert head.title == f"No cohort is measurably served worse than all other speakers{rest}"
    assert text.startswith(f"No cohort is measurably worse than all other speakers{rest}")


@pytest.mark.parametrize(
    ("rank", "said"), [(1, "found worst, b, has"), (2, "found worst of those that may be shown (ra")]
)
def test_a_found_cohort_is_called_the_worst_only_if_it_is(rank, said):
    cohort = {"label": "b", "discovery_rank": rank, "discovery": 0.2, "before": 0.1}
    hidden = {"label": "2 cohorts", "discovery_rank": None, "discovery": None, "before": 0.3}
    assert said in selection({"discovered": True, "cohorts": [cohort, hidden]})
