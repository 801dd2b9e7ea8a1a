"""What is read from files: a cell or a text that cannot be computed with is refused in one sentence."""

import pandas as pd
import pytest

from isogloss.checks import parse_json, require_types
from isogloss.errors import TableError
from isogloss.tables import read_json

KINDS = {"speaker_id": "str", "accent": "str", "words": "int64", "latitude": "float64"}
GOOD = {"speaker_id": ["a", "b"], "accent": ["x", None], "words": [3, 0], "latitude": [40.5, None]}


def test_texts_numbers_and_missing_values_are_taken_where_they_belong():
    require_types(pd.DataFrame(GOOD), KINDS, where="t")
    require_types(pd.DataFrame({**GOOD, "accent": [None, None], "latitude": [None, None]}), KINDS, where="t")
    require_types(pd.DataFrame(GOOD).head(0), KINDS, where="t")


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("words", ["3", "many"], "row 1: column 'words' holds '3', not a whole number"),
        ("words", [3, -1], "row 2"),
        ("words", [3, 0.5], "row 2"),
        ("words", [3, None], "row 2"),
        ("words", [3, 9 * 10**18], "row 2"),
        ("words", [True, False], "row 1"),
        ("latitude", [1.0, float("inf")], "row 2"),
        ("latitude", [1.0, 1e308], "row 2: column 'latitude' holds"),
        ("latitude", ["north", None], "row 1"),
        ("speaker_id", ["a", None], "row 2"),
        ("speaker_id", [1, 2], "row 1: column 'speaker_id' holds"),
        ("accent", ["x", ["y"]], "row 2: column 'accent' holds ['y'], not a text"),
        ("accent", ["x", list(range(1000))], "..."),
    ],
)
def test_a_cell_of_another_kind_is_named(column, values, words):
    table = pd.DataFrame({**GOOD, column: pd.Series(values)})
    with pytest.raises(TableError) as caught:
        require_types(table, KINDS, where="t.parquet")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"\\ud800"', "half of a character"),
        ('{"\\uDCFF": 1}', "half of a character"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "a number of more than 4300 digits"),
        ("{", "is not valid JSON"),
    ],
)
def test_json_that_cannot_be_used_is_refused_in_few_words(tmp_path, text, words):
    with pytest.raises(ValueError, match=words):
        parse_json(text)
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(TableError, match=words):
        read_json(tmp_path / "x.json")


def test_both_halves_of_a_character_are_one():
    assert parse_json('"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_json_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "x.json").write_bytes("{}".encode("utf-16"))
    with pytest.raises(TableError, match="byte 0 is not UTF-8"):
        read_json(tmp_path / "x.json")
