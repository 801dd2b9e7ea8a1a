"""A run that is cancelled in Prefect ends as it does after Ctrl-C.

Where a worker started the flow's process, the worker ends it. Nothing ends a flow that was started in a terminal, so
its own process asks the server for its state.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

_POLL_SECONDS = 2.0
_OF_A_WORKER = "PREFECT__FLOW_RUN_ID"
"""Set by Prefect in the process of a flow that a worker started."""


class Cancellation:
    """Whether somebody has cancelled the running flow in Prefect."""

    came = False


@contextmanager
def cancellable() -> Iterator[Cancellation]:
    """While the block runs, send SIGINT to this process when its flow is cancelled in Prefect."""
    from prefect.runtime import flow_run

    cancellation, over = Cancellation(), threading.Event()
    own = flow_run.id
    if own is None or os.environ.get(_OF_A_WORKER) or os.environ.get(PRIVATE_VARIABLE):
        yield cancellation
        return
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
                state = client.read_flow_run(flow_run).state
            except Exception:
                continue  # the server is away; the run goes on
            if state is not None and (state.is_cancelling() or state.is_cancelled()) and not over.is_set():
                cancellation.came = True
                os.kill(os.getpid(), signal.SIGINT)
                return
