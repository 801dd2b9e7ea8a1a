"""`reports/provenance.json`: what code, machine and versions made the present outputs, and how long each stage took.

It carries times and revisions, so it is no DVC output: outputs are the same bytes for the same inputs. It names no
host and no user.
"""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isogloss.errors import TableError
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Plan, Stage

PACKAGES = ("isogloss", "dvc", "prefect", "torch", "lightning", "lhotse", "numpy", "pandas", "scikit-learn")


class Provenance:
    """Begins with a run (git's state is the one that the stages read) and is written at its end."""

    def __init__(self, root: Path):
        self._root = root
        self._started = datetime.now(UTC)
        self._revision = _git(root, "rev-parse", "HEAD")
        # dvc.lock is left out: a run writes it, and the next run would call its own record a change.
        changes = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock")
        self._dirty = None if changes is None or self._revision is None else bool(changes)

    def write(self, plan: Plan, outcomes: list[Outcome], *, ended: str) -> Path:
        """Write the record of a run that `ended` "succeeded", "failed" or "interrupted".

        A stage that did not execute in this run keeps the record of its last execution, unless its outputs were
        restored from an execution that we know nothing of.
        """
        from isogloss.tables import read_json, write_json

        path = self._root / "reports" / "provenance.json"
        try:
            before = read_json(path).get("stages", {})
        except (TableError, AttributeError):
            before = {}
        states = {outcome.stage: outcome for outcome in outcomes}
        content = {
            "revision": self._revision,
            "dirty": self._dirty,
            "started": _iso(self._started),
            "finished": _iso(datetime.now(UTC)),
            "ended": ended,
            "machine": machine(),
            "python": platform.python_version(),
            "packages": _versions(),
            "stages": {
                **{name: self._stage(states.get(name), before.get(name, {})) for name in _names(plan.stages)},
                **{name: {**before.get(name, {}), "state": "not in this run"} for name in _names(plan.beyond)},
            },
        }
        write_json(content, path)
        return path

    def _stage(self, outcome: Outcome | None, before: dict[str, Any]) -> dict[str, Any]:
        """What this run did with a stage, and when its command last ran."""
        if outcome is None:
            return {"state": "up to date", "last_execution": before.get("last_execution")}
        record: dict[str, Any] = {"state": outcome.state, "seconds": round(outcome.seconds, 3)}
        if outcome.state == "executed":
            record["last_execution"] = {
                "revision": self._revision,
                "dirty": self._dirty,
                "run_started": _iso(self._started),
                "seconds": round(outcome.seconds, 3),
            }
        else:
            kept = outcome.state in ("unchanged", "skipped")  # DVC has not touched the outputs
            record["last_execution"] = before.get("last_execution") if kept else None
        return record


def _names(stages: tuple[Stage, ...]) -> list[str]:
    """The names of stages, sorted, so that two records can be compared line by line."""
    return sorted(stage.name for stage in stages)


def machine() -> dict[str, Any]:
    """What kind of machine this is, without its name."""
    return {"cores": os.cpu_count(), "architecture": platform.machine(), "platform": platform.platform()}


def _versions() -> dict[str, str | None]:
    """Versions of the packages that results depend on most."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def _iso(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return moment.isoformat(timespec="seconds")


def _git(root: Path, *arguments: str) -> str | None:
    """What a git command prints, or None outside a repository (or without git)."""
    try:
        result = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
