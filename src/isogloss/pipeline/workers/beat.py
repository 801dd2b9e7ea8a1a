"""Heartbeats of a stage on a worker, and a watch for the loss of its worker or coordinator.

Every few seconds the flow's process renews an artifact; the coordinator considers a run lost if its artifact does not
change for a long time (`isogloss.pipeline.workers.remote_run`). The same thread ends the stage if its worker is dead or
the coordinator has given the run up.
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
    """Send heartbeats while the block runs; `stop` is called (once) when no coordinator waits any more."""
    over = threading.Event()
    thread = threading.Thread(target=_beat, args=(flow_run, what, over, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=2 * BEAT_SECONDS)


def _beat(flow_run: UUID, what: str, over: threading.Event, stop: Callable[[], None]) -> None:
    """Check the worker each second and the API at each heartbeat, in a thread of its own."""
    from prefect.client.orchestration import get_client

    parent = os.getppid()
    artifact: UUID | None = None
    next_beat = 0.0
    with get_client(sync_client=True) as client:
        while not over.wait(min(1.0, BEAT_SECONDS)):
            if os.getppid() != parent:  # The worker is dead, so nobody would report the outcome of this stage.
                stop()
                return
            if time.monotonic() < next_beat:
                continue
            next_beat = time.monotonic() + BEAT_SECONDS
            try:
                artifact = _renew(client, artifact, flow_run, what)
                state = client.read_flow_run(flow_run).state
            except Exception:
                # The network is down, or the server restarts. The stage continues, since its result is still needed.
                continue
            if state is not None and (state.is_final() or state.is_cancelling()):
                stop()
                return


def _renew(client: "SyncPrefectClient", artifact: UUID | None, flow_run: UUID, what: str) -> UUID:
    """Write the time into the artifact, or create it."""
    from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

    text = f"{what}, alive at {datetime.now(UTC).isoformat(timespec='milliseconds')}"
    if artifact is not None:
        client.update_artifact(artifact, ArtifactUpdate(data=text))
        return artifact
    # Without a key the artifact is shown only with its run, not in the list of artifacts.
    return client.create_artifact(ArtifactCreate(type="markdown", data=text, flow_run_id=flow_run)).id
