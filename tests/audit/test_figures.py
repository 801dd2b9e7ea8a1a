"""The figures are those of the parts they are made of, and an attacker cannot go behind the hidden ones."""

import itertools

import numpy as np
import pandas as pd
import pytest

from isogloss.cli.auditing import audit_utterances as audit
from isogloss.errors import TableError
from isogloss.judging import disparities, error_rates, word_errors
from isogloss.judging.intake import Request
from isogloss.report.document_page import render_document
from isogloss.report.flat import flat_table


def test_rates_counts_and_tests_are_those_of_the_unsummed_rows(save, table, quick):
    weight = table["speaker_id"].str[-1].astype(int) % 3 + 0.5
    document = audit(
        Request(table=save(table.assign(weight=weight)), by=("part",), statistics=quick)
    ).document.content()
    rows = pd.concat([table, word_errors(table["ref"], table["hyp"])], axis=1).assign(weight=weight)
    rates = error_rates(rows, "part")
    tests = {one.cohort: one for one in disparities(rows, cohort="part", statistics=quick)}
    cohorts = document["groupings"][0]["cohorts"]
    assert [c["cohort"] for c in cohorts] == rates["error_rate"].sort_values(ascending=False).index.tolist()
    for c in cohorts:
        expected, test = rates.loc[c["cohort"]], tests[c["cohort"]]
        assert c["before"] == pytest.approx(expected["error_rate"])
        assert [c["speakers"], c["utterances"], c["words"]] == expected[["speakers", "utterances", "words"]].tolist()
        assert c["rest"]["ratio"] == pytest.approx(test.ratio)
        assert c["rest"]["ci95"] == pytest.approx(test.ratio_interval) and c["rest"]["p"] == test.p


def test_one_system_has_nothing_that_needs_a_second(save, table, quick):
    document = audit(Request(table=save(table), by=("part",), statistics=quick)).document.content()
    (grouping,) = document["groupings"]
    spread = {key: grouping["spread"][key] for key in ("mean", "max", "variance", "relative_gap")}
    figures = [document["overall"], *grouping["cohorts"], *spread.values()]
    assert document["systems"] == ["before"]
    assert all(figure[key] is None for figure in figures for key in ("after", "relative_change", "ci95"))
    assert spread["max"]["before"] > spread["mean"]["before"]


def test_a_second_system_that_is_worse_for_one_part_harms_it_alone(save, table, quick):
    worse = table.assign(hyp=table["hyp"].where(table["part"] != "south", table["hyp"] + " y y"))
    request = Request(table=save(table), after=save(worse, "after.csv"), by=("part",), statistics=quick)
    assert audit(request).document.content()["groupings"][0]["harmed_cohorts"] == ["south"]


def published(document: dict, members: dict[tuple[str, str], set[str]]) -> list[tuple[set[str], dict]]:
    """The sets of speakers whose sums a document shows, with the sums."""
    shown = []
    for grouping in document["groupings"]:
        merged = set().union(*(v for (rule, _), v in members.items() if rule == grouping["name"]))
        for c in grouping["cohorts"]:
            if c["cohort"] != grouping["hidden"]["merged"]:
                merged -= members[grouping["name"], c["cohort"]]
        for c in grouping["cohorts"]:
            name = c["cohort"]
            speakers = merged if name == grouping["hidden"]["merged"] else members[grouping["name"], name]
            assert len(speakers) == c["speakers"]
            shown.append((speakers, c))
    return shown


@pytest.mark.parametrize("seed", range(6))
def test_an_attacker_who_solves_all_published_sums_meets_no_group_of_few_speakers(save, quick, make, seed):
    rng = np.random.default_rng(seed)
    table = make(speakers=45, utterances=2, seed=seed)
    ids = table["speaker_id"].unique()
    kinds = {
        "a": dict(zip(ids, rng.choice(list("xyz"), 45, p=[0.6, 0.3, 0.1]), strict=True)),
        "b": dict(zip(ids, rng.choice(list("uvw"), 45, p=[0.5, 0.4, 0.1]), strict=True)),
    }
    rows = table.assign(**{name: table["speaker_id"].map(kind) for name, kind in kinds.items()})
    after = rows.assign(hyp=rows["ref"])
    request = Request(
        table=save(rows), after=save(after, "after.csv"), by=("a", "b", "a+b"), statistics=quick, min_speakers=4
    )
    document = audit(request).document.content()
    members: dict[tuple[str, str], set[str]] = {}
    for speaker in ids:
        a, b = kinds["a"][speaker], kinds["b"][speaker]
        for key in (("a", a), ("b", b), ("a+b", f"a={a} & b={b}")):
            members.setdefault(key, set()).add(speaker)
    shown = published(document, members)
    system = np.array([np.ones(45), *([speaker in group for speaker in ids] for group, _ in shown)], dtype=float)
    atoms, sizes = np.unique(system, axis=1, return_counts=True)
    words = np.array([document["words"], *(c["words"] for _, c in shown)], dtype=float)
    solution, *_ = np.linalg.lstsq(atoms, words, rcond=None)
    assert atoms @ solution == pytest.approx(words)  # the sums do fit the system the attacker has set up
    blind = np.eye(len(sizes)) - np.linalg.pinv(atoms) @ atoms
    small = [atom for atom, size in enumerate(sizes) if size < 4]
    solved = [
        group
        for number in (1, 2, 3)
        for group in itertools.combinations(small, number)
        if sizes[list(group)].sum() < 4 and np.abs(blind[:, list(group)].sum(axis=1)).max() < 1e-9
    ]
    assert solved == []


def test_cohorts_too_small_to_be_told_apart_are_withheld(save, table, quick):
    rows = table.assign(rare=np.where(table["speaker_id"] < "s002", "yes", "no"))
    (grouping,) = audit(Request(table=save(rows), by=("rare",), statistics=quick)).document.content()["groupings"]
    assert "too small" in grouping["withheld"] and grouping["cohorts"] == []


def test_fewer_speakers_than_may_be_shown_are_refused(save, make):
    with pytest.raises(TableError, match="3 speakers are fewer than the 5"):
        audit(Request(table=save(make(speakers=3))))


def test_the_flat_table_has_a_row_a_cohort_and_numbers_throughout(save, table, quick):
    document = audit(Request(table=save(table), by=("part", "gender"), statistics=quick)).document
    flat = flat_table(document)
    assert len(flat) == 5 and flat["rest_ci95_low"].dtype == "float64"
    first = document.groupings[0].cohorts[0]
    assert flat.loc[0, ["before_ci95_low", "before_ci95_high"]].tolist() == list(first.before_ci95)


def test_the_same_request_gives_the_same_document(save, table, quick):
    request = Request(table=save(table), by=("part",), statistics=quick)
    assert audit(request).document == audit(request).document


def test_clips_of_silence_are_shown_but_not_judged(save, make, quick):
    speech, silence = make(speakers=44).assign(kind="speech"), make(speakers=44).assign(kind="silence", ref="")
    silence["speaker_id"] = "q" + silence["speaker_id"]
    silence["utterance_id"] = "q" + silence["utterance_id"]
    request = Request(
        table=save(pd.concat([speech, silence])), by=("kind",), statistics=quick, allow_empty=True, name="base"
    )
    found = audit(request)
    (grouping,) = found.document.groupings
    assert [c.cohort for c in grouping.cohorts] == ["speech", "silence"]
    silence = grouping.cohort("silence")
    assert silence.before is None and silence.rest.p is None
    assert grouping.worse_cohorts == []
    assert "no words to judge" in render_document(found.document)
