"""The empty database of an environment, which each new clone gets a copy of; Prefect's migrations are played."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from isogloss.pipeline.prefect_api.database import put_database

PREFECT = """
import os, pathlib, sqlite3, sys, time
assert sys.argv[1:] == ["server", "database", "upgrade", "--yes"]
home = pathlib.Path(os.environ["PREFECT_HOME"])
with pathlib.Path(os.environ["MADE"]).open("a") as made:
    made.write("x")
if os.environ.get("FAIL"):
    raise SystemExit(1)
time.sleep(1)
database = sqlite3.connect(home / "prefect.db", isolation_level=None)
database.execute("pragma journal_mode = wal")
database.execute("create table flow (name)")
os._exit(0)  # what the log file holds has to come along
"""
PUT = "import sys; from pathlib import Path; from isogloss.pipeline.prefect_api.database import put_database\n"
PUT += "sys.prefix = sys.argv[2]; put_database(Path(sys.argv[1]))"


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A folder with a new environment, in which `python -m prefect` is the code above."""
    (tmp_path / "played" / "prefect").mkdir(parents=True)
    (tmp_path / "played" / "prefect" / "__init__.py").touch()
    (tmp_path / "played" / "prefect" / "__main__.py").write_text(PREFECT)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "played"), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path / "base"))
    monkeypatch.setenv("MADE", str(tmp_path / "made"))
    for name in [name for name in os.environ if name.startswith(("PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_"))]:
        monkeypatch.delenv(name)
    return tmp_path


def new_clone(user: Path, name: str) -> Path:
    (user / name).mkdir()
    return user / name


def tables(home: Path) -> list[str]:
    with sqlite3.connect(home / "prefect.db") as database:
        return [name for (name,) in database.execute("select name from sqlite_master")]


def test_clones_whose_first_servers_start_at_once_share_one_making(user):
    homes = [new_clone(user, f"clone{number}") for number in range(3)]
    started = [subprocess.Popen([sys.executable, "-c", PUT, str(home), sys.prefix]) for home in homes]
    assert [process.wait(timeout=100) for process in started] == [0, 0, 0]
    assert (user / "made").read_text() == "x"
    for home in homes:
        assert [path.name for path in home.iterdir()] == ["prefect.db"]
        assert tables(home) == ["flow"]
    (kept,) = (user / "environment" / "share" / "isogloss").glob("*.db")
    assert kept.name.startswith("prefect-3.")
    assert not list((user / "environment" / "share" / "isogloss").glob("*.part"))


def test_a_clone_that_has_a_database_or_the_log_file_of_one_is_left_alone(user):
    home = new_clone(user, "clone")
    (home / "prefect.db-wal").write_text("of a database that was removed")
    put_database(home)
    assert [path.name for path in home.iterdir()] == ["prefect.db-wal"]
    assert not (user / "made").exists()


@pytest.mark.parametrize("name", ["PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_NAME"])
def test_a_database_of_the_user_s_own_is_not_prepared(user, monkeypatch, name):
    monkeypatch.setenv(name, "postgresql+asyncpg://host/prefect")
    home = new_clone(user, "clone")
    put_database(home)
    assert not list(home.iterdir()) and not (user / "made").exists()


def test_where_it_cannot_be_made_or_kept_the_server_makes_its_own(user, monkeypatch):
    home = new_clone(user, "clone")
    monkeypatch.setenv("FAIL", "1")
    put_database(home)
    assert not list(home.iterdir())
    (user / "file").touch()
    monkeypatch.setattr(sys, "prefix", str(user / "file"))
    put_database(home)
    assert not list(home.iterdir())
    monkeypatch.delenv("FAIL")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    put_database(home)
    assert not list(home.iterdir()) and not (user / "base").exists()


SERVE = """
import os, sys
from pathlib import Path
from isogloss.pipeline.prefect_api import serve
os.environ["PREFECT_HOME"] = sys.argv[1]
try:
    serve.main(1, private=True)
finally:
    print("prefect" in sys.modules)
"""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Path.mkdir, "unable to open database file"),
        (lambda path: path.write_text("no database at all, but a text" * 100), "file is not a database"),
    ],
)
def test_a_server_whose_database_can_never_be_opened_ends_before_prefect_is_imported(tmp_path, make, said):
    make(tmp_path / "prefect.db")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path)], env=kept, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "False\n")
    assert done.stderr == f"{tmp_path / 'prefect.db'}: {said}\n"
