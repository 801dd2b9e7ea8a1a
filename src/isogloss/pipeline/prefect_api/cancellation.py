"""A run that is cancelled in Prefect ends as it does after Ctrl-C.

If a worker started the flow's process, the worker interrupts it, and the process then asks the server whether it was
cancelled. Nothing interrupts a flow that was started in a terminal, so its process polls the server for the state.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_POLL_SECONDS = 2.0
_OF_A_WORKER = "PREFECT__FLOW_RUN_ID"
"""Variable that Prefect sets in the process of a flow that a worker started."""


class Cancellation:
    """Whether the running flow was cancelled in Prefect; for a worker's flow (`asks`) the server is asked."""

    def __init__(self, *, asks: UUID | None = None):
        self._asks, self.seen = asks, False

    @property
    def was_requested(self) -> bool:
        """Whether the flow was cancelled; call this after it was interrupted."""
        from prefect.client.orchestration import get_client

        if self.seen or self._asks is None:
            return self.seen
        try:
            with get_client(sync_client=True) as client:
                return _is_cancelled(client, self._asks)
        except Exception:
            return False  # The server does not answer; the run ends as after Ctrl-C.


@contextmanager
def cancellable() -> Iterator[Cancellation]:
    """While the block runs, send SIGINT to this process when its flow is cancelled in Prefect."""
    from prefect.runtime import flow_run

    own = flow_run.id
    if own is None or os.environ.get(PRIVATE_VARIABLE):
        yield Cancellation()
        return
    if os.environ.get(_OF_A_WORKER):
        yield Cancellation(asks=UUID(str(own)))
        return
    cancellation, over = Cancellation(), threading.Event()
    thread = threading.Thread(target=_watch, args=(UUID(str(own)), cancellation, over), daemon=True)
    thread.start()
    try:
        yield cancellation
    finally:
        over.set()


PRIVATE_VARIABLE = "ISOGLOSS_PRIVATE_SERVER"
"""Variable that is set in a run with a private server, which has no pages in which the run could be cancelled."""


def _watch(flow_run: UUID, cancellation: Cancellation, over: threading.Event) -> None:
    """Poll the state of the flow, in a thread of its own."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        while not over.wait(_POLL_SECONDS):
            try:
                cancelled = _is_cancelled(client, flow_run)
            except Exception:
                continue  # The server does not answer; the run continues.
            if cancelled and not over.is_set():
                cancellation.seen = True
                os.kill(os.getpid(), signal.SIGINT)
                return


def _is_cancelled(client: "SyncPrefectClient", flow_run: UUID) -> bool:
    """Whether the server says that a flow run is cancelled or being cancelled."""
    state = client.read_flow_run(flow_run).state
    return state is not None and (state.is_cancelling() or state.is_cancelled())
