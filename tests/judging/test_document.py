"""The form of a document, which files keep and other programs read."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from isogloss.judging import Document

SCHEMA = Path(__file__).parents[2] / "docs" / "document.schema.json"
LEAST = {
    "task": "asr",
    "metric": "WER",
    "systems": ["base"],
    "split": "test",
    "speakers": 40,
    "confidence": 0.95,
    "resamples": 200,
    "permutations": 200,
    "seed": 1,
    "min_speakers": 5,
    "min_speakers_for_inference": 20,
    "overall": {"before": 0.1},
}


def test_the_schema_in_docs_is_that_of_the_code():
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == Document.model_json_schema(), "run `make schema`"


def test_every_field_has_a_place_in_the_schema_and_no_other_is_taken():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    parts = [schema, *schema["$defs"].values()]
    assert all(part["additionalProperties"] is False for part in parts if part["type"] == "object")
    assert Document.model_validate(LEAST).overall.before == 0.1
    with pytest.raises(ValidationError, match="mean"):
        Document.model_validate({**LEAST, "mean": 0.1})


def test_a_document_is_of_one_system_or_of_two():
    one, two = (Document.model_validate({**LEAST, "systems": names}) for names in (["a"], ["a", "b"]))
    assert [one.paired, one.baseline, one.system] == [False, "a", "a"]
    assert [two.paired, two.baseline, two.system] == [True, "a", "b"]
    for wrong in ([], ["a", "b", "c"]):
        with pytest.raises(ValidationError, match="systems"):
            Document.model_validate({**LEAST, "systems": wrong})
