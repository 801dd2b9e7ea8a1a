"""Tables in the shapes that people have: wide, long, counted, summed by speaker; and what is refused."""

import pandas as pd
import pytest

from isogloss.cli.auditing import audit_utterances as audit
from isogloss.errors import ParamsError, TableError
from isogloss.judging.intake import Request
from isogloss.judging.intake.utterances import read_utterances

KINDS = ["substitutions", "deletions", "insertions"]


def refusal(**options) -> str:
    with pytest.raises((TableError, ParamsError)) as caught:
        read_utterances(Request(**options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def without_kinds(document):
    content = document.content()
    for figures in (content["overall"], *(c for g in content["groupings"] for c in g["cohorts"])):
        figures.pop("kinds")
    return content


@pytest.fixture
def second(table):
    return table["hyp"].str.replace("x", "x y")


def test_wide_and_long_tables_and_two_files_are_the_same_comparison(save, table, second, quick):
    wide = save(table.assign(other=second), "wide.csv")
    stacked = pd.concat([table.assign(system="A"), table.assign(system="B", hyp=second).sample(frac=1, random_state=1)])
    options = {"by": ("part",), "statistics": quick}
    expected = audit(
        Request(table=save(table), after=save(table.assign(hyp=second), "b.csv"), name="A", after_name="B", **options)
    )
    for request in (
        Request(table=wide, hypotheses=(("A", "hyp"), ("B", "other")), **options),
        Request(table=save(stacked, "long.csv"), system_column="system", **options),
        Request(table=save(stacked, "long.jsonl"), system_column="system", **options),
    ):
        assert audit(request).document == expected.document


def test_counts_and_sums_by_speaker_give_the_figures_of_the_texts(save, table, quick):
    options = {"by": ("part", "gender"), "statistics": quick}
    expected = audit(Request(table=save(table), **options)).document
    counted = read_utterances(Request(table=save(table))).before[["words", *KINDS]]
    rows = pd.concat([table.drop(columns=["ref", "hyp"]), counted], axis=1)
    assert audit(Request(table=save(rows, "counts.csv"), **options)).document == expected
    rows = rows.assign(utterances=1)
    keys = ["speaker_id", "part", "gender"]
    summed = rows.groupby(keys, as_index=False)[["words", *KINDS, "utterances"]].sum()
    found = audit(Request(table=save(summed, "summed.parquet"), **options)).document
    assert found.overall.kinds[0].runaway is None  # of sums nobody can tell
    assert without_kinds(found) == without_kinds(expected)
    total = summed.assign(errors=summed[KINDS].sum(axis=1)).drop(columns=KINDS)
    document = audit(Request(table=save(total, "total.csv"), **options)).document
    assert document.overall.before_ci95 == expected.overall.before_ci95
    assert [c.before for c in document.grouping("part").cohorts] == [
        c.before for c in expected.grouping("part").cohorts
    ]


def test_a_pattern_finds_the_speaker_in_the_utterance_id(save, table):
    path = save(table.drop(columns="speaker_id"))
    read = read_utterances(Request(table=path, speaker_pattern="^(s[0-9]+)-"))
    assert read.before["speaker_id"].tolist() == table["speaker_id"].tolist()
    assert "finds no speaker in 240 utterance ids, the first of which is 's000-0'" in refusal(
        table=path, speaker_pattern="^(x+)"
    )
    assert "has 0 groups" in refusal(table=path, speaker_pattern="^s")
    assert "is no regular expression" in refusal(table=path, speaker_pattern="(")


def test_missing_hypotheses_are_deletions_only_if_that_is_wanted(save, table):
    before, after = save(table), save(table.assign(hyp=table["ref"]).iloc[4:], "after.csv")
    assert "pass --missing-as-deletions" in refusal(table=before, after=after)
    read = read_utterances(Request(table=before, after=after, missing_as_deletions=True))
    assert read.after["deletions"].sum() == 4 * 8 == read.after[KINDS].to_numpy().sum()
    assert any("4 utterances have no hypothesis" in warning for warning in read.warnings)
    nothing = read_utterances(Request(table=save(table.assign(hyp=table["hyp"].mask(table.index < 3)), "gaps.csv")))
    assert "3 hypotheses are empty: all words of theirs count as deleted" in nothing.warnings


def test_all_missing_columns_are_one_sentence(save, table):
    path = save(table.rename(columns={"ref": "text", "hyp": "pred_text", "speaker_id": "client_id"}))
    said = refusal(table=path)
    assert "columns 'ref', 'hyp' and 'speaker_id' are missing" in said
    assert "--column ref=text --column hyp=pred_text --column speaker_id=client_id" in said


def test_one_thing_twice_is_refused(save, table):
    path = save(table)
    assert "name one column for two things" in refusal(table=path, columns={"ref": "ref", "hyp": "ref"})
    assert "is TABLE and --after at once" in refusal(table=path, after=path)
    assert "the same hypothesis in each of 240 utterances" in refusal(table=path, after=save(table, "b.csv"))
    assert "'hyp' is named twice" in refusal(table=path, hypotheses=(("A", "hyp"), ("B", "hyp")))
    assert "choose one" in refusal(table=path, after=path, system_column="gender")
    assert "--hyp A=hypp names no column; did you mean 'hyp'?" in refusal(table=path, hypotheses=(("A", "hypp"),))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"words": -1}, "row 3: column 'words' is -1; a count is a whole number"),
        ({"insertions": 0.5}, "row 3: column 'insertions' is 0.5"),
        ({"substitutions": 9}, "row 3: 9 words are substituted and 0 deleted, of 8 in the reference"),
        ({"words": 0, "substitutions": 0}, "row 3 has no reference words, as have 1 of 240 rows"),
    ],
)
def test_impossible_counts_are_refused_with_their_row(save, table, change, said):
    rows = table.drop(columns=["ref", "hyp"]).assign(words=8, substitutions=1, deletions=0, insertions=0)
    rows = rows.astype(dict.fromkeys(change, "float64"))
    for column, value in change.items():
        rows.loc[2, column] = value
    assert said in refusal(table=save(rows))


