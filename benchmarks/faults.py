"""Kills, full disks, damaged files, edited params, attacks: brought about on purpose; what became of each.

    python benchmarks/faults.py                       # all of it (40 minutes on two busy cores; disks need root)
    python benchmarks/faults.py kills edits           # some kinds
    python benchmarks/faults.py kills --cases 20:40   # some cases of a kind; the other cases keep their rows
    python benchmarks/faults.py --share 0.1           # a tenth of the cases of each kind, to try it

A case holds when the next run, which nothing disturbs, ends with the same `dvc.lock` and the same bytes as a plain
`dvc repro`, `dvc status` finds nothing to do, and neither a process nor a temporary file is left. Results:
benchmarks/results/faults.md.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fault_clone import Case, Clone
from fault_damage import checkpoints, objects
from fault_edits import edits
from fault_kills import disks, kills
from fuzzing import fuzz
from privacy_attack import privacy

from isogloss.tables import atomic_path, write_json

RESULTS = Path(__file__).parent / "results"
KINDS: dict[str, Callable[[], Iterable[Case]]] = {
    kind.__name__: kind for kind in (kills, disks, objects, checkpoints, edits, privacy, fuzz)
}


def main() -> None:
    """Do the kinds of the command line, and write what became of each case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)} (all of them)")
    parser.add_argument("--cases", default=":", metavar="FIRST:END", help="the cases of each kind to do (all of them)")
    parser.add_argument("--share", type=float, default=1.0, help="of the cases of each kind (1)")
    options = parser.parse_args()
    if unknown := {*options.kinds} - {*KINDS}:
        parser.error(f"there is no kind {sorted(unknown)[0]!r}")
    chosen = slice(*(int(place) if place else None for place in options.cases.split(":")))
    failed = False
    # A shell that starts this in the background has SIGINT ignored, and so would everything that is interrupted here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="isogloss-faults-") as name:
        folder = Path(name)
        os.environ["ISOGLOSS_LOCKS"] = str(folder / "locks")
        template = None
        for kind in options.kinds or KINDS:
            cases = [*KINDS[kind]()]
            for case in cases[chosen][:: max(1, round(1 / options.share))]:
                if case.in_clone and template is None:
                    template = _template(folder)
                outcome = _outcome(case, template, folder / "case")
                print(f"{kind}: {case.what}: {outcome}", flush=True)
                failed |= outcome.startswith("FAILED")
                with _results_lock():
                    _record(kind, [each.what for each in cases], case.what, outcome.replace(str(folder), ""))
    sys.exit(failed)


def _template(folder: Path) -> Clone:
    """The clone that each case gets a copy of."""
    template, expected = Clone(folder / "template"), Clone(folder / "expected")
    template.make()
    template.copy(expected.root).dvc("repro", "-q")
    template.expected = expected.root
    return template


def _outcome(case: Case, template: Clone | None, root: Path) -> str:
    """What became of a case."""
    clone = template.copy(root) if case.in_clone and template else Clone(root)
    try:
        return case.attempt(clone)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return f"FAILED: {' '.join(str(error).split())}"
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _results_lock() -> Iterator[None]:
    """Keep another `faults.py`, which does other cases, from writing the results at the same time."""
    folder = os.open(RESULTS, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _record(kind: str, order: list[str], what: str, outcome: str) -> None:
    """Write the outcome of a case to the results, where each case of the kind has one row."""
    path = RESULTS / "faults.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows = {row["what"]: row["outcome"] for row in known.get(kind, [])} | {what: outcome.replace("|", "\\|")}
    known[kind] = [{"what": each, "outcome": rows[each]} for each in order if each in rows]
    known = {name: known[name] for name in KINDS if name in known}
    write_json(known, path)
    lines = ["# Faults", "", "`python benchmarks/faults.py`; its head says when a case holds.", ""]
    for name, those in known.items():
        held = sum(not row["outcome"].startswith("FAILED") for row in those)
        about = (KINDS[name].__doc__ or "").splitlines()[0]
        lines += [f"## {name.capitalize()}: {held} of {len(those)} hold", "", about, ""]
        lines += ["| what | outcome |", "|---|---|", *(f"| {row['what']} | {row['outcome']} |" for row in those), ""]
    with atomic_path(RESULTS / "faults.md") as page:
        page.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
