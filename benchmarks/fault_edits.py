"""Params and sources that are edited while a stage runs: cases of `faults.py`."""

import subprocess
import time
from collections.abc import Callable, Iterator

from fault_clone import AFTER, PATIENCE_SECONDS, Case, Clone

DVC = ("-m", "dvc", "repro", "-q")


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
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
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
    _, said = process.communicate(timeout=PATIENCE_SECONDS)
    other.communicate(timeout=PATIENCE_SECONDS)
    clone.wait_until_quiet()
    (clone.root / "params.yaml").write_text(AFTER, encoding="utf-8")
    told = f"`{said.strip().partition('; its output')[0][:150]}`" if said.strip() else "finished"
    return f"the run: {told}; next run: {clone.last_run()}"


def _edited_under_dvc(clone: Clone) -> str:
    """What DVC itself does, for the documentation."""
    with _held(clone, "ewc", *DVC) as process:
        path = clone.root / "params.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("25.0", "7000000.0"), encoding="utf-8")
    process.communicate(timeout=PATIENCE_SECONDS)
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
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._clone.processes(wanted):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the stage did not start")
            time.sleep(0.05)
        time.sleep(0.5)
        return process

    def __exit__(self, *_: object) -> None:
        self._hold.unlink()
