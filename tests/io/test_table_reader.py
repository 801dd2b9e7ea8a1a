"""Every table that people bring reads the same from every format, or is refused in one sentence with its place."""

import csv
import gzip
import hashlib
import io
import json
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.errors import ParamsError, TableError
from isogloss.io import separated
from isogloss.io.cells import cells, number_column, text_column
from isogloss.io.separated import parse_separator, sniff
from isogloss.io.table_reader import read_table

ROWS = [
    {"id": "007", "text": 'say "stop", now', "lat": 40.5},
    {"id": "008", "text": "turn it up", "lat": None},
    {"id": "009", "text": "ein Café; zwei", "lat": -3.0},
]


def save(path: Path) -> Path:
    """The table of `ROWS` in the format that a name says."""
    frame = pd.DataFrame(ROWS)
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "xlsx":
        frame.to_excel(path, index=False)
    else:
        if kind == "tsv":
            content = frame.to_csv(index=False, sep="\t", quoting=csv.QUOTE_NONE)
        elif kind == "csv":
            content = frame.to_csv(index=False, sep=";" if "semicolon" in path.name else ",")
        else:
            content = frame.to_json(orient="records", lines=kind == "jsonl")
        data = content.encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    "name", ["a.csv", "semicolons.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet", "a.xlsx", "a.csv.gz", "a.jsonl.gz"]
)
def test_the_same_table_reads_the_same_from_every_format(tmp_path, name):
    source = read_table(save(tmp_path / name))
    assert source.rows == 3
    for column in ("id", "text"):
        assert text_column(source, column).tolist() == cells(source, column) == [row[column] for row in ROWS]
    assert number_column(source, "lat").fillna(99.0).tolist() == [40.5, 99.0, -3.0]


def test_text_keeps_its_leading_zeros_and_empty_cells_are_none(tmp_path):
    (tmp_path / "t.csv").write_text("id, zip\n007, 00501\n008,\n", encoding="utf-8")
    source = read_table(tmp_path / "t.csv", columns=["zip", "id"])
    assert source.names == ["id", "zip"]
    assert (cells(source, "zip"), cells(source, "id")) == (["00501", None], ["007", "008"])


def test_rows_are_counted_without_the_header_or_as_lines_of_the_file(tmp_path):
    (tmp_path / "t.csv").write_text('id,text\n1,"two\nlines"\n\n2,one\n', encoding="utf-8")
    by_row, by_line = read_table(tmp_path / "t.csv"), read_table(tmp_path / "t.csv", count="lines")
    assert [by_row.position(row) for row in (0, 1)] == ["row 1", "row 2"]
    assert [by_line.place(row) for row in (0, 1)] == [f"{tmp_path / 't.csv'}, line {line}" for line in (2, 5)]


def test_commas_quotes_and_line_ends_in_quoted_cells_are_text(tmp_path):
    (tmp_path / "a.csv").write_text('ref,hyp\n"one, ""two""\nthree",four\n"",""\n"a ""b""","""c"""\n')
    source = read_table(tmp_path / "a.csv")
    assert cells(source, "ref") == ['one, "two"\nthree', None, 'a "b"']
    assert cells(source, "hyp") == ["four", None, '"c"']


def test_a_quote_inside_an_unquoted_cell_is_a_character(tmp_path):
    (tmp_path / "a.csv").write_text('id,ref\n1,5" tall\n2,six\n')
    assert cells(read_table(tmp_path / "a.csv"), "ref") == ['5" tall', "six"]


def test_quotes_are_plain_characters_in_tsv(tmp_path):
    (tmp_path / "t.tsv").write_text('id\ttext\n1\t"stop\n2\tgo"\n', encoding="utf-8")
    assert cells(read_table(tmp_path / "t.tsv"), "text") == ['"stop', 'go"']


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfref,hyp\na,b\n")
    assert read_table(tmp_path / "a.csv").names == ["ref", "hyp"]


@pytest.mark.parametrize("size", [200_000, (1 << 20) + 1, separated.BLOCK_BYTES + 1])
def test_a_cell_may_be_longer_than_any_parser_s_block(tmp_path, size):
    (tmp_path / "a.csv").write_text(f"id,text\n1,a\n2,{'x' * size}\n3,b\n")
    source = read_table(tmp_path / "a.csv")
    assert [len(cell) for cell in cells(source, "text")] == [1, size, 1]
    assert csv.field_size_limit() == 131072


@pytest.mark.parametrize(
    ("header", "separator"),
    [
        (b"a,b,c\n", ","),
        (b"\n\na;b;c\n1,5;2;3\n", ";"),
        (b"a\tb;c\td\n", "\t"),
        (b'a|"x,y,z"|c\n', "|"),
        (b"one\n", ","),
        (b"a,b;c\n", ","),
    ],
)
def test_the_separator_is_what_the_header_holds_most_of(header, separator):
    assert sniff(header) == separator


