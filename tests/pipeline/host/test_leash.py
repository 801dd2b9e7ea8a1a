"""No process outlives its owner."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from isogloss.pipeline.host.execute import Leashed
from isogloss.pipeline.host.file_locks import try_lock

STUBBORN = """
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: print("ignored", number, flush=True))
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""
PARENT_OF_SLEEPER = """
import subprocess, time
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
{then}
"""


def leash(code: str, tmp_path: Path, *, grace_seconds: float = 0.3) -> Leashed:
    return Leashed(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        environment=dict(os.environ),
        grace_seconds=grace_seconds,
    )


pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


def test_the_exit_status_is_the_commands(tmp_path):
    assert leash("raise SystemExit(7)", tmp_path).finish() == 7
    assert leash("import os; os.kill(os.getpid(), 9)", tmp_path).finish() == 128 + 9


def test_let_go_a_command_is_asked_twice_and_then_killed(tmp_path):
    process = leash(STUBBORN, tmp_path)
    assert process.process.stdout.readline() == b"ready\n"
    process.let_go()
    output = process.process.stdout.read().decode()
    process.finish()
    assert output.split() == ["ignored", str(int(signal.SIGINT)), "ignored", str(int(signal.SIGTERM))]


def test_what_a_command_leaves_in_the_background_ends_with_it(tmp_path, gone):
    process = leash(PARENT_OF_SLEEPER.format(then=""), tmp_path)
    sleeper = int(process.process.stdout.readline())
    assert process.finish() == 0
    assert gone(sleeper)


@pytest.mark.parametrize("victim", ["leash", "command"])
def test_when_the_leash_or_the_command_is_killed_nothing_is_left(tmp_path, victim, gone):
    process = leash(
        "import os\nprint(os.getpid(), flush=True)" + PARENT_OF_SLEEPER.format(then="time.sleep(600)"), tmp_path
    )
    command, sleeper = int(process.process.stdout.readline()), int(process.process.stdout.readline())
    os.kill(process.process.pid if victim == "leash" else command, signal.SIGKILL)
    assert process.finish() != 0
    assert gone(command)
    assert gone(sleeper)


def test_the_command_holds_the_locks_even_without_its_leash(tmp_path):
    lock = try_lock(tmp_path / "lock")
    process = Leashed(
        [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"],
        cwd=tmp_path,
        environment=dict(os.environ),
        inherited=(lock,),
    )
    command = int(process.process.stdout.readline())
    os.kill(process.process.pid, signal.SIGKILL)
    os.close(lock)
    assert try_lock(tmp_path / "lock") is None
    os.kill(command, signal.SIGKILL)
    process.finish()
    deadline = time.monotonic() + 20
    while (lock := try_lock(tmp_path / "lock")) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.close(lock)


def test_when_the_owner_is_killed_nothing_is_left(tmp_path, gone):
    owner = """
        import os, sys
        from pathlib import Path
        from isogloss.pipeline.host.execute import Leashed
        process = Leashed([sys.executable, "-c", sys.argv[1]], cwd=Path("."), environment=dict(os.environ),
                          grace_seconds=0.3)
        print(process.process.pid, flush=True)
        print(process.process.stdout.readline().decode(), flush=True)
        process.process.wait()
    """
    command = [sys.executable, "-c", textwrap.dedent(owner), PARENT_OF_SLEEPER.format(then="time.sleep(600)")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        leader, sleeper = int(process.stdout.readline()), int(process.stdout.readline())
        process.kill()
    assert gone(leader)
    assert gone(sleeper)
