"""Processes killed and disks that become full: cases of `faults.py`."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fault_clone import PATIENCE_SECONDS, Case, Clone, disk, resize

DVC = ("-m", "dvc", "repro", "-q")
STAGE = b"isogloss.pipeline.repo.repro"


def kills() -> Iterator[Case]:
    """Processes killed: 20 while DVC writes after a stage, 10 of a plain `dvc repro` there, 40 at any moment."""
    for number in range(20):
        delay = 0.012 * (number // 3)
        who = ("Ctrl-C", "kill -9 of the stage's DVC", "kill -9 of the run")[number % 3]
        yield Case(f"{who}, {delay * 1000:.0f} ms after a stage's output was there", _aimed(who, delay))
    for number in range(10):
        what = f"kill -9 of a plain dvc repro, {number * 12} ms after a stage's output was there"
        yield Case(what, _aimed("kill -9 of a plain dvc repro", 0.012 * number))
    drawn = random.Random(1)
    for number in range(40):
        who = ("Ctrl-C", "kill -9 of the stage's DVC", "kill -9 of the run", "SIGTERM")[number % 4]
        delay = drawn.uniform(0.3, 6.0)
        yield Case(f"{who}, {delay:.1f} s after the start", _at_any_moment(who, delay))


def _aimed(who: str, delay: float) -> Callable[[Clone], str]:
    """Kill just after the output of `mitigate@ewc` has been written: DVC moves it, and writes dvc.lock."""

    def attempt(clone: Clone) -> str:
        output = clone.root / "ewc.bin"
        old = _identity(output)
        process = clone.start(*(DVC if "plain" in who else ()))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while _identity(output) in (None, old) and process.poll() is None:
            if time.monotonic() > deadline:
                raise RuntimeError("the stage did not run")
            time.sleep(0.002)
        time.sleep(delay)
        return _kill(clone, process, who)

    return attempt


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from the one that had its name before; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def _at_any_moment(who: str, delay: float) -> Callable[[Clone], str]:
    """Kill so many seconds after the start."""

    def attempt(clone: Clone) -> str:
        process = clone.start()
        time.sleep(delay)
        return _kill(clone, process, who)

    return attempt


def _kill(clone: Clone, process: "subprocess.Popen[str]", who: str) -> str:
    """Send the signal, wait for the end of everything, and run again."""
    if "the stage's DVC" in who:
        for pid in clone.processes(STAGE):
            if b"isogloss/pipeline/host/leash.py" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
    else:
        number = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}.get(who, signal.SIGKILL)
        if process.poll() is None:
            os.kill(process.pid, number)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    clone.wait_until_quiet()
    lines = [line for line in said.strip().splitlines() if line]
    if "plain" not in who and len(lines) > 1:
        raise RuntimeError(f"it ended in {len(lines)} lines: {lines[-1][:200]}")
    return f"ended with {process.returncode}; next run: {clone.last_run()}"


def disks() -> Iterator[Case]:
    """Disks that become full in the middle of a run: 20 sizes."""
    for number in range(20):
        free = 4 + 16 * number
        yield Case(f"{free} KiB free", _full(free))


def _full(free_kibibytes: int) -> Callable[[Clone], str]:
    """Run on a disk with so much room, then with more."""

    def attempt(clone: Clone) -> str:
        with disk(clone.root.with_name(clone.root.name + "-disk"), 64) as folder:
            small = clone.copy(folder / "clone")
            small.dvc("status")  # makes DVC's database, which is larger than all that the run writes
            used = shutil.disk_usage(folder).used // 1024
            resize(folder, used + free_kibibytes)
            status, _, said = small.run()
            lines = said.strip().splitlines()
            if status not in (0, 2) or len(lines) > 1 or "Traceback" in said:
                raise RuntimeError(f"it ended with {status} and {len(lines)} lines: {said.strip()[-300:]}")
            if status == 2 and "full" not in said and "No space" not in said:
                raise RuntimeError(f"the disk is not named: {said.strip()[-300:]}")
            resize(folder, 65536)
            told = lines[0].replace(str(folder), "")[:110] if lines else "done"
            return f"`{told}`; with room: {small.last_run()}"

    return attempt
