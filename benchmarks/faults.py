"""Kills, full disks, damaged files, edited params, attacks: brought about on purpose; what became of each.

    python benchmarks/faults.py                     # all of it (half an hour on two busy cores; disks need root)
    python benchmarks/faults.py kills edits         # some kinds; the others keep their rows
    python benchmarks/faults.py --share 0.1         # a tenth of the cases of each kind, to try it

A case holds when the next run, which nothing disturbs, ends with the same `dvc.lock` and the same bytes as a plain
`dvc repro`, `dvc status` finds nothing to do, and neither a process nor a temporary file is left. Results:
benchmarks/results/faults.md.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import fuzzing
import privacy_attack
from fault_clone import AFTER, OUTPUTS, Clone, disk, resize

from isogloss.tables import atomic_path, write_json

RESULTS = Path(__file__).parent / "results"
_PATIENCE_SECONDS = 240
DVC = ("-m", "dvc", "repro", "-q")
STAGE = b"isogloss.pipeline.repo.repro"


@dataclass(frozen=True)
class Case:
    """One attempt: what is done, and the function that does it in a clone and tells what became of it."""

    what: str
    attempt: Callable[[Clone], str]


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
        deadline = time.monotonic() + _PATIENCE_SECONDS
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
    _, said = process.communicate(timeout=_PATIENCE_SECONDS)
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
            small.dvc("status", "-q")  # makes DVC's database, which is larger than all that the run writes
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


def objects() -> Iterator[Case]:
    """Objects of DVC's cache damaged as by a power failure (their protection and their times stay): 10."""
    for name in ("corpus", "corpus/a", "finetune.bin", "evaluate.bin", "report.html"):
        for how in ("eight flipped bytes", "cut"):
            yield Case(f"{name}: {how}", _damaged_object(name, how))


def _damaged_object(name: str, how: str) -> Callable[[Clone], str]:
    """Damage the object of an output that was made before, ask for it again, and look at the bytes."""

    def attempt(clone: Clone) -> str:
        clone.last_run()
        lock = json.loads(json.dumps(_lock(clone.root)))
        outs = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
        files = clone.root / ".dvc/cache/files/md5"
        path = _object(files, outs[name.partition("/")[0]])
        if "/" in name:
            listing = json.loads(path.read_text(encoding="utf-8"))
            path = _object(files, next(each["md5"] for each in listing if each["relpath"] == name.partition("/")[2]))
        content = path.read_bytes()
        damage(path, how)
        for output in OUTPUTS:
            (clone.root / output).unlink()
        (clone.root / "corpus").rmdir()
        status, printed, said = clone.run()
        if status != 0 or "is damaged in DVC's cache" not in printed + said:
            raise RuntimeError(f"nobody noticed ({status}): {said.strip()[-200:]}")
        if path.read_bytes() != content:
            raise RuntimeError("the object is still damaged")
        return f"named, and made anew; next run: {clone.last_run()}"

    return attempt


