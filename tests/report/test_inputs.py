"""An input that cannot be trusted is one sentence, and then nothing is written."""

import json

import pandas as pd
import pytest

from isogloss.errors import ParamsError, TableError
from isogloss.report.page import build_report

EWC = "results/asr/ewc/fairness.json"


def refused(repository, words, *, error=TableError):
    """Building fails with these words in one sentence and writes nothing."""
    with pytest.raises(error) as caught:
        build_report(repository.root)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message
    assert not (repository.root / "reports").exists()
    assert not (repository.root / "metrics.json").exists()


@pytest.mark.parametrize(
    "path",
    [
        "data/utterances.parquet",
        "results/asr/base/utterances.parquet",
        "cohorts/attribute/summary.json",
        "results/asr/finetune/fairness.json",
    ],
)
def test_a_missing_file_is_named(repository, path):
    (repository.root / path).unlink()
    refused(repository, [path, "does not exist"])


def test_missing_params_are_named(repository):
    (repository.root / "params.yaml").unlink()
    refused(repository, ["params.yaml does not exist"], error=ParamsError)


def test_without_cohort_rules_there_is_no_report_about_a_recogniser(repository):
    (repository.root / "params.yaml").write_text("cohorts: {rules: []}\nmitigation: {methods: []}\n")
    refused(repository, ["cohorts.rules is []", "isogloss run report_speaker"], error=ParamsError)


@pytest.mark.parametrize("key", ["overall", "task", "metric", "systems", "confidence", "min_speakers"])
def test_a_missing_key_is_named(repository, key):
    content = repository.read(EWC)
    del content[key]
    repository.write(EWC, content)
    refused(repository, [EWC, f"{key}: field required"])


def test_a_key_deep_inside_is_named_with_its_place(repository):
    content = repository.read(EWC)
    content["groupings"][0]["cohorts"][4]["words"] = "many"
    repository.write(EWC, content)
    refused(repository, [EWC, "groupings.0.cohorts.4.words", "valid integer"])


def test_a_file_that_is_no_json_is_named(repository):
    (repository.root / EWC).write_text(json.dumps({})[:-1])
    refused(repository, [EWC, "is not valid JSON"])


def test_a_document_of_other_rules_is_refused(repository):
    content = repository.read(EWC)
    repository.write(EWC, {**content, "groupings": content["groupings"][:1]})
    refused(repository, [EWC, "groupings is ['geographic']", "['geographic', 'attribute'] belongs here"])


def test_a_key_that_nobody_knows_is_refused(repository):
    repository.write(EWC, {**repository.read(EWC), "extra": 1})
    refused(repository, [EWC, "extra"])


@pytest.mark.parametrize(("key", "value"), [("systems", ["base", "finetune"]), ("split", "dev")])
def test_a_comparison_of_something_else_than_its_path_says_is_refused(repository, key, value):
    repository.write(EWC, {**repository.read(EWC), key: value})
    refused(repository, [EWC, f"{key} is {value!r}"])


def test_methods_that_were_compared_with_different_bases_are_refused(repository):
    content = repository.read(EWC)
    content["groupings"][0]["cohorts"][0]["before"] += 0.001
    repository.write(EWC, content)
    refused(repository, ["compare with different bases", EWC, "results/asr/finetune/fairness.json"])


def test_a_table_without_its_columns_is_refused(repository):
    path = repository.root / "results/asr/base/utterances.parquet"
    pd.read_parquet(path).rename(columns={"insertions": "inserted"}).to_parquet(path, index=False)
    refused(repository, ["column 'insertions' is missing", "did you mean 'inserted'?"])


RESULTS, METADATA = "results/asr/base/utterances.parquet", "data/utterances.parquet"
ASSIGNMENTS, SUMMARY = "cohorts/attribute/assignments.parquet", "cohorts/attribute/summary.json"


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        (RESULTS, lambda table: table.assign(substitutions="many"), "row 1: column 'substitutions' holds 'many'"),
        (RESULTS, lambda table: table.assign(words=9 * 10**18), "column 'words' holds"),
        (RESULTS, lambda table: table.assign(weight=1e308), "column 'weight' holds"),
        (RESULTS, lambda table: table.assign(weight=1e-300), "weight is 1e-300"),
        (RESULTS, lambda table: table.assign(speaker_id=None), "column 'speaker_id' holds"),
        (METADATA, lambda table: table.assign(duration_s="long"), "column 'duration_s' holds 'long'"),
        (METADATA, lambda table: table.assign(split=[["test"]] * len(table)), "column 'split' holds"),
        (METADATA, lambda table: pd.concat([table, table.tail(1)]), "1 utterance ids occur twice"),
        (ASSIGNMENTS, lambda table: pd.concat([table, table.tail(1)]), "1 utterance ids occur twice"),
        (ASSIGNMENTS, lambda table: table.assign(cohort="elsewhere"), "does not know the cohort 'elsewhere'"),
        (ASSIGNMENTS, lambda table: table.assign(cohort=[["a"]] * len(table)), "column 'cohort' holds"),
    ],
)
def test_a_table_with_impossible_cells_is_refused(repository, path, change, words):
    table = pd.read_parquet(repository.root / path)
    change(table).to_parquet(repository.root / path, index=False)
    refused(repository, [words])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": 7}, "cohorts.0.label"),
        ({"wer_rank": "first"}, "cohorts.0.wer_rank"),
        ({"discovery": None}, "cohorts.0.discovery"),
        ({"discovery": {"speakers": 9, "wer": 1e308}}, "cohorts.0.discovery.wer"),
        ({"geometry": {"rectangles": [[1, 2]]}}, "cohorts.0.geometry.rectangles.0"),
    ],
)
def test_a_summary_with_impossible_values_is_refused(repository, change, words):
    content = repository.read(SUMMARY)
    content["cohorts"][0].update(change)
    repository.write(SUMMARY, content)
    refused(repository, [SUMMARY, words])


@pytest.mark.parametrize("content", [[], {}, {"cohorts": "many"}, {"cohorts": [1]}])
def test_a_summary_of_another_shape_is_refused(repository, content):
    repository.write(SUMMARY, content)
    refused(repository, [SUMMARY])


@pytest.mark.parametrize(
    ("key", "value"), [("after", 1e308), ("ci95", [-1e308, 1e308]), ("p", 7), ("speakers", -7), ("words", 10**40)]
)
def test_a_figure_that_no_cohort_can_have_is_refused(repository, key, value):
    content = repository.read(EWC)
    content["groupings"][0]["cohorts"][0][key] = value
    repository.write(EWC, content)
    refused(repository, [EWC, "groupings.0.cohorts.0", key])


def test_an_older_page_stays_when_a_new_one_cannot_be_built(repository):
    build_report(repository.root)
    before = repository.page()
    (repository.root / EWC).unlink()
    with pytest.raises(TableError):
        build_report(repository.root)
    assert repository.page() == before
    assert [p.name for p in (repository.root / "reports").iterdir()] == ["fairness.html"]
