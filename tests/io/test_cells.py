import json

import pandas as pd
import pytest

from isogloss.errors import TableError
from isogloss.io.cells import cells, identifier, number, number_column, text, text_column
from isogloss.io.table_reader import read_table


def test_mixed_types_are_refused_with_both_places(tmp_path):
    rows = [{"age": 20}, {"age": "old"}, {"age": 30}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for read in (text_column, number_column, cells):
        with pytest.raises(TableError, match=r"line 2: column 'age' holds text \('old'\), but a number in line 1"):
            read(read_table(tmp_path / "a.jsonl"), "age")


@pytest.mark.parametrize("value", ['["a"]', '{"de": "a"}'])
def test_lists_and_objects_are_no_cells(tmp_path, value):
    (tmp_path / "a.jsonl").write_text(f'{{"ref": {value}}}\n')
    for read in (text_column, cells):
        with pytest.raises(TableError, match=r"line 1: column 'ref' holds a (list|dict)"):
            read(read_table(tmp_path / "a.jsonl"), "ref")


def test_a_word_among_numbers_is_refused_with_its_row(tmp_path):
    (tmp_path / "a.csv").write_text("latitude\n1.5\n\nhigh\n")
    with pytest.raises(TableError, match="row 2: column 'latitude' holds 'high', not a number"):
        number_column(read_table(tmp_path / "a.csv"), "latitude")


def test_whole_numbers_are_written_without_a_point_and_missing_cells_stay_missing(tmp_path):
    pd.DataFrame({"grade": [1.0, None, 2.0]}).to_parquet(tmp_path / "a.parquet")
    source = read_table(tmp_path / "a.parquet")
    assert text_column(source, "grade").fillna("?").tolist() == ["1", "?", "2"]


def test_ids_are_text_or_whole_numbers():
    assert (identifier("007", "t"), identifier(7, "t")) == ("007", "7")
    for wrong, said in ((None, "is empty"), (True, "is True"), (7.5, "is 7.5; store identifiers as text")):
        with pytest.raises(TableError, match=f"t.csv, line 7: id {said}"):
            identifier(wrong, "t.csv, line 7: id")


def test_texts_are_not_numbers():
    assert text("seven", "t") == "seven"
    for wrong, said in ((None, "is empty"), (7, "is 7, not text")):
        with pytest.raises(TableError, match=f"t.csv, line 7: text {said}"):
            text(wrong, "t.csv, line 7: text")


def test_numbers_are_finite_and_within_their_range():
    assert (number(" 1e2 ", "t"), number(None, "t"), number(7, "t", 0, 7)) == (100.0, None, 7.0)
    for wrong in ("nan", "inf", "1_0", "x", True, float("nan"), 10**400):
        with pytest.raises(TableError, match=r"t: lat is .*, not a number"):
            number(wrong, "t: lat")
    with pytest.raises(TableError, match="lat is 91, but must be from -90 to 90"):
        number("91", "t: lat", -90, 90)
