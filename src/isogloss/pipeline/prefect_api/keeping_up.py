"""The private server of a run is started again when it ends before the run does.

A server that is killed (often by the kernel, when memory runs out) is no reason to end a training of hours: Prefect's
client repeats its requests for a while. Where the server does not come up again, the run is ended at once, and not
after the minutes for which the client would go on.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from isogloss.errors import PipelineError

if TYPE_CHECKING:
    from isogloss.pipeline.prefect_api.server import PrefectServer

_POLL_SECONDS = 0.5
_RESTARTS = 3
_PATIENT_RETRIES = 12
"""Requests that Prefect's client repeats, with longer and longer pauses: about five minutes."""


@contextmanager
def kept_up(server: "PrefectServer", *, say: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, start the server again when it ends, and `say` so.

    Raises
    ------
    PipelineError
        It did not come up again; the stages of the run have been stopped.
    """
    over, lost = threading.Event(), threading.Event()
    thread = threading.Thread(target=_watch, args=(server, say, over, lost), daemon=True)
    thread.start()
    try:
        yield
    except BaseException:
        if lost.is_set():
            raise PipelineError(
                f"Prefect's server ended and did not start again{server.cause}; finished stages are kept, and the "
                f"next run continues; its log is {server.log}"
            ) from None
        raise
    finally:
        over.set()
        thread.join(timeout=2 * _POLL_SECONDS)


def _watch(server: "PrefectServer", say: Callable[[str], None], over: threading.Event, lost: threading.Event) -> None:
    """The thread: look at the process, and start it again."""
    from prefect.settings import get_current_settings

    client, restarts = get_current_settings().client, 0
    while not over.wait(_POLL_SECONDS):
        if not server.process.ended:
            continue
        restarts += 1
        try:
            if restarts > _RESTARTS:
                raise PipelineError("it ended again and again")
            say("Prefect's server ended; starting it again, the stages go on.")
            client.max_retries = _PATIENT_RETRIES
            server.restart()
            server.wait_until_up()
        except (PipelineError, OSError):
            if not over.is_set():
                lost.set()
                client.max_retries = 0
                os.kill(os.getpid(), signal.SIGINT)
            return
