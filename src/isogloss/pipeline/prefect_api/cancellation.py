"""A run that is cancelled in Prefect ends as it does after Ctrl-C.

If a worker started the flow's process, the worker interrupts it, and the process then asks the server whether it was
cancelled. Nothing interrupts a flow that was started in a terminal, so its process polls the server for the state.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_POLL_SECONDS = 2.0
_OF_A_WORKER = "PREFECT__FLOW_RUN_ID"
"""Variable that Prefect sets in the process of a flow that a worker started."""
PRIVATE_VARIABLE = "ISOGLOSS_PRIVATE_SERVER"
"""Variable that is set in a run with a private server, which has no pages in which the run could be cancelled."""


@contextmanager
def cancellable() -> Iterator[Callable[[], bool]]:
    """While the block runs, send SIGINT to this process when its flow is cancelled in Prefect.

    Yields a function that says whether it was cancelled; call it after an interrupt.
    """
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    if flow_run.id is None or os.environ.get(PRIVATE_VARIABLE):
        yield lambda: False
        return
    own, over = UUID(str(flow_run.id)), threading.Event()

    def was_cancelled() -> bool:
        with suppress(Exception), get_client(sync_client=True) as client:
            return _is_cancelled(client, own)
        return False  # No client can be made; the run ends as after Ctrl-C.

    if not os.environ.get(_OF_A_WORKER):
        threading.Thread(target=_watch, args=(own, over), daemon=True).start()
    try:
        yield was_cancelled
    finally:
        over.set()


def _watch(flow_run: UUID, over: threading.Event) -> None:
    """Poll the state of the flow, in a thread of its own."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        while not over.wait(_POLL_SECONDS):
            if _is_cancelled(client, flow_run) and not over.is_set():
                os.kill(os.getpid(), signal.SIGINT)
                return


def _is_cancelled(client: "SyncPrefectClient", flow_run: UUID) -> bool:
    """Whether the server says that a flow run is cancelled or being cancelled; no if it does not answer."""
    with suppress(Exception):
        state = client.read_flow_run(flow_run).state
        return state is not None and (state.is_cancelling() or state.is_cancelled())
    return False
