"""Stages on the workers of the Prefect pools `gpu` and `cpu`: the coordinator's side.

A stage is restored if the caches have its result. Otherwise its inputs are sent to the DVC remote, a worker runs it
through the deployment `stage` (`isogloss.pipeline.workers.stage_run`), and the result is restored here from the remote,
never executed again. If a worker is lost, another worker starts the stage from the beginning.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from uuid import uuid4

from isogloss.errors import PipelineError
from isogloss.pipeline.host.execute import Executor
from isogloss.pipeline.host.slots import HostSlots
from isogloss.pipeline.outcome import Outcome, State
from isogloss.pipeline.plan import Plan, Stage
from isogloss.pipeline.prefect_api.deployments import CPU_POOL, GPU_POOL
from isogloss.pipeline.repo.lock_entries import read_entries
from isogloss.pipeline.workers.remote_run import RemoteRun
from isogloss.pipeline.workers.view import WorkersView

_EXCHANGE = ("-m", "isogloss.pipeline.repo.exchange")
_WORKERS_LOST = 3
"""Number of workers that may be lost with one stage before the stage is considered to be the cause."""


class Pools:
    """Runs the stages of one run on workers, which build their workspaces from `view`.

    Stages whose result DVC cannot share between workspaces run here, one after the other.
    """

    def __init__(self, root: Path, plan: Plan, executor: Executor, view: WorkersView):
        self._root, self._executor, self._view = root, executor, view
        self._needs = {stage.name: stage.needs for stage in (*plan.stages, *plan.beyond)}
        self._in_remote: set[str] = set()
        self._workspace = threading.Lock()

    def do(self, stage: Stage, on_line: Callable[[str], None]) -> Outcome:
        """Bring one stage up to date in this workspace."""
        begun = time.monotonic()
        try:
            if not stage.shareable:
                on_line("runs here: DVC cannot share its result between workspaces")
                with HostSlots().waited_for(stage, stopped=lambda: self._executor.stopped, tell=on_line) as share:
                    return self._executor.run(stage, share, on_line)
            outcome = self._do(stage, on_line)
        except PipelineError as error:
            state: State = "interrupted" if self._executor.stopped else "failed"
            outcome = Outcome(stage.name, state, message=f"stage {stage.name}: {error}", cause="refused")
        return replace(outcome, seconds=time.monotonic() - begun)

    def _do(self, stage: Stage, on_line: Callable[[str], None]) -> Outcome:
        """Restore the stage, or run it on a worker and then restore it."""
        unsent = [need for need in stage.needs if need not in self._in_remote]
        known = self._exchange("prepare", stage.name, *unsent)
        if known is not None:
            return Outcome(stage.name, known)
        self._in_remote.update(unsent)
        outcome = self._on_a_worker(stage, on_line)
        if not outcome.succeeded:
            return outcome
        if self._exchange("take", stage.name) is None:
            raise PipelineError(
                "a worker ran it, but its result is not in the DVC remote of this clone; do all clones have the same "
                "remote (`dvc remote list`), and the same files (`git status`)?"
            )
        self._in_remote.add(stage.name)
        return outcome

    def _on_a_worker(self, stage: Stage, on_line: Callable[[str], None]) -> Outcome:
        """Submit the stage until a worker has run it."""
        entries = read_entries(self._root, stage.needs)
        parameters = {"stage": stage.name, **asdict(self._view), "entries": entries}
        pool = GPU_POOL if stage.gpus else CPU_POOL
        for attempt in range(1, _WORKERS_LOST + 1):
            run = RemoteRun(stage, pool, parameters, key=uuid4().hex, stopped=lambda: self._executor.stopped)
            outcome = run.follow(on_line)
            if outcome.cause != "worker lost":
                return outcome
            if self._exchange("take", stage.name) is not None:
                on_line(f"its worker is lost ({outcome.message}), and had sent the result before")
                return Outcome(stage.name, "executed")
            if attempt < _WORKERS_LOST:
                on_line(f"its worker is lost ({outcome.message}); another one starts it anew")
        message = f"stage {stage.name} lost {_WORKERS_LOST} workers one after the other: {outcome.message}"
        return replace(outcome, message=message, cause="")

    def _exchange(self, action: str, *names: str) -> State | None:
        """Transfer results from or to the remote, one at a time; returns whether the stage is up to date."""
        with self._workspace:
            lines = self._executor.call(*_EXCHANGE, action, *names)
        return next((state for state in ("cached", "unchanged") if state in lines), None)
