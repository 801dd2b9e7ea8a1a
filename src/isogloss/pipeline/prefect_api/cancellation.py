"""A run that is cancelled in Prefect ends as it does after Ctrl-C.

Where a worker started the flow's process, the worker ends it, and the process asks why only then. Nothing ends a flow
that was started in a terminal, so its own process asks the server for its state all the time.
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
"""Set by Prefect in the process of a flow that a worker started."""


class Cancellation:
    """Whether somebody has cancelled the running flow in Prefect; of a worker's flow (`asks`) the server knows."""

    def __init__(self, *, asks: UUID | None = None):
        self._asks, self.seen = asks, False

    @property
    def came(self) -> bool:
        """Whether it was cancelled; asked when the flow has been interrupted."""
        from prefect.client.orchestration import get_client

        if self.seen or self._asks is None:
            return self.seen
        try:
            with get_client(sync_client=True) as client:
                return _is_cancelled(client, self._asks)
        except Exception:
            return False  # the server is away; the run ends as after Ctrl-C


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
"""Set in a run whose server is its own and has no pages: nobody can cancel it there."""


def _watch(flow_run: UUID, cancellation: Cancellation, over: threading.Event) -> None:
    """The thread: ask for the state of the flow."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        while not over.wait(_POLL_SECONDS):
            try:
                cancelled = _is_cancelled(client, flow_run)
            except Exception:
                continue  # the server is away; the run goes on
            if cancelled and not over.is_set():
                cancellation.seen = True
                os.kill(os.getpid(), signal.SIGINT)
                return


def _is_cancelled(client: "SyncPrefectClient", flow_run: UUID) -> bool:
    """Whether the server has a flow run for cancelled, or to be cancelled."""
    state = client.read_flow_run(flow_run).state
    return state is not None and (state.is_cancelling() or state.is_cancelled())
