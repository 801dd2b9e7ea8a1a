"""`reports/provenance.json`: the code, machine and versions that made the current outputs, and each stage's time.

It is no DVC output, since it contains times and revisions, while outputs are the same bytes for the same inputs. It
does not contain the names of host and user.
"""

import importlib.metadata
import json
import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from isogloss.errors import PipelineError
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Plan, Stage
from isogloss.pipeline.repo.durable import replace_text
from isogloss.pipeline.repo.git import first_uncommitted, git

PATH = Path("reports", "provenance.json")
PACKAGES = ("isogloss", "dvc", "prefect", "torch", "lightning", "lhotse", "numpy", "pandas", "scikit-learn")


class Provenance:
    """The record of a run: git's state is read at the start, and the file is written at the end."""

    def __init__(self, root: Path):
        self._root = root
        self._started = datetime.now(UTC)
        self._revision: str | None = None
        self._dirty: bool | None = None
        with suppress(PipelineError):  # The pipeline also runs outside of git.
            self._revision = git(root, "rev-parse", "--verify", "HEAD")
            # dvc.lock is left out: the run itself changes it.
            self._dirty = first_uncommitted(root, except_for=["dvc.lock"]) is not None

    def write(self, plan: Plan, outcomes: list[Outcome], *, ended: str) -> Path:
        """Write the record of a run that `ended` "succeeded", "failed" or "interrupted".

        A stage that did not execute in this run keeps the record of its last execution, unless its outputs were
        restored from an execution without a record.
        """
        path = self._root / PATH
        before = _stages(self._root)
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
        # `isogloss.tables.write_json` writes the same text, but imports pandas.
        replace_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        return path

    def _stage(self, outcome: Outcome | None, before: dict[str, Any]) -> dict[str, Any]:
        """The outcome of a stage in this run, and the time when its command last ran."""
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
            kept = outcome.state in ("unchanged", "skipped")  # DVC has not changed the outputs.
            record["last_execution"] = before.get("last_execution") if kept else None
        return record


def last_seconds(root: Path) -> dict[str, float]:
    """How long each stage took when it last ran here, in seconds; stages of which there is no record are missing."""
    executions = {name: record.get("last_execution") for name, record in _stages(root).items()}
    return {name: execution["seconds"] for name, execution in executions.items() if execution}


def _stages(root: Path) -> dict[str, Any]:
    """The stages of the last record; none if there is no record that can be read."""
    try:
        stages: dict[str, Any] = json.loads((root / PATH).read_text(encoding="utf-8"))["stages"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return stages


def _names(stages: tuple[Stage, ...]) -> list[str]:
    """The names of stages, sorted, so that two records can be compared line by line."""
    return sorted(stage.name for stage in stages)


def machine() -> dict[str, Any]:
    """The kind of this machine, without its name."""
    return {"cores": os.cpu_count(), "architecture": platform.machine(), "platform": platform.platform()}


def _versions() -> dict[str, str | None]:
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
