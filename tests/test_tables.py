"""Tables reach the disk whole or not at all, the same bytes for the same content, and say what is wrong with them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.errors import TableError
from isogloss.tables import (
    ASSIGNMENT_COLUMNS,
    METADATA_COLUMNS,
    atomic_folder,
    atomic_path,
    conform,
    read_json,
    read_parquet,
    recover_folder,
    require_columns,
    write_json,
    write_parquet,
)


class BlockEndedError(Exception):
    """What ends a block early in these tests."""


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assignments(*, rows: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "utterance_id": [f"u{i}" for i in range(rows)],
            "speaker_id": [f"s{i // 2}" for i in range(rows)],
            "cohort": ["north"] * rows,
            "wer_rank": range(rows),
        }
    )


def test_a_file_appears_when_its_block_ends(tmp_path):
    with atomic_path(tmp_path / "deep" / "a.txt") as temporary:
        temporary.write_text("whole")
        assert not (tmp_path / "deep" / "a.txt").exists()
    assert files(tmp_path / "deep") == ["a.txt"]
    assert (tmp_path / "deep" / "a.txt").read_text() == "whole"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_parquet_file_that_is_cut_short_is_one_sentence(tmp_path, share):
    write_parquet(assignments(), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(TableError, match=r"a\.parquet is no parquet file, or not a whole one \(.*\); write it anew$"):
        read_parquet(tmp_path / "a.parquet")


def test_a_csv_is_no_parquet_file(tmp_path):
    assignments().to_csv(tmp_path / "a.parquet")
    with pytest.raises(TableError, match=r"^[^\n]*is no parquet file[^\n]*$"):
        read_parquet(tmp_path / "a.parquet")


def test_an_exception_leaves_no_file_behind(tmp_path):
    with pytest.raises(BlockEndedError), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise BlockEndedError
    assert files(tmp_path) == []


def test_an_exception_keeps_the_file_that_was_there(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(BlockEndedError), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise BlockEndedError
    assert files(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_the_temporary_file_is_on_the_same_disk_and_keeps_the_suffix(tmp_path):
    with atomic_path(tmp_path / "a.parquet") as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".parquet")
        temporary.touch()


def test_a_folder_appears_when_its_block_ends_and_replaces_the_old_one_entirely(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "leftover").touch()
    with atomic_folder(tmp_path / "out") as temporary:
        (temporary / "new").touch()
        assert files(tmp_path / "out") == ["leftover"]
    assert files(tmp_path) == ["out"]
    assert files(tmp_path / "out") == ["new"]


def test_a_new_folder_may_be_entered_by_others(tmp_path):
    with atomic_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o755


def test_an_exception_leaves_no_folder_behind_and_keeps_the_old_one(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    for name in ("out", "fresh"):
        with pytest.raises(BlockEndedError), atomic_folder(tmp_path / name) as temporary:
            (temporary / "half").touch()
            raise BlockEndedError
    assert files(tmp_path) == ["out"]
    assert files(tmp_path / "out") == ["old"]


def test_the_same_table_is_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_parquet(assignments(), tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_the_index_of_a_table_is_not_written(tmp_path):
    shuffled = assignments().set_index(pd.Index([7, 3, 5]))
    write_parquet(shuffled, tmp_path / "a.parquet")
    assert list(pd.read_parquet(tmp_path / "a.parquet").index) == [0, 1, 2]


def test_a_table_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(Exception):  # noqa: B017 - what pyarrow raises is its own business
        write_parquet(pd.DataFrame({"a": [object()]}), tmp_path / "a.parquet")
    assert files(tmp_path) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3),
    max_leaves=8,
)


@given(content=json_values)
def test_json_is_read_back_as_it_was_written_and_written_the_same_twice(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("json")
    write_json(content, folder / "a.json")
    write_json(content, folder / "b.json")
    assert read_json(folder / "a.json") == content
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_it_has_no_word_for_and_leaves_nothing(tmp_path, value):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json({"wer": value}, tmp_path / "a.json")
    assert files(tmp_path) == []


def test_a_missing_or_broken_input_names_its_file(tmp_path):
    for read in (read_json, read_parquet):
        with pytest.raises(TableError, match=r"absent.x does not exist; `isogloss status` says"):
            read(tmp_path / "absent.x")
    (tmp_path / "a.json").write_text('{"half":')
    with pytest.raises(TableError, match=r"a\.json is not valid JSON"):
        read_json(tmp_path / "a.json")


def test_a_missing_column_suggests_the_nearest_one(tmp_path):
    write_parquet(assignments().rename(columns={"speaker_id": "speaker"}), tmp_path / "a.parquet")
    with pytest.raises(TableError, match=r"a\.parquet: column 'speaker_id' is missing; did you mean 'speaker'\?"):
        read_parquet(tmp_path / "a.parquet", ASSIGNMENT_COLUMNS)


def test_a_missing_column_without_a_near_one_lists_what_there_is():
    with pytest.raises(TableError, match=r"table: column 'words' is missing; it has alpha, beta"):
        require_columns(pd.DataFrame({"alpha": [1], "beta": [2]}), ["alpha", "words"], where="table")


def test_conform_orders_columns_and_sorts_the_further_ones():
    table = assignments().assign(zeta=1, alpha=2)[["zeta", "wer_rank", "cohort", "alpha", "speaker_id", "utterance_id"]]
    result = conform(table, ASSIGNMENT_COLUMNS, where="table")
    assert list(result.columns) == [*ASSIGNMENT_COLUMNS, "alpha", "zeta"]


def test_conform_sets_dtypes_and_keeps_the_callers_table():
    table = assignments().astype({"wer_rank": "float64"})
    result = conform(table, ASSIGNMENT_COLUMNS, where="table")
    assert {column: str(result[column].dtype) for column in ASSIGNMENT_COLUMNS} == ASSIGNMENT_COLUMNS
    assert table["wer_rank"].dtype == np.float64


def test_conform_keeps_what_is_unknown_unknown():
    row = {column: [None] if dtype != "int64" else [1] for column, dtype in METADATA_COLUMNS.items()}
    result = conform(pd.DataFrame(row), METADATA_COLUMNS, where="table")
    assert result[["zip", "gender", "accent", "latitude", "age"]].isna().all().all()


@pytest.mark.parametrize("bad", ["worst", None, float("nan")])
def test_conform_names_the_column_that_cannot_have_its_dtype(bad):
    table = assignments().astype({"wer_rank": object})
    table.loc[1, "wer_rank"] = bad
    with pytest.raises(TableError, match=r"my table: column 'wer_rank' must be int64"):
        conform(table, ASSIGNMENT_COLUMNS, where="my table")


@given(order=st.permutations(list(METADATA_COLUMNS)))
def test_conform_does_not_depend_on_the_order_of_columns(order):
    row = {column: ["1"] if dtype == "str" else [1] for column, dtype in METADATA_COLUMNS.items()}
    table = pd.DataFrame(row)
    expected = conform(table, METADATA_COLUMNS, where="table")
    pd.testing.assert_frame_equal(conform(table[order], METADATA_COLUMNS, where="table"), expected)


def test_two_processes_do_not_share_a_temporary_file(tmp_path):
    with atomic_path(tmp_path / "a.txt") as temporary:
        assert str(os.getpid()) in temporary.name
        temporary.write_text(json.dumps([]))


KILLED = """
import os, signal, sys
from pathlib import Path
from isogloss import tables
out, calls = Path(sys.argv[1]), 0

