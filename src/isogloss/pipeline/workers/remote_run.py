"""One run of the deployment `stage`, followed from its submission to its end through Prefect's API.

After a restart of the server or a network failure the coordinator waits for the API. A run is lost when its flow
crashed, or when nothing of it has changed for a long time: neither its state, nor its signs of life
(`isogloss.pipeline.workers.beat`), nor its log.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

from isogloss.errors import PipelineError
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.prefect_api.tasks import cause_of

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

T = TypeVar("T")

LOST_SECONDS = float(os.environ.get("ISOGLOSS_LOST_SECONDS", "90"))
"""Seconds without a heartbeat after which a worker counts as lost."""
API_SECONDS = float(os.environ.get("ISOGLOSS_API_SECONDS", "600"))
"""Longest time in seconds to wait for a server that does not answer."""
_STARTING_SECONDS = 180.0
"""Seconds without a heartbeat that are allowed before the flow begins: on a busy host its process starts slowly."""
_OUTAGE_SECONDS = 5.0
"""If an answer takes more seconds than this, the server was away: Prefect's client silently repeats requests."""
_POLL_SECONDS = 1.0
_PATIENT_SECONDS = 10.0
_LOG_PAGE, _LOG_OVERLAP = 200, 50


class RemoteRun:
    """A run for `stage` in a pool; `key` makes it one run however often it is submitted."""

    def __init__(
        self, stage: Stage, pool: str, parameters: Mapping[str, Any], *, key: str, stopped: Callable[[], bool]
    ):
        self._stage, self._pool, self._parameters, self._key = stage, pool, dict(parameters), key
        self._stopped = stopped
        self._told_waiting = False
        self._logs_seen: set[Any] = set()
        self._life: tuple[Any, ...] = ()
        self._alive_at = time.monotonic()

    def follow(self, on_line: Callable[[str], None]) -> Outcome:
        """Submit the run, pass its log on line by line, and wait for its end; a lost worker is a cause of failure.

        Raises `PipelineError`: the deployment does not exist, or the server has not answered for a long time.
        """
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            run = self._patiently(self._submit, on_line)
            read = partial(client.read_flow_run, run.id)
            pass_logs_on = partial(self._pass_logs_on, client, run, on_line)
            asked = time.monotonic()
            while run.state is None or not run.state.is_final():
                if self._stopped():
                    self._cancel(client, run)
                    return Outcome(self._stage.name, "interrupted", message="the run was interrupted")
                time.sleep(_POLL_SECONDS)
                run = self._patiently(read, on_line)
                self._patiently(pass_logs_on, on_line)
                if run.state is not None and run.state.is_scheduled():
                    self._tell_waiting(client, asked, on_line)
                elif not self._lives(client, run, on_line):
                    return self._give_up(client, run)
            time.sleep(_POLL_SECONDS)  # The last lines of the log arrive late, in a batch.
            self._patiently(pass_logs_on, on_line)
        return self._ended(run)

    def _submit(self) -> "FlowRun":
        """Ask for the run, which Prefect's pages then show below the run that asks."""
        from prefect.deployments import run_deployment
        from prefect.exceptions import ObjectNotFound

        name = f"stage/{self._pool}"
        try:
            run = run_deployment(
                name, parameters=self._parameters, flow_run_name=self._stage.name, timeout=0, idempotency_key=self._key
            )
        except ObjectNotFound:
            raise PipelineError(
                f"the Prefect server has no deployment {name}; `isogloss ui` and `isogloss worker` make it"
            ) from None
        return cast("FlowRun", run)  # a coroutine in asynchronous code alone

    def _patiently(self, ask: Callable[[], T], on_line: Callable[[str], None]) -> T:
        """Return the API's answer; if there is none, wait for the server and ask again."""
        import httpx

        begun, told = time.monotonic(), False
        while True:
            try:
                answer = ask()
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500:
                    raise PipelineError(f"Prefect's server refuses: {_one_line(error)}") from None
                if time.monotonic() > begun + API_SECONDS or self._stopped():
                    raise PipelineError("Prefect's server does not answer any more") from None
                if not told:
                    on_line("Prefect's server does not answer; waiting for it")
                told = True
                time.sleep(_POLL_SECONDS)
                continue
            if told:
                on_line("Prefect's server answers again")
            if told or time.monotonic() > begun + _OUTAGE_SECONDS:
                self._alive_at = time.monotonic()  # No heartbeat could arrive while the server was away.
            return answer

    def _pass_logs_on(self, client: "SyncPrefectClient", run: "FlowRun", on_line: Callable[[str], None]) -> None:
        """Pass on the lines that the run has logged since the last call."""
        from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
        from prefect.client.schemas.sorting import LogSort

        mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
        while True:
            # Two processes log for a run, so a late batch may hold lines that are older than lines already passed on.
            offset = max(0, len(self._logs_seen) - _LOG_OVERLAP)
            logs = client.read_logs(mine, limit=_LOG_PAGE, offset=offset, sort=LogSort.TIMESTAMP_ASC)
            new = [log for log in logs if log.id not in self._logs_seen]
            for log in new:
                if log.name == STAGE_LOGGER:
                    on_line(log.message)
            self._logs_seen.update(log.id for log in new)
            if len(logs) < _LOG_PAGE or not new:
                return

    def _tell_waiting(self, client: "SyncPrefectClient", asked: float, on_line: Callable[[str], None]) -> None:
        """Say once that no worker has taken the run."""
        if self._told_waiting or time.monotonic() < asked + _PATIENT_SECONDS:
            return
        self._told_waiting = True
        path = f"/work_pools/{quote(self._pool)}/workers/filter"
        workers = self._patiently(lambda: _list(client, path, {"limit": 200}), on_line)
        online = sum(worker["status"] == "ONLINE" for worker in workers)
        if online:
            on_line(f"waits for a worker of the pool {self._pool} ({online} at work)")
        else:
            on_line(f"waits: no worker of the pool {self._pool} is there; `isogloss worker {self._pool}` starts one")

    def _lives(self, client: "SyncPrefectClient", run: "FlowRun", on_line: Callable[[str], None]) -> bool:
        """Whether the state, heartbeat or log of the run has changed recently."""
        mine = {"artifacts": {"flow_run_id": {"any_": [str(run.id)]}}, "limit": 200}
        artifacts = self._patiently(lambda: _list(client, "/artifacts/filter", mine), on_line)
        signs = sorted((artifact["id"], artifact["updated"]) for artifact in artifacts)
        life = (run.state and run.state.id, len(self._logs_seen), signs)
        if life != self._life:
            self._life, self._alive_at = life, time.monotonic()
        starting = run.state is not None and run.state.is_pending()
        return time.monotonic() < self._alive_at + LOST_SECONDS + (_STARTING_SECONDS if starting else 0.0)

    def _give_up(self, client: "SyncPrefectClient", run: "FlowRun") -> Outcome:
        """Mark the run at the server as given up, so that its worker ends the stage if it comes back."""
        from prefect.states import Crashed

        message = f"no sign of life for {LOST_SECONDS:.0f} s"
        self._patiently(
            lambda: client.set_flow_run_state(run.id, Crashed(message=message), force=True), lambda _line: None
        )
        return Outcome(self._stage.name, "failed", message=message, cause="worker lost")

    def _cancel(self, client: "SyncPrefectClient", run: "FlowRun") -> None:
        """Ask the worker to end the run, if the server can still be asked."""
        import httpx
        from prefect.states import Cancelled, Cancelling

        waiting = run.state is None or run.state.is_scheduled()
        with suppress(httpx.HTTPError):
            client.set_flow_run_state(run.id, Cancelled() if waiting else Cancelling(), force=waiting)

    def _ended(self, run: "FlowRun") -> Outcome:
        """The final state as an outcome."""
        state, name = run.state, self._stage.name
        if state is None:
            raise PipelineError("Prefect's server says that the run ended, and not how")
        message = " ".join((state.message or "").split())
        if state.is_completed():
            known = {"Executed": "executed", "Cached": "cached", "Unchanged": "unchanged"}
            return Outcome(name, known.get(state.name or "", "executed"))  # type: ignore[arg-type]
        if state.is_crashed():
            return Outcome(name, "failed", message=message or "its flow crashed", cause="worker lost")
        if state.is_cancelled():
            return Outcome(name, "failed", message=f"stage {name} was cancelled", cause="refused")
        return Outcome(name, "failed", message=message, cause=cause_of(state))


STAGE_LOGGER = "prefect.flow_runs.stage"
"""The logger of a worker's flow for the output of the stage; what Prefect itself logs stays in its UI."""


def _list(client: "SyncPrefectClient", path: str, question: dict[str, Any]) -> list[dict[str, Any]]:
    """The matches of an API filter, which is sent without nulls: servers with FastAPI 0.151 or later reject them."""
    answer: list[dict[str, Any]] = client.request("POST", path, json=question).json()  # type: ignore[arg-type]
    return answer


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