def damage(path: Path, how: str) -> None:
    """Flip bytes or cut a file, whose protection and time stay as they are."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    for place in range(0, min(len(content), 64), 8):
        content[place] ^= 0x15
    path.chmod(0o644)
    path.write_bytes(content if how != "cut" else path.read_bytes()[:-3])
    path.chmod(before.st_mode & 0o777)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _object(files: Path, md5: str) -> Path:
    """Where the cache has a hash."""
    return files / md5[:2] / md5[2:]


def _lock(root: Path) -> dict[str, dict[str, dict[str, list[dict[str, str]]]]]:
    """A dvc.lock."""
    from ruamel.yaml import YAML

    content: dict[str, dict[str, dict[str, list[dict[str, str]]]]] = YAML(typ="safe").load(root / "dvc.lock")
    return content


def checkpoints() -> Iterator[Case]:
    """Checkpoints damaged between two runs of a training: 10."""
    for how in ("eight flipped bytes", "cut", "emptied", "a pickle", "random bytes"):
        for share in (0.2, 0.9):
            yield Case(f"{how} (at {share:.0%} of the file)", _damaged_checkpoint(how, share))


def _damaged_checkpoint(how: str, share: float) -> Callable[[Clone], str]:
    """Train in a process of its own that dies in its third epoch; damage what it left; train again."""

    def attempt(clone: Clone) -> str:
        code = Path(__file__).with_name("fault_training.py")
        undisturbed, died, again = (clone.root / name for name in ("undisturbed", "disturbed", "disturbed"))
        _train(code, undisturbed, dies=False)
        _train(code, died, dies=True)
        path = died / "checkpoints/last.ckpt"
        content = bytearray(path.read_bytes())
        place = int(share * len(content))
        if how == "eight flipped bytes":
            for offset in range(8):
                content[min(place + 3 * offset, len(content) - 1)] ^= 0x40
        made = {
            "cut": bytes(content[:place]),
            "emptied": b"",
            "a pickle": b"\x80\x04N.",
            "random bytes": os.urandom(place),
        }
        path.write_bytes(made.get(how, bytes(content)))
        said = _train(code, again, dies=False)
        if "is damaged" not in said or "it is not used" not in said:
            raise RuntimeError(f"nobody noticed: {said[-200:]}")
        if (undisturbed / "model.json").read_bytes() != (again / "model.json").read_bytes():
            raise RuntimeError("another model")
        return "said, and not used; the same model as undisturbed"

    return attempt


def _train(code: Path, folder: Path, *, dies: bool) -> str:
    """What the training of `fault_training.py` prints."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, str(code), str(folder), "dies" if dies else "lives"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False)
    if (done.returncode != 0) != dies:
        raise RuntimeError(f"the training ended with {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


def edits() -> Iterator[Case]:
    """Params and sources that are edited while a stage runs."""
    changes = {
        "the stage's own param": ("params.yaml", "25.0", "7000000.0"),
        "a source file in deps": ("words.txt", "light", "lamp"),
        "a param of another stage": ("params.yaml", "finetune: {}", "finetune: {rate: 3}"),
        "a param of no stage": ("params.yaml", "corpus:", "other: 1\ncorpus:"),
    }
    for what, change in changes.items():
        yield Case(f"{what}: {change[1]} becomes {change[2]}".replace("\n", " "), _edited(what, *change))
    yield Case("`dvc exp run -S ewc.strength=7` beside the run", _experiment_beside)
    yield Case("the stage's own param, under a plain `dvc repro`", _edited_under_dvc)


def _edited(what: str, file: str, old: str, new: str) -> Callable[[Clone], str]:
    """Edit while `corpus` (after a change of its input) or `mitigate@ewc` is held at its work."""

    def attempt(clone: Clone) -> str:
        held = "corpus" if file == "words.txt" else "ewc"
        if file == "words.txt":
            (clone.root / file).write_text("turn off the light\n", encoding="utf-8")
        with _held(clone, held) as process:
            path = clone.root / file
            path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        _, said = process.communicate(timeout=_PATIENCE_SECONDS)
        # `mitigate@finetune` may have read its param before the edit, or after it, when it is refused.
        either_way = what == "a param of another stage"
        refused = process.returncode == 2 and "was edited" in said
        if refused == (what == "a param of no stage") and not (either_way and process.returncode == 0):
            raise RuntimeError(f"it ended with {process.returncode}: {said.strip()[-200:]}")
        lock = (clone.root / "dvc.lock").read_text(encoding="utf-8")
        if new in lock:
            raise RuntimeError("dvc.lock has the edited value")
        (clone.root / "words.txt").write_text("turn on the light\n", encoding="utf-8")
        (clone.root / "params.yaml").write_text(AFTER, encoding="utf-8")
        told = "finished, as it may" if not said.strip() else f"`{said.strip().partition('; its output')[0][:150]}`"
        return f"{told}; with the edit taken back: {clone.last_run()}"

    return attempt


def _experiment_beside(clone: Clone) -> str:
    """Start an experiment in the same workspace while a stage runs."""
    with _held(clone, "ewc") as process:
        other = clone.start("-m", "dvc", "exp", "run", "-S", "ewc.strength=7")
        time.sleep(8)
    _, said = process.communicate(timeout=_PATIENCE_SECONDS)
    other.communicate(timeout=_PATIENCE_SECONDS)
    clone.wait_until_quiet()
    (clone.root / "params.yaml").write_text(AFTER, encoding="utf-8")
    told = f"`{said.strip().partition('; its output')[0][:150]}`" if said.strip() else "finished"
    return f"the run: {told}; next run: {clone.last_run()}"


def _edited_under_dvc(clone: Clone) -> str:
    """What DVC itself does, for the documentation."""
    with _held(clone, "ewc", *DVC) as process:
        path = clone.root / "params.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("25.0", "7000000.0"), encoding="utf-8")
    process.communicate(timeout=_PATIENCE_SECONDS)
    recorded = "7000000.0" in (clone.root / "dvc.lock").read_text(encoding="utf-8")
    return f"plain DVC {'records the edited value' if recorded else 'does not record it'} (not ours to mend)"


class _held:  # noqa: N801 (used as a context manager)
    """A run whose stage waits at its work while the block edits something."""

    def __init__(self, clone: Clone, stage: str, *command: str):
        self._clone, self._stage, self._hold = clone, stage, clone.root / "hold"
        self._command = command

    def __enter__(self) -> "subprocess.Popen[str]":
        self._hold.touch()
        process = self._clone.start(*self._command)
        wanted = f"python work.py {self._stage}".encode()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._clone.processes(wanted):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the stage did not start")
            time.sleep(0.05)
        time.sleep(0.5)
        return process

    def __exit__(self, *_: object) -> None:
        self._hold.unlink()


OTHERS = {"privacy": privacy_attack.attacked, "fuzz": fuzzing.fuzz}
"""Kinds that need no clone: a share of their cases -> their rows."""
KINDS: dict[str, Callable[[], Iterator[Case]]] = {
    "kills": kills,
    "disks": disks,
    "objects": objects,
    "checkpoints": checkpoints,
    "edits": edits,
}


def main() -> None:
    """Do the kinds of the command line, and write what became of each case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join([*KINDS, *OTHERS])}")
    parser.add_argument("--share", type=float, default=1.0)
    options = parser.parse_args()
    kinds, failed = options.kinds or [*KINDS, *OTHERS], False
    if unknown := {*kinds} - {*KINDS, *OTHERS}:
        parser.error(f"there is no kind {sorted(unknown)[0]!r}")
    with tempfile.TemporaryDirectory(prefix="isogloss-faults-") as name:
        folder = Path(name)
        os.environ["ISOGLOSS_LOCKS"] = str(folder / "locks")
        template, expected = Clone(folder / "template"), Clone(folder / "expected")
        if any(kind in KINDS for kind in kinds):
            template.make()
            template.copy(expected.root).dvc("repro", "-q")
        template.expected = expected.root
        for kind in kinds:
            rows = OTHERS[kind](options.share) if kind in OTHERS else _all(kind, template, folder, options.share)
            failed |= any(row["outcome"].startswith("FAILED") for row in rows)
            _record(kind, rows)
    sys.exit(failed)


def _all(kind: str, template: Clone, folder: Path, share: float) -> list[dict[str, str]]:
    """What became of each case of a kind."""
    cases = [*KINDS[kind]()]
    rows = []
    for number, case in enumerate(cases[:: max(1, round(1 / share))]):
        clone = template.copy(folder / f"{kind}-{number}")
        try:
            outcome = case.attempt(clone)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            outcome = f"FAILED: {' '.join(str(error).split())}"
        print(f"{kind}: {case.what}: {outcome}", flush=True)
        rows.append({"what": case.what, "outcome": outcome.replace("|", "\\|").replace(str(folder), "")})
        shutil.rmtree(clone.root, ignore_errors=True)
        _record(kind, rows)
    return rows


def _record(kind: str, rows: list[dict[str, str]]) -> None:
    """Write the rows of a kind to the results."""
    path = RESULTS / "faults.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[kind] = rows
    known = {name: known[name] for name in (*KINDS, *OTHERS) if name in known}
    write_json(known, path)
    lines = ["# Faults", "", "`python benchmarks/faults.py`; its head says when a case holds.", ""]
    for name, those in known.items():
        held = sum(not row["outcome"].startswith("FAILED") for row in those)
        about = (OTHERS.get(name) or KINDS[name]).__doc__ or ""
        lines += [f"## {name.capitalize()}: {held} of {len(those)} hold", "", about.splitlines()[0], ""]
        lines += ["| what | outcome |", "|---|---|", *(f"| {row['what']} | {row['outcome']} |" for row in those), ""]
    with atomic_path(RESULTS / "faults.md") as page:
        page.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