def test_a_separator_may_be_named(tmp_path):
    (tmp_path / "a.csv").write_text("a,1:b\nc,2:d\n")
    assert read_table(tmp_path / "a.csv", separator=":").names == ["a,1", "b"]
    assert [parse_separator(name) for name in ("tab", "\\t", ";", "semicolon", "pipe", "^")] == [*"\t\t;;|^"]
    for wrong in ("", "ab", '"', "\n", "é", "x"):
        with pytest.raises(ParamsError, match="--separator"):
            parse_separator(wrong)


BAD = [
    ("t.csv", b"", "is empty"),
    ("t.csv", b"\n", "is empty"),
    ("t.csv", b"id,text\n", "holds no rows"),
    ("t.csv", b"id,text\n\n\r\n", "holds no rows"),
    ("t.csv", b"id,text\na,b\nc\xe9,d\n", r"t\.csv, line 3 is not UTF-8: byte 13 of the file is 0xe9"),
    ("t.csv", "id,text\n1,a\n".encode("utf-16"), r"t\.csv, line 1 is not UTF-8"),
    ("t.csv", b"id,id,text\n1,2,3\n", "column 'id' appears twice"),
    ("t.csv", b"id,text\n1,a,b\n", r"t\.csv, line 2: 3 cells under 2 column names"),
    ("t.csv", b"id,text\n1,a\n1\n", r"t\.csv, line 3: 1 cells under 2 column names"),
    ("t.csv", b'id,text\n1,"open\n2,b\n', r"t\.csv, line 2: unexpected end of data, in row 1"),
    ("t.csv", b'id,"text\n1,b\n', r"t\.csv, line 1: unexpected end of data, in the header"),
    ("t.csv", b'id,text\n1,"a" b\n', r"t\.csv, line 2: ',' expected after '\"', in row 1"),
    ("t.csv", b"id,txt\n1,a\n", r"t\.csv: column 'text' is missing; did you mean 'txt'"),
    ("t.csv.gz", b"id,text\n1,a\n", r"t\.csv\.gz is not a whole gzip file"),
    ("t.csv.gz", gzip.compress(b"id,text\n1,a\n")[:-9], r"t\.csv\.gz is not a whole gzip file"),
    ("t.jsonl", b"", "is empty"),
    ("t.jsonl", b"\n\n", "is empty"),
    ("t.jsonl", b'{"id": "1", "text": "a"}\n{"id": \n', r"t\.jsonl, line 2 is not valid JSON"),
    ("t.jsonl", b'{"id": "1", "text": "a"}\n\n[1]\n', r"t\.jsonl, line 3 is a list; give one JSON object a line"),
    ("t.jsonl", b'{"id": "1"}\n{"id": "\xff"}\n', r"t\.jsonl, line 2 is not UTF-8"),
    ("t.jsonl", b'{"id": "\\ud83d"}\n', r"t\.jsonl, line 1 holds half of a character"),
    ("t.jsonl", b"[" * 100_000, r"t\.jsonl, line 1 is nested too deeply"),
    ("t.json", b"[]", "is empty"),
    ("t.json", b'[{"id": 1}, 2]', r"t\.json, item 2 is a int; give an array of objects"),
    ("t.json", b'[{"id": 1}', r"t\.json is not valid JSON"),
    ("t.parquet", b"", "is empty"),
    ("t.parquet", b"PAR1 no, not really", "is not a readable parquet file"),
    ("t.xlsx", b"x", "is not a readable Excel workbook"),
    ("t.docx", b"x", r"unknown kind of table '\.docx'; give one of \.csv, \.tsv, \.jsonl, \.json, \.parquet, \.xlsx"),
    ("t", b"x", "unknown kind of table ''"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), BAD, ids=[f"{n} {s}" for n, _, s in BAD])
def test_an_unusable_table_is_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=sentence) as raised:
        read_table(tmp_path / name, columns=["id", "text"])
    assert str(tmp_path / name) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet", "xlsx"])
def test_a_missing_table_and_a_folder_are_named(tmp_path, suffix):
    with pytest.raises(TableError, match=rf"t\.{suffix} does not exist"):
        read_table(tmp_path / f"t.{suffix}")
    (tmp_path / f"d.{suffix}").mkdir()
    with pytest.raises(TableError, match=rf"d\.{suffix} cannot be read: Is a directory"):
        read_table(tmp_path / f"d.{suffix}")


