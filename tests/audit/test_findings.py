"""The sentences of an audit clear nobody whom nothing tested."""

import pytest
from statsmodels.stats.multitest import multipletests

from isogloss.cli.auditing import audit_utterances as audit
from isogloss.judging.cohort_figures import CohortFigures, OverallFigures, Rest
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.intake import Request
from isogloss.report.findings import lead, selection, summary


def document_with(p_values):
    """By grouping the raw p values of its cohorts, all of them worse than the rest."""
    groupings = []
    for name, values in p_values.items():
        adjusted = multipletests(values, method="holm")[1]
        cohorts = [
            CohortFigures(
                cohort=f"{name}{number}",
                label=f"{name}{number}",
                speakers=50,
                inference=True,
                before=0.3 - 0.01 * number,
                rest=Rest(ratio=2.0, ci95=None, p=p, p_holm=p_holm, detectable_ratio=None, worse=bool(p_holm <= 0.05)),
            )
            for number, (p, p_holm) in enumerate(zip(values, adjusted, strict=True))
        ]
        groupings.append(GroupingFigures(name=name, title=name, split="all", found=len(cohorts), cohorts=cohorts))
    return Document(
        task="asr",
        metric="WER",
        systems=["base"],
        split="all",
        speakers=100,
        utterances=100,
        words=100,
        confidence=0.95,
        resamples=200,
        permutations=200,
        seed=1,
        min_speakers=5,
        min_speakers_for_inference=20,
        overall=OverallFigures(before=0.1),
        groupings=groupings,
    )


def test_the_title_is_adjusted_over_all_groupings_and_the_sentences_are_not():
    """0.02 holds among two cohorts, not among six; 0.001 holds among six, though its error rate is not the highest."""
    alone = lead(document_with({"a": [0.02, 0.9]}))
    assert alone.title.startswith("base fails a0 (a, 50 speakers)")
    many = {"a": [0.02, 0.9], "b": [0.5, 0.6], "c": [0.7, 0.8]}
    several = lead(document_with(many))
    assert several.title == (
        "No cohort is measurably served worse than all other speakers, over all groupings together."
    )
    assert several.sentences[-1] == "Measurably worse than all others of its grouping is a0 (a, 50 speakers)."
    sure = lead(document_with({**many, "c": [0.7, 0.001]}))
    assert sure.title.startswith("base fails c1 (c, 50 speakers)")
    assert sure.sentences[-1] == "Measurably worse than all others of its grouping is also a0 (a, 50 speakers)."


def found(save, rows, quick, **options):
    document = audit(Request(table=save(rows), by=("part",), statistics=quick, **options)).document
    return lead(document), summary(document.groupings[0], document)


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
    few = {"speakers": 9, "inference": False}
    cohort = CohortFigures(cohort="b", label="b", discovery_rank=rank, discovery=0.2, before=0.1, **few)
    hidden = CohortFigures(cohort="other", label="2 cohorts", before=0.3, **few)
    grouping = GroupingFigures(name="g", title="g", split="half", found=3, discovered=True, cohorts=[cohort, hidden])
    assert said in selection(grouping)


def cohort(name, rate, bounds, **options):
    rest = Rest(ratio=sum(bounds) / 2, ci95=bounds, p=0.0001, p_holm=0.001, detectable_ratio=None, worse=True)
    return CohortFigures(cohort=name, label=name, speakers=40, inference=True, before=rate, rest=rest, **options)


def test_the_title_names_the_surest_finding_and_neither_what_was_merged_nor_those_of_whom_nothing_is_known():
    document = document_with({"a": [0.02, 0.9]})
    cohorts = [
        cohort("high", 0.5, (1.1, 4.0)),
        cohort("sure", 0.2, (1.8, 2.2)),
        cohort("unspecified", 0.6, (3.0, 4.0), unnamed=True),
        cohort("other", 0.7, (3.0, 4.0), merged=True),
    ]
    grouping = document.groupings[0]
    named = document.model_copy(update={"groupings": [grouping.model_copy(update={"cohorts": cohorts})]})
    head = lead(named)
    assert (
        head.title == "base fails sure (a, 40 speakers): 20.0\u202f% WER, 2.0 times that of all others (at least 1.8)."
    )
    assert head.sentences[-1] == "Measurably worse than all others is also high (a, 40 speakers)."
    nobody = document.model_copy(update={"groupings": [grouping.model_copy(update={"cohorts": cohorts[2:]})]})
    assert lead(nobody).title == "No cohort that can be named is measurably served worse than all other speakers."