def die(real, moment):
    def call(*given, **named):
        global calls
        calls += 1
        if calls == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)
    return call

def write(moment):
    for owner, name in [(tables, "_exchange"), (tables.shutil, "rmtree"), (Path, "replace"), (Path, "chmod")]:
        setattr(owner, name, die(getattr(owner, name), moment))
    if sys.argv[2] == "no exchange":
        tables._exchange = lambda one, other: False
    with tables.atomic_folder(out) as folder:
        (folder / "page").write_text("new")

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        write(int(line))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("way", ["exchange", "no exchange"])
def test_a_kill_at_any_moment_leaves_the_old_folder_or_the_new_one(tmp_path, way):
    """A process is forked for each moment, so that what it imports is imported once."""
    out, ends = tmp_path / "audit", []
    command = [sys.executable, "-c", KILLED, str(out), way]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        for moment in range(1, 12):
            with atomic_folder(out) as folder:
                (folder / "page").write_text("old")
            print(moment, file=writer.stdin, flush=True)
            ends.append(int(writer.stdout.readline()))
            recover_folder(out)
            assert (out / "page").read_text() in ({"new"} if ends[-1] == 0 else {"old", "new"})
            assert [path.name for path in tmp_path.iterdir()] == ["audit"]
        writer.communicate()
    assert set(ends) == {0, -signal.SIGKILL} and ends[-1] == 0


def test_the_temporaries_of_living_processes_and_other_folders_stay(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    for name in (".out.x", f".out.{os.getpid()}_abc.part", f".outs.{dead.stdout.strip()}_a.part", ".out.old"):
        (tmp_path / name).mkdir()
    (tmp_path / f".out.{dead.stdout.strip()}_a.part").mkdir()
    before = {path.name for path in tmp_path.iterdir()} - {f".out.{dead.stdout.strip()}_a.part"}
    with atomic_folder(tmp_path / "out"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == before | {"out"}


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    with atomic_folder(tmp_path / ("ä" * 127)) as folder, atomic_path(folder / ("f" * 255)) as file:
        file.write_text("x")
    assert (tmp_path / ("ä" * 127) / ("f" * 255)).read_text() == "x"


def test_json_that_is_a_folder_or_a_link_to_itself_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(TableError, match=r"folder\.json cannot be read \(Is a directory\); make it anew"):
        read_json(tmp_path / "folder.json")
    (tmp_path / "loop.json").symlink_to("loop.json")
    with pytest.raises(TableError, match=r"loop\.json (does not exist|cannot be read)"):
        read_json(tmp_path / "loop.json")
