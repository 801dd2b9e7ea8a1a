import json

import pandas as pd
import pytest

from isogloss.errors import TableError
from isogloss.io.cells import number_column, text_column
from isogloss.io.kaldi import read_mapping
from isogloss.io.reading import read_table


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_the_same_table_reads_the_same_from_every_format(table, save, suffix):
    source = read_table(save(table, f"results.{suffix}"))
    assert source.rows == len(table)
    for name in ("utterance_id", "hyp", "zip"):
        assert text_column(source, name).tolist() == table[name].tolist()
    assert number_column(source, "latitude").tolist() == table["latitude"].tolist()


def test_commas_quotes_and_line_ends_in_quoted_cells_are_text(tmp_path):
    (tmp_path / "a.csv").write_text('ref,hyp\n"one, ""two""\nthree",four\n')
    assert text_column(read_table(tmp_path / "a.csv"), "ref").tolist() == ['one, "two"\nthree']


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfref,hyp\na,b\n")
    assert read_table(tmp_path / "a.csv").names == ["ref", "hyp"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", b"ref,hyp\na,b\nc\xe9,d\n", "a.csv, line 3 is not UTF-8: byte 13 of the file is 0xe9"),
        ("a.jsonl", b'{"ref": "a"}\n\n{"ref": \n', "a.jsonl, line 3 is not valid JSON"),
        ("a.jsonl", b'{"ref": "a"}\n[1]\n', "a.jsonl, line 2 is a list"),
        ("a.csv", b"ref,hyp\na,b\na,b,c\n", "is not a well-formed table: .*Row #3: Expected 2 columns, got 3"),
        ("a.csv", b"ref,hyp,ref\na,b,c\n", "column 'ref' appears twice"),
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b"ref,hyp\n", "a.csv holds no rows"),
        ("a.parquet", b"PAR1nonsense", "is not a readable parquet file"),
        ("a.xlsx", b"", "unknown kind of table '.xlsx'"),
    ],
)
def test_an_unreadable_table_is_one_sentence_with_its_place(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=sentence) as refusal:
        read_table(tmp_path / name)
    assert "\n" not in str(refusal.value)


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(TableError, match=r"nowhere\.csv does not exist"):
        read_table(tmp_path / "nowhere.csv")


def test_mixed_types_are_refused_with_both_places(tmp_path):
    rows = [{"age": 20}, {"age": "old"}, {"age": 30}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(TableError, match=r"line 2: column 'age' holds text \('old'\), but a number in line 1"):
        text_column(read_table(tmp_path / "a.jsonl"), "age")


def test_lists_are_no_cells(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"ref": ["a"]}\n')
    with pytest.raises(TableError, match="holds a list"):
        text_column(read_table(tmp_path / "a.jsonl"), "ref")


def test_a_word_among_numbers_is_refused_with_its_row(tmp_path):
    (tmp_path / "a.csv").write_text("latitude\n1.5\n\nhigh\n")
    with pytest.raises(TableError, match="row 2: column 'latitude' holds 'high', not a number"):
        number_column(read_table(tmp_path / "a.csv"), "latitude")


def test_whole_numbers_are_written_without_a_point_and_missing_cells_stay_missing(save):
    source = read_table(save(pd.DataFrame({"grade": [1.0, None, 2.0]}), "a.parquet"))
    assert text_column(source, "grade").fillna("?").tolist() == ["1", "?", "2"]


def test_kaldi_text_keeps_inner_words_and_knows_empty_lines(tmp_path):
    (tmp_path / "text").write_text("u1 one  two\nu2\n\nu3\tthree\n")
    assert read_mapping(tmp_path / "text").to_dict() == {"u1": "one  two", "u2": "", "u3": "three"}


def test_kaldi_text_with_an_id_twice_is_refused(tmp_path):
    (tmp_path / "text").write_text("u1 a\nu1 b\n")
    with pytest.raises(TableError, match="line 2: utterance 'u1' occurs twice"):
        read_mapping(tmp_path / "text")
