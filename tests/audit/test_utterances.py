import json

import jiwer
import pandas as pd
import pytest

from isogloss.cli.auditing import audit_utterances as audit
from isogloss.errors import ParamsError, TableError
from isogloss.judging.intake import Request
from isogloss.judging.intake.utterances import read_utterances


def refusal(**options) -> str:
    with pytest.raises((TableError, ParamsError)) as caught:
        audit(Request(**options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_word_errors_are_those_of_another_library_after_the_same_normalisation(tmp_path, save, table):
    rows = table.assign(ref="THE " + table["ref"] + ".", hyp="the " + table["hyp"])
    read = read_utterances(Request(table=save(rows), normalise=("lower", "punctuation")))
    measured = jiwer.process_words(("the " + table["ref"]).tolist(), ("the " + table["hyp"]).tolist())
    errors = read.before[["substitutions", "deletions", "insertions"]].sum().sum()
    assert errors == measured.substitutions + measured.deletions + measured.insertions
    assert read.before.words.sum() == measured.hits + measured.substitutions + measured.deletions


def test_a_nemo_manifest_needs_no_mapping(tmp_path, table):
    rows = [
        {
            "audio_filepath": row.utterance_id,
            "duration": 1.5,
            "text": row.ref,
            "pred_text": row.hyp,
            "speaker": row.speaker_id,
        }
        for row in table.itertuples()
    ]
    (tmp_path / "manifest.json").write_text("\n".join(map(json.dumps, rows)))
    read = read_utterances(Request(table=tmp_path / "manifest.json"))
    assert read.ids.tolist() == table["utterance_id"].tolist()
    assert read.before["speaker_id"].tolist() == table["speaker_id"].tolist()


def test_kaldi_files_and_a_table_of_speakers_give_what_one_table_gives(tmp_path, save, table, quick):
    for name, column in (("ref", "ref"), ("hyp", "hyp"), ("utt2spk", "speaker_id")):
        lines = [f"{utterance} {text}" for utterance, text in zip(table["utterance_id"], table[column], strict=True)]
        (tmp_path / name).write_text("\n".join(reversed(lines)) + "\n")
    speakers = save(table[["speaker_id", "part"]].drop_duplicates(), "speakers.tsv")
    kaldi = Request(
        ref=tmp_path / "ref",
        hyp=tmp_path / "hyp",
        utt2spk=tmp_path / "utt2spk",
        attributes=speakers,
        by=("part",),
        statistics=quick,
    )
    assert audit(kaldi).document == audit(Request(table=save(table), by=("part",), statistics=quick)).document


def test_the_order_of_the_second_table_does_not_matter(save, table, quick):
    after = table.assign(hyp=table["ref"]).sample(frac=1, random_state=1)
    request = Request(table=save(table), after=save(after, "after.jsonl"), by=("part",), statistics=quick)
    assert audit(request).document.overall.after == 0


def test_a_missing_column_suggests_the_nearest(save, table):
    path = save(table.rename(columns={"hyp": "hypothesis"}))
    assert "column 'hyp' is missing; is it 'hypothesis'? then say --column hyp=hypothesis" in refusal(table=path)
    assert audit(Request(table=path, columns={"hyp": "hypothesis"})).document.words == 1920
    assert "did you mean 'gender'" in refusal(table=save(table), by=("gendre",))
    assert "there is no column 'reff'" in refusal(table=save(table), columns={"reff": "ref"})
    assert "did you mean 'hyp'" in refusal(table=save(table), columns={"hyp": "hypp"})


def test_without_speakers_it_says_why_and_with_leave_it_gives_figures_alone(save, table):
    path = save(table.drop(columns="speaker_id"))
    said = refusal(table=path, by=("part",))
    assert "no column of speakers" in said and "alike" in said and "--speakers-unknown" in said
    document = audit(Request(table=path, by=("part",), speakers_unknown=True)).document
    assert document.speakers is None and document.overall.before_ci95 is None
    cohorts = document.groupings[0].cohorts
    assert len(cohorts) == 3
    assert all(c.speakers is None and c.before_ci95 is None and c.rest.p is None for c in cohorts)
    assert "needs speakers" in refusal(table=path, discover=("geographic",), speakers_unknown=True)


def test_missing_speakers_and_a_single_one_are_refused(save, table):
    gaps = table.assign(speaker_id=table["speaker_id"].mask(table.index == 4))
    assert "1 of 240 rows have no speaker (the first is utterance 's001-0')" in refusal(table=save(gaps))
    assert "all rows are of one speaker, 'x'" in refusal(table=save(table.assign(speaker_id="x")))


def test_empty_references_are_refused_unless_they_are_wanted(save, table):
    some = save(table.assign(ref=table["ref"].mask(table.index < 2)))
    assert "row 1: column 'ref' is empty, as are 2 of 240 references" in refusal(table=some)
    assert audit(Request(table=some, allow_empty=True)).document.utterances == 240
    assert "empty in every row" in refusal(table=save(table.assign(ref="")), allow_empty=True)
    assert "every hypothesis is empty" in refusal(table=save(table.assign(hyp="")))
    assert "leaves no word" in refusal(table=save(table.assign(ref="[noise]")), normalise=("brackets",))


def test_ids_that_differ_are_counted_and_three_are_named(save, table):
    after = table.assign(utterance_id=table["utterance_id"].where(table.index >= 5, "z" + table["utterance_id"]))
    said = refusal(table=save(table), after=save(after, "after.csv"))
    assert "10 utterance ids differ: 5 only in" in said and "'s000-0', 's000-1', 's000-2', ..." in said


def test_duplicate_ids_and_different_references_are_refused(save, table):
    twice = pd.concat([table, table.iloc[[3]]])
    assert "row 241: utterance 's000-3' occurs a second time" in refusal(table=save(twice))
    after = table.assign(ref=table["ref"].mask(table.index == 7, "other words"))
    assert "1 references differ" in refusal(table=save(table), after=save(after, "after.csv"))


@pytest.mark.parametrize(("weight", "said"), [(-1.0, "is -1"), (None, "is empty")])
def test_impossible_weights_are_refused_with_their_row(save, table, weight, said):
    rows = table.assign(weight=[1.0] * 9 + [weight] + [1.0] * 230)
    assert f"row 10: weight 'weight' {said}" in refusal(table=save(rows))


def test_a_single_cohort_measurements_and_identifiers_are_refused(save, table):
    rows = table.assign(one="x", age=range(len(table)), free=[f"v{i}" for i in range(len(table))])
    path = save(rows)
    assert "--by one: every row has the value 'x', a single cohort" in refusal(table=path, by=("one",))
    assert "240 different numbers; make bands" in refusal(table=path, by=("age",))


def test_attributes_that_know_none_of_our_speakers_are_refused(save, table):
    other = save(pd.DataFrame({"speaker_id": ["a"], "x": ["y"]}), "speakers.csv")
    assert "none of its 1 speaker_ids is among ours" in refusal(table=save(table), attributes=other, by=("x",))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either a TABLE, or --ref and --hyp"),
        ({"table": "a.csv", "discover": ("automatic",)}, "needs --embeddings"),
        ({"table": "a.csv", "discover": ("geodemographic",)}, "needs --zips"),
        ({"table": "a.csv", "discover": ("attribute",)}, "needs --by"),
        ({"table": "a.csv", "by": ("x", "x")}, "given twice"),
        ({"table": "a.csv", "hyp": "b"}, "--hyp belongs to Kaldi"),
        ({"ref": "a"}, "--ref needs --hyp"),
        ({"table": "a.csv", "after": "b.csv", "name": "x", "after_name": "x"}, "different names"),
    ],
)
def test_choices_that_do_not_fit_are_refused(options, said):
    with pytest.raises(ParamsError, match=said):
        Request(**options)
