"""A small clone that is broken on purpose: a pipeline of five quick stages, run without Prefect.

`faults.py` says what is done to it. Every case starts from a copy of the same clone, in which one param has changed,
and ends with a run that nothing disturbs; what is there then has to be what a plain `dvc repro` gives.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

DVC_YAML = """
stages:
  corpus:
    cmd: python work.py corpus
    deps: [work.py, words.txt]
    params: [corpus]
    outs: [corpus]
  mitigate:
    foreach: [finetune, ewc]
    do:
      cmd: python work.py ${item}
      deps: [work.py, corpus]
      params: ["${item}"]
      outs: ["${item}.bin"]
  evaluate:
    cmd: python work.py evaluate
    deps: [work.py, finetune.bin, ewc.bin]
    outs: [evaluate.bin]
  report:
    cmd: python work.py report
    deps: [work.py, evaluate.bin]
    outs: [report.html]
    metrics: [{metrics.json: {cache: false}}]
"""
WORK = r"""
import json, pathlib, re, sys, time
stage = sys.argv[1]
params = pathlib.Path("params.yaml").read_text()
strength = re.search(r"strength: ([0-9.]+)", params)[1]
print(stage, "is at work", flush=True)
time.sleep(0.2)
while pathlib.Path("hold").exists():
    time.sleep(0.05)
if stage == "corpus":
    pathlib.Path("corpus").mkdir()
    for name in "ab":
        pathlib.Path("corpus", name).write_text(name * 20_000)
elif stage in ("finetune", "ewc"):
    text = pathlib.Path("corpus/a").read_text() + (strength if stage == "ewc" else "")
    pathlib.Path(stage + ".bin").write_text(text)
elif stage == "evaluate":
    text = pathlib.Path("finetune.bin").read_text() + pathlib.Path("ewc.bin").read_text()
    pathlib.Path("evaluate.bin").write_text(text)
else:
    text = pathlib.Path("evaluate.bin").read_text()
    pathlib.Path("report.html").write_text(text[-200:])
    pathlib.Path("metrics.json").write_text(json.dumps({"length": len(text), "strength": strength}))
"""
RUNNER = """
from isogloss.entry import entry

@entry
def main():
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path
    from isogloss.pipeline.host.run_lock import run_lock
    from isogloss.pipeline.reproduce import plan_run, reproduce

    with run_lock(Path.cwd()):
        plan = plan_run(Path.cwd())
        if plan.stale:
            with ThreadPoolExecutor() as pool:
                reproduce(Path.cwd(), plan, submit=lambda _, job: pool.submit(job))

