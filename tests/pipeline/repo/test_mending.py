"""A dvc.lock or rwlock that a killed process left empty, cut or shrunken does not stop a clone."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from isogloss.pipeline.repo.mending import lock_entries, mend_locks

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own


@pytest.fixture
def mended(diamond):
    """The diamond after a look at it, which keeps a copy of its dvc.lock."""
    assert diamond.stale() == {}
    return diamond


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.5, 0.77, 0.99])
def test_a_cut_lock_is_replaced_by_its_copy(mended, share, caplog):
    whole = mended.read("dvc.lock")
    mended.write("dvc.lock", whole[: int(share * len(whole))])
    assert mended.stale() == {}
    assert mended.read("dvc.lock") == whole
    assert "dvc.lock was damaged" in caplog.text
    assert mended.read(".dvc/tmp/isogloss/locks/dvc.lock.damaged") == whole[: int(share * len(whole))]


def test_every_cut_is_mended_or_only_lacks_what_a_run_restores(mended):
    """Whatever length a kill leaves: the lock can be read, and no stage has an entry that was never written."""
    whole = mended.read("dvc.lock")
    entries = lock_entries(whole.encode())
    for length in range(0, len(whole), 7):
        mended.write("dvc.lock", whole[:length])
        mend_locks(mended.root)
        found = lock_entries((mended.root / "dvc.lock").read_bytes())
        assert found == entries, length


def test_without_a_copy_the_last_commit_serves(diamond, caplog):
    diamond.commit()
    whole = diamond.read("dvc.lock")
    diamond.write("dvc.lock", "")
    assert diamond.stale() == {}
    assert diamond.read("dvc.lock") == whole
    assert "the last commit" in caplog.text


def test_without_anything_the_run_cache_serves(diamond):
    diamond.write("dvc.lock", "schema: '2.")
    assert {outcome.state for outcome in diamond.run()} == {"cached"}
    assert diamond.stale() == {}


def test_what_people_do_to_a_lock_is_left_alone(mended):
    """Removed, taken from git, of fewer stages because dvc.yaml has fewer, or in conflict."""
    whole = mended.read("dvc.lock")
    mended.write("dvc.lock", whole + "<<<<<<< ours\n")
    mend_locks(mended.root)
    assert mended.read("dvc.lock").endswith("<<<<<<< ours\n")
    (mended.root / "dvc.lock").unlink()
    mend_locks(mended.root)
    assert not (mended.root / "dvc.lock").exists()
    mended.write("dvc.lock", whole)
    mend_locks(mended.root)
    shorter = (
        whole[: whole.index("  report:")] if whole.index("  report:") > 100 else whole[: whole.index("  mitigate")]
    )
    mended.write("dvc.lock", shorter)
    mended.write(".gitignore", "*.txt\n")
    mended.commit()
    mend_locks(mended.root)
    assert mended.read("dvc.lock") == shorter


def test_a_run_reads_a_damaged_rwlock_as_an_empty_one_and_leaves_a_whole_one_behind(diamond):
    rwlock = diamond.root / ".dvc/tmp/rwlock"
    for number, content in enumerate(["", "{", '{"write": {}, "read"', '{"write": 3}', "\0\0\0"]):
        diamond.write(".dvc/tmp/rwlock", content)
        diamond.replace("params.yaml", f"{100 + number}.0", f"{101 + number}.0")
        ewc = diamond.plan().needed_by(["mitigate@ewc"])
        assert {outcome.stage: outcome.state for outcome in diamond.run(ewc)} == {"mitigate@ewc": "executed"}, content
        assert isinstance(json.loads(rwlock.read_text()), dict), content
    diamond.dvc("repro")


def test_no_folder_of_ours_may_be_written_by_anybody(diamond):
    diamond.replace("params.yaml", "100.0", "30.0")
    diamond.run()
    open_to_all = {
        folder for folder, _, _ in os.walk(diamond.root / ".dvc" / "tmp") if Path(folder).stat().st_mode & stat.S_IWOTH
    }
    closed = diamond.root / ".dvc" / "tmp" / "isogloss" / "site"
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert all(folder.startswith(str(closed)) for folder in open_to_all)


WRITER = """
import os, signal, sys, time
from pathlib import Path
from dvc.utils.serialize import modify_yaml
from dvc.fs import localfs
from isogloss.pipeline.repo import durable
durable.write_whole()
real, moment = os.fsync, sys.argv[1]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if moment == "before the flush":
    os.fsync = die
if moment == "before the rename":
    Path.replace = die
with modify_yaml("dvc.lock", fs=localfs) as data:
    data["stages"]["new"] = {"cmd": "x"}
"""


@pytest.mark.parametrize("moment", ["before the flush", "before the rename", "never"])
def test_our_own_processes_write_the_lock_whole(mended, moment):
    whole = mended.read("dvc.lock")
    subprocess.run([sys.executable, "-c", WRITER, moment], cwd=mended.root, check=False)
    assert ("new:" in mended.read("dvc.lock")) == (moment == "never")
    assert mended.read("dvc.lock").startswith(whole[:200])
