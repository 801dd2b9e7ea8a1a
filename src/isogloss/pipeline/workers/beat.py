"""Heartbeats of a stage on a worker, and a watch for the loss of its worker or coordinator.

Every few seconds the flow's process renews an artifact; the coordinator takes a run whose artifact stays as it was for
a long time for lost (`isogloss.pipeline.workers.remote_run`). The same thread looks after the other direction: when the
worker above us is dead, or the coordinator has given our run up, the stage is ended.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

BEAT_SECONDS = float(os.environ.get("ISOGLOSS_BEAT_SECONDS", "5"))


@contextmanager
def signs_of_life(flow_run: UUID, what: str, *, stop: Callable[[], None]) -> Iterator[None]:
    """Send heartbeats while the block runs; `stop` is called (once) when nobody waits for its result any more."""
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(flow_run, what, over, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=2 * BEAT_SECONDS)


def _beat(flow_run: UUID, what: str, over: threading.Event, stop: Callable[[], None]) -> None:
    """The thread: look at the worker each second, at the API at each beat."""
    from prefect.client.orchestration import get_client

    parent = os.getppid()
    artifact: UUID | None = None
    next_beat = 0.0
    with get_client(sync_client=True) as client:
        while not over.wait(min(1.0, BEAT_SECONDS)):
            if os.getppid() != parent:  # the worker is dead: nobody would report the outcome of this stage
                stop()
                return
            if time.monotonic() < next_beat:
                continue
            next_beat = time.monotonic() + BEAT_SECONDS
            try:
                artifact = _renew(client, artifact, flow_run, what)
                state = client.read_flow_run(flow_run).state
            except Exception:
                # The network is cut, or the server restarts. The stage goes on; the result is what counts.
                continue
            if state is not None and (state.is_final() or state.is_cancelling()):
                stop()
                return


def _renew(client: "SyncPrefectClient", artifact: UUID | None, flow_run: UUID, what: str) -> UUID:
    """Write the time into the artifact; make it first where there is none."""
    from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

    text = f"{what}, alive at {datetime.now(UTC).isoformat(timespec='milliseconds')}"
    if artifact is not None:
        client.update_artifact(artifact, ArtifactUpdate(data=text))
        return artifact
    # Without a key it is shown with the run and not among the artifacts that people look for.
    return client.create_artifact(ArtifactCreate(type="markdown", data=text, flow_run_id=flow_run)).id