main()
"""
BEFORE, AFTER = (
    "corpus: {seed: 1}\nfinetune: {}\newc: {strength: 100.0}\n",
    "corpus: {seed: 1}\nfinetune: {}\newc: {strength: 25.0}\n",
)
FILES = {
    "dvc.yaml": DVC_YAML,
    "work.py": WORK,
    "params.yaml": BEFORE,
    "words.txt": "turn on the light\n",
    "runner.py": RUNNER,
    ".dvc/config": "[core]\n    analytics = false\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
}
OUTPUTS = ("corpus/a", "corpus/b", "finetune.bin", "ewc.bin", "evaluate.bin", "report.html", "metrics.json")
PATIENCE_SECONDS = 240


class Clone:
    """A clone at `root`; `expected` is one that a plain `dvc repro` has brought up to date."""

    def __init__(self, root: Path, expected: Path | None = None):
        self.root, self.expected = root, expected

    def make(self) -> None:
        """Its files, and its stages with the first params."""
        for name, text in FILES.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text, encoding="utf-8")
        subprocess.run(["git", "init", "-q", str(self.root)], check=True)
        (self.root / ".gitignore").write_text(
            "*.bin\n/corpus\n/report.html\n/metrics.json\n/reports\n", encoding="utf-8"
        )
        self.dvc("repro", "-q")
        identity = ["-c", "user.name=f", "-c", "user.email=f@example.org"]
        subprocess.run(["git", *identity, "add", "-A"], cwd=self.root, check=True)
        subprocess.run(["git", *identity, "commit", "-qm", "."], cwd=self.root, check=True)

    def copy(self, to: Path) -> "Clone":
        """Another one like it, whose params have changed."""
        shutil.copytree(self.root, to, symlinks=True, ignore=shutil.ignore_patterns("site"))
        (to / "params.yaml").write_text(AFTER, encoding="utf-8")
        return Clone(to, self.expected)

    def environment(self) -> dict[str, str]:
        """Of all processes: no analytics, and locks of their own, so that cases do not wait for each other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DVC_"))}
        return {**kept, "DVC_NO_ANALYTICS": "true", "DVC_SITE_CACHE_DIR": str(self.root / ".dvc/tmp/isogloss/site")}

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A plain DVC command."""
        command = [sys.executable, "-m", "dvc", *arguments]
        return subprocess.run(
            command, cwd=self.root, env=self.environment(), capture_output=True, text=True, check=True
        )

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A run (or another command) in a session of its own."""
        return subprocess.Popen(
            [sys.executable, *(command or ("runner.py",))],
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self) -> tuple[int, str, str]:
        """A whole run: its exit code, what it printed, and what it said on stderr."""
        with self.start() as process:
            printed, said = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, printed, said

    def processes(self, containing: bytes = b"") -> list[int]:
        """Processes that work in the clone."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                in_it = folder.joinpath("cwd").resolve().is_relative_to(self.root.resolve())
                if in_it and containing in folder.joinpath("cmdline").read_bytes().replace(b"\0", b" "):
                    found.append(int(folder.name))
        return found

    def wait_until_quiet(self, seconds: float = 40) -> None:
        """Return when no process is left; raises `RuntimeError` where one stays."""
        deadline = time.monotonic() + seconds
        while left := self.processes():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(left)} processes are left")
            time.sleep(0.05)

    def last_run(self) -> str:
        """Bring everything up to date and compare with a plain `dvc repro`; one line about it.

        Raises
        ------
        RuntimeError
            The run fails, something differs, DVC itself finds something to do, or temporaries are left.
        """
        status, printed, said = self.run()
        if status != 0:
            raise RuntimeError(f"the next run ended with {status}: {said.strip()[-300:]}")
        if self.expected is None:
            raise RuntimeError("nothing to compare with")
        locks = [YAML(typ="safe").load(root / "dvc.lock") for root in (self.root, self.expected)]
        if locks[0] != locks[1]:
            raise RuntimeError("dvc.lock differs from that of a plain dvc repro")
        for name in OUTPUTS:
            if (self.root / name).read_bytes() != (self.expected / name).read_bytes():
                raise RuntimeError(f"{name} differs from that of a plain dvc repro")
        if "up to date" not in (found := self.dvc("status").stdout):
            raise RuntimeError(f"dvc status finds something to do: {found}")
        left = [path.name for path in self.root.iterdir() if ".part" in path.name or path.name.endswith(".old")]
        if left:
            raise RuntimeError(f"{left[0]} is left")
        mended = "dvc.lock mended, " if "was damaged" in said else ""
        done = [line for line in printed.splitlines() if line.startswith("Done in")]
        return mended + (done[0].partition(": ")[2].rstrip(".") if done else "nothing to do")


@dataclass(frozen=True)
class Case:
    """One attempt: what is done, and the function that does it in a clone and tells what became of it."""

    what: str
    attempt: Callable[[Clone], str]
    in_clone: bool = True


@contextmanager
def disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A disk of its own (tmpfs) at `folder`; needs root."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def resize(folder: Path, kibibytes: int) -> None:
    """Give a disk another size."""
    subprocess.run(["mount", "-o", f"remount,size={kibibytes}k", str(folder)], check=True)
