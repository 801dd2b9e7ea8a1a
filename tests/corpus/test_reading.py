"""Tables that cannot be read end in one sentence that names the file, and the row where there is one."""

import hashlib
from pathlib import Path

import pytest

from isogloss.corpus.ingest.reading import column_names, read_table
from isogloss.errors import TableError


def test_text_keeps_its_leading_zeros_and_empty_cells_are_none(tmp_path):
    (tmp_path / "t.csv").write_text("id, zip\n007, 00501\n008,\n", encoding="utf-8")
    table = read_table(tmp_path / "t.csv", ["zip", "id"])
    assert table.columns == {"zip": ["00501", None], "id": ["007", "008"]}
    assert table.place(1) == f"{tmp_path / 't.csv'}, line 3"
    assert column_names(tmp_path / "t.csv") == ["id", "zip"]


def test_quotes_are_plain_characters_in_tsv(tmp_path):
    (tmp_path / "t.tsv").write_text('id\ttext\n1\t"stop\n2\tgo"\n', encoding="utf-8")
    assert read_table(tmp_path / "t.tsv", ["text"]).columns["text"] == ['"stop', 'go"']


def test_a_place_is_where_a_record_begins_though_quoted_text_spans_lines(tmp_path):
    (tmp_path / "t.csv").write_text('id,text\n1,"two\nlines"\n\n2,one\n', encoding="utf-8")
    assert read_table(tmp_path / "t.csv", ["id"]).numbers == [2, 5]


BAD = [
    ("t.csv", b"", "is empty"),
    ("t.csv", b"id,text\n", "holds no rows"),
    ("t.csv", b"id,text\n1,caf\xe9\n", r"t\.csv, line 2 is not UTF-8"),
    ("t.csv", "id,text\n1,a\n".encode("utf-16"), r"t\.csv, line 1 is not UTF-8"),
    ("t.csv", b"id,id,text\n1,2,3\n", "column 'id' appears twice"),
    ("t.csv", b"id,text\n1,a,b\n", r"t\.csv, line 2: 3 cells under 2 column names"),
    ("t.csv", b"id,text\n1\n", r"t\.csv, line 2: 1 cells under 2 column names"),
    ("t.csv", b'id,text\n1,"open\n2,b\n', r"t\.csv, line 2: unexpected end of data"),
    ("t.csv", b"id,txt\n1,a\n", r"t\.csv: column 'text' is missing; did you mean 'txt'"),
    ("t.csv", b"\n", "is empty"),
    ("t.jsonl", b"", "is empty"),
    ("t.jsonl", b"\n\n", "is empty"),
    ("t.jsonl", b'{"id": "1", "text": "a"}\n{"id": \n', r"t\.jsonl, line 2 is not valid JSON"),
    ("t.jsonl", b'{"id": "1", "text": "a"}\n\n[1]\n', r"t\.jsonl, line 3 is a list; give one JSON object a line"),
    ("t.jsonl", b'{"id": "1"}\n{"id": "\xff"}\n', r"t\.jsonl, line 2 is not UTF-8"),
    ("t.jsonl", b'{"id": "1", "text": {"de": "a"}}\n', r"line 1: column 'text' holds a dict"),
    ("t.parquet", b"", "is empty"),
    ("t.parquet", b"PAR1 no, not really", "is not a readable parquet file"),
    ("t.xlsx", b"x", r"unknown kind of table '\.xlsx'; give one of \.csv, \.tsv, \.jsonl, \.parquet"),
    ("t", b"x", "unknown kind of table ''"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), BAD, ids=[f"{n} {s}" for n, _, s in BAD])
def test_an_unusable_table_is_one_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=sentence) as raised:
        read_table(tmp_path / name, ["id", "text"])
    assert str(tmp_path / name) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_table_and_a_folder_are_named(tmp_path):
    with pytest.raises(TableError, match=r"t\.csv does not exist"):
        read_table(tmp_path / "t.csv", ["id"])
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(TableError, match=r"d\.csv cannot be read: Is a directory"):
        read_table(Path(tmp_path / "d.csv"), ["id"])


def test_a_table_that_has_changed_since_it_was_described_is_noticed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"id\n1\n")
    good = hashlib.sha256(b"id\n1\n").hexdigest()
    assert len(read_table(path, ["id"], sha256=good)) == 1
    path.write_bytes(b"id\n2\n")
    with pytest.raises(TableError, match=f"is not the table that was described: its sha256 is {'[0-9a-f]' * 64}"):
        read_table(path, ["id"], sha256=good)