def test_a_table_that_has_changed_since_it_was_described_is_noticed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"id\n1\n")
    good = hashlib.sha256(b"id\n1\n").hexdigest()
    assert read_table(path, sha256=good).rows == 1
    path.write_bytes(b"id\n2\n")
    with pytest.raises(TableError, match=f"is not the table that was described: its sha256 is {'[0-9a-f]' * 64}"):
        read_table(path, sha256=good)


@pytest.mark.parametrize("lone", ['2,f,"turn on,turn off\n3,f,turn on",turn off', '2,"f,a,b\n3,f",c,d\n4,e,f,g'])
def test_two_lone_quotes_that_pair_up_by_chance_do_not_swallow_rows(tmp_path, lone):
    (tmp_path / "a.csv").write_text(f"id,gender,ref,hyp\n1,f,turn on,turn off\n{lone}\n")
    with pytest.raises(TableError, match=r"line 3 \(row 2\): a quoted cell goes on to line 4 and holds as many"):
        read_table(tmp_path / "a.csv")


def test_a_workbook_names_rows_as_the_spreadsheet_does(tmp_path):
    book = openpyxl.Workbook()
    for row in (["id", "age"], [1, 20], [None, None], [2, "old"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    source = read_table(tmp_path / "a.xlsx")
    assert cells(source, "id") == [1, 2]
    with pytest.raises(TableError, match=r"sheet row 4: column 'age' holds text .*, but a number in sheet row 2"):
        number_column(source, "age")


def test_whole_numbers_beside_nulls_of_parquet_keep_all_their_digits(tmp_path):
    column = pa.array([1234567890123456789, None, 7], pa.int64())
    pa.parquet.write_table(
        pa.table({"id": column, "kind": pa.array(["a", "b", "a"]).dictionary_encode()}), tmp_path / "a.parquet"
    )
    source = read_table(tmp_path / "a.parquet")
    assert text_column(source, "id").fillna("?").tolist() == ["1234567890123456789", "?", "7"]
    assert text_column(source, "kind").tolist() == ["a", "b", "a"]


ATOMS = st.sampled_from([*'"",\n\r ;a', "\r\n", '""', "bc", "é", "\t"])


@given(st.lists(ATOMS, max_size=24).map("".join), st.sampled_from(",;"))
def test_a_csv_file_is_read_as_python_s_strict_parser_reads_it_or_refused(tmp_path_factory, body, separator):
    content = f"x{separator}y\n{body}"
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(content.encode())
    try:
        rows = [row for row in csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True) if row]
        good = len(rows) > 1 and all(len(row) == 2 for row in rows)
    except csv.Error:
        good = False
    if not good:
        with pytest.raises(TableError):
            read_table(path, separator=separator)
        return
    source = read_table(path, separator=separator, count="lines")
    assert [list(row) for row in zip(source.values("x"), source.values("y"), strict=True)] == [
        [cell or None for cell in row] for row in rows[1:]
    ]
    assert source.numbers is not None and len(source.numbers()) == len(rows) - 1


def test_a_csv_file_of_plain_quotes_does_not_need_the_slow_parser(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text('a,b\n1,"x, ""y"""\n"2",z\n')
    monkeypatch.setattr(separated._Separated, "_strict", lambda *_: pytest.fail("parsed row by row"))
    assert cells(read_table(tmp_path / "a.csv"), "b") == ['x, "y"', "z"]


def test_json_numbers_and_texts_are_kept_apart(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"age": 20}, {"age": "20"}]))
    with pytest.raises(TableError, match=r"item 2: column 'age' holds text \('20'\), but a number in item 1"):
        text_column(read_table(tmp_path / "a.json"), "age")


@pytest.mark.parametrize("suffix", ["xlsx", "parquet", "csv.gz"])
def test_a_damaged_binary_file_is_refused_or_read_but_never_a_traceback(tmp_path, suffix):
    content = save(tmp_path / f"good.{suffix}").read_bytes()
    damaged = tmp_path / f"bad.{suffix}"
    refused = 0
    for position in range(0, len(content), max(1, len(content) // 150)):
        damaged.write_bytes(content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :])
        try:
            source = read_table(damaged)
            for name in source.names:
                cells(source, name)
        except TableError as error:
            refused += 1
            assert str(damaged) in str(error) and "\n" not in str(error)
    assert refused > 20


def test_text_of_parquet_that_is_no_utf8_is_refused_with_its_column(tmp_path):
    binary = pa.array([b"good", b"b\xffd"], pa.binary())
    pa.parquet.write_table(pa.table({"ref": binary.view(pa.string())}), tmp_path / "a.parquet")
    source = read_table(tmp_path / "a.parquet")
    for read in (text_column, cells):
        with pytest.raises(TableError, match=r"a\.parquet: column 'ref' cannot be read"):
            read(source, "ref")