def test_systems_of_a_long_table_need_the_same_utterances_and_references(save, table, second):
    stacked = pd.concat([table.assign(system="A"), table.assign(system="B", hyp=second)], ignore_index=True)
    assert "1 utterance ids differ: 1 only in A, 0 only in B" in refusal(
        table=save(stacked.drop(index=300), "a.csv"), system_column="system"
    )
    stacked.loc[300, "ref"] = "other words"
    assert "1 references differ between A and B" in refusal(table=save(stacked, "b.csv"), system_column="system")


def test_utterances_of_other_speakers_are_not_compared(save, table, second):
    """Ids that count the utterances of two test sets may be the same; the second table needs no references."""
    after = table.assign(hyp=second).drop(columns="ref")
    same = save(after.drop(columns="speaker_id"), "same.csv")
    assert len(read_utterances(Request(table=save(table), after=same)).systems) == 2
    moved = after.assign(speaker_id=after["speaker_id"].replace({"s000": "s059"}))
    number = int((table["speaker_id"] == "s000").sum())
    said = f"{number} utterances are of another speaker in "
    assert said in refusal(table=save(table), after=save(moved, "moved.csv"))
    stacked = pd.concat([table.assign(system="A"), moved.assign(ref=table["ref"], system="B")], ignore_index=True)
    assert f"{said}A than in B" in refusal(table=save(stacked, "long.csv"), system_column="system")


def test_a_hint_where_case_alone_makes_most_errors(save, table):
    rows = table.assign(ref=table["ref"].str.upper(), hyp=table["hyp"])
    (said,) = read_utterances(Request(table=save(rows))).warnings
    assert said.startswith("case alone make") and said.endswith("add lower to --normalise")
    assert read_utterances(Request(table=save(rows), normalise=("lower",))).warnings == ()


def test_a_hint_where_letters_are_the_same_in_another_unicode_form(save, table):
    rows = table.assign(ref=table["ref"] + " caf\u00e9", hyp=table["ref"] + " caf\u00e9")
    rows.loc[:2, "hyp"] = rows.loc[:2, "hyp"].str.replace("\u00e9", "e\u0301")
    (said,) = read_utterances(Request(table=save(rows))).warnings
    assert said.startswith("3 of 3 errors are the same letters in another Unicode form")
    assert read_utterances(Request(table=save(rows), normalise=("nfkc",))).warnings == ()


def test_a_table_read_in_blocks_gives_the_document_of_the_table_read_at_once(save, table, quick, monkeypatch, threads):
    from isogloss.judging.intake import streaming

    rows = table.assign(weight=[1.0 + (int(s[1:]) % 2) for s in table["speaker_id"]], other=table["hyp"] + " y")
    options = {"by": ("part", "part+gender"), "statistics": quick, "hypotheses": (("A", "hyp"), ("B", "other"))}
    for name in ("rows.csv", "rows.jsonl"):
        path = save(rows, name)
        whole = audit(Request(table=path, **options))
        monkeypatch.setattr(streaming, "LARGE_BYTES", 1)
        monkeypatch.setattr(streaming, "BLOCK_BYTES", 9000)
        monkeypatch.setattr(streaming, "ProcessPoolExecutor", threads)
        assert streaming.stream_rows(Request(table=path, **options)) is not None
        assert audit(Request(table=path, **options)) == whole
        twice = save(pd.concat([rows, rows.iloc[[3]]]), f"twice_{name}")
        assert "occurs a second time" in refusal(table=twice, **options)
        monkeypatch.undo()
