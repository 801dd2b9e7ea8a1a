"""Restarting the private server of a run if it ends before the run does.

Prefect's client repeats its requests for some minutes, so a training of hours survives a server that was killed (often
by the kernel, when memory runs out) and restarted. If the restart fails, the run is ended at once instead of after
these minutes.
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
"""Number of times that Prefect's client repeats a request, with growing pauses: about five minutes in total."""


@contextmanager
def kept_up(server: "PrefectServer", *, say: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, restart the server when it ends, and report it through `say`.

    Raises `PipelineError`: the server did not start again; the stages of the run have been stopped.
    """
    over, ended, lost = threading.Event(), threading.Event(), threading.Event()
    thread = threading.Thread(target=_watch, args=(server, say, over, ended, lost), daemon=True)
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
        if ended.is_set():
            _drop_events()


def _drop_events() -> None:
    """Drop the events that Prefect's client still holds since the server ended.

    At the end of the process, when the server has gone, it would try to send them, each for ten seconds.
    """
    from prefect.events.worker import EventsWorker

    for worker in list(EventsWorker._instances.values()):  # type: ignore[misc]
        if worker._loop is not None and worker._task is not None:
            worker._loop.call_soon_threadsafe(worker._task.cancel)


def _watch(
    server: "PrefectServer",
    say: Callable[[str], None],
    over: threading.Event,
    ended: threading.Event,
    lost: threading.Event,
) -> None:
    """Watch the server's process and restart it, in a thread of its own."""
    from prefect.settings import get_current_settings

    client, restarts = get_current_settings().client, 0
    while not over.wait(_POLL_SECONDS):
        if not server.process.ended:
            continue
        restarts += 1
        ended.set()
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
