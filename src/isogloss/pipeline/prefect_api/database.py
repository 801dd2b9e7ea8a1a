"""The empty database of Prefect's server, made once for each virtual environment and version of Prefect.

Prefect makes it by running all its migrations, which takes 10 s, or minutes on a busy machine. Here a clone without a
database gets a copy of one that the environment keeps. Outside of an environment nothing is kept.
"""

import importlib.metadata
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

from isogloss.pipeline.host.execute import Leashed
from isogloss.pipeline.host.file_locks import exclusive


def put_database(home: Path) -> None:
    """Put an empty database into the folder of a server that has none; if that fails, the server makes one."""
    # SQLite would add the log file that a removed database left to the new one.
    if any(home.glob("prefect.db*")) or _is_configured():
        return
    copy = home / f".prefect.{os.getpid()}.part"
    with suppress(OSError, sqlite3.Error):
        prepared = _prepared(kept_in()) if sys.prefix != sys.base_prefix else None
        if prepared is not None:
            shutil.copyfile(prepared, copy)
            os.link(copy, home / "prefect.db")  # This fails if another server of the clone has just made one.
    copy.unlink(missing_ok=True)


def refuse_unusable(home: Path) -> None:
    """End the process with a sentence if its database can never be opened, as Prefect would only after its import."""
    path = home / "prefect.db"
    if _is_configured() or not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", timeout=0, uri=True)) as database:
            database.execute("pragma schema_version")
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB):
            sys.exit(f"{path}: {error}")


def _is_configured() -> bool:
    """Whether the user has chosen another database."""
    return any(name.startswith(("PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_")) for name in os.environ)


def kept_in() -> Path:
    """The folder of the environment that holds the empty database."""
    return Path(sys.prefix) / "share" / "isogloss"


def _prepared(folder: Path) -> Path | None:
    """The empty database of this version in a folder, made if it is missing; None if Prefect fails to make it."""
    path = folder / f"prefect-{importlib.metadata.version('prefect')}.db"
    if path.exists():
        return path
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive(folder / "prefect.lock"):
        if path.exists():
            return path
        home = folder / "prefect.part"
        shutil.rmtree(home, ignore_errors=True)  # A killed process left it.
        home.mkdir()
        command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
        environment = {**os.environ, "PREFECT_HOME": str(home)}
        process = Leashed(command, cwd=home, environment=environment, stdout=subprocess.DEVNULL)
        try:
            if process.finish() == 0:
                with sqlite3.connect(home / "prefect.db") as database:
                    database.execute("vacuum into ?", [str(home / "whole.db")])  # with what the log files hold
                (home / "whole.db").replace(path)
        finally:
            process.let_go()
            shutil.rmtree(home, ignore_errors=True)
    return path if path.exists() else None
