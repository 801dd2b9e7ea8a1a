"""Forks of the server of `warm_start` are told, print and end as new processes do."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

STAGE = """
import atexit, json, multiprocessing, os, signal, sys, threading, time
from pathlib import Path

if __name__ == "__main__":
    print("torch" in sys.modules)
    told = [sys.argv, os.getcwd(), sys.path[0], os.environ["TOLD"], __file__]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        told.append(pool.apply(os.path.exists, ["stages/one.py"]))
    print(json.dumps(told))
    print("to stderr", file=sys.stderr)
    atexit.register(print, "at the end")
    threading.Timer(0.05, print, ["from a thread"]).start()
    if sys.argv[1] == "kill":
        os.kill(os.getpid(), signal.SIGTERM)
    if sys.argv[1] == "wait":
        print(os.getpid(), flush=True)
        time.sleep(600)
    if sys.argv[1] == "raise":
        raise ValueError("a reason")
    sys.exit(int(sys.argv[1]) if sys.argv[1].isdigit() else sys.argv[1])
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there are no forks elsewhere")


@pytest.fixture
def start(tmp_path, warm_start):
    """A function that starts the script as `dvc.yaml` does, as a new process or as a fork."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "one.py").write_text(STAGE)

    def started(*arguments, warm):
        environment = os.environ | (warm_start() if warm else {}) | {"TOLD": "è"}
        pipe = subprocess.PIPE
        command = [sys.executable, "stages/one.py", *arguments]
        return subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True)

    return started


@pytest.mark.parametrize("end", ["3", "a sentence", "raise", "kill"])
def test_a_fork_is_told_and_ends_as_a_new_process_does(start, end):
    found = []
    for warm in (False, True):
        process = start(end, "two words", warm=warm)
        output, errors = process.communicate(timeout=300)
        imported, *told = output.splitlines()
        assert imported == str(warm)
        assert told[1:] == ([] if end == "kill" else ["from a thread", "at the end"])
        found.append((told, errors.splitlines()[0], errors.splitlines()[-1], process.returncode))
    assert found[0] == found[1]


def test_a_fork_ends_with_the_process_whose_place_it_takes(start):
    process = start("wait", warm=True)
    *_, number = (process.stdout.readline() for _ in range(3))
    process.kill()
    process.communicate(timeout=300)
    deadline = time.monotonic() + 60
    while Path("/proc", number.strip()).exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
