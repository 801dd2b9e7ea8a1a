"""`isogloss ui`: the server with its pages, the deployments, and a worker for each pool, on one host."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from isogloss.errors import PipelineError
from isogloss.pipeline.host.execute import Leashed
from isogloss.pipeline.host.signals import stopping
from isogloss.pipeline.prefect_api.deployments import POOLS, deploy
from isogloss.pipeline.prefect_api.server import announced, end, prefect_home, prefect_server, quiet_environment
from isogloss.pipeline.workers.processes import start_worker

_GRACE_SECONDS = 40.0
"""Seconds until a worker is killed: its leash waits 15 s after each of two signals, so that stages can end
themselves."""
_POLL_SECONDS = 0.3


def serve(root: Path, *, port: int, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Run the server and the workers of the clone at `root` until a signal comes; all their processes have ended then.

    A worker that ends is started again. `environment` holds the stages' variables in addition to those of this process.

    Raises `PipelineError`: another server of this clone is up, the port is taken, or the server does not start or ends
    by itself.
    """
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True

    _refuse_taken(port)
    quiet_environment()
    with ExitStack() as stack:
        server = stack.enter_context(prefect_server(root, port=port, interface=True))
        stack.enter_context(announced(root, server))
        say("Starting Prefect's server ...")
        server.wait_until_up()
        deploy(root)
        workers: dict[str, Leashed] = {}
        stack.callback(_end_all, workers)
        stack.enter_context(stopping(stop))  # Before this point, Ctrl-C raises KeyboardInterrupt.
        while not stopped:
            for pool in POOLS:
                if pool not in workers or workers[pool].ended:
                    if pool in workers:
                        say(f"The worker of the pool {pool} ended; starting it again.")
                        workers[pool].finish()
                    workers[pool] = _start(root, pool, environment)
                    if len(workers) == len(POOLS) and pool == POOLS[-1]:
                        say(f"Prefect is at http://127.0.0.1:{port}; Ctrl-C ends it and its workers.")
            if server.process.ended:
                raise PipelineError(f"Prefect's server ended; its log is {server.log}")
            time.sleep(_POLL_SECONDS)
        say("Ending the workers and the server ...")


def _start(root: Path, pool: str, environment: Mapping[str, str]) -> Leashed:
    """Start the worker of a pool; a restart appends to its log."""
    with (prefect_home(root) / f"worker-{pool}.log").open("ab") as log:
        return start_worker(root, pool, environment=environment, output=log)


def _end_all(workers: Mapping[str, Leashed]) -> None:
    """Let all workers go at once, then wait for each."""
    for worker in workers.values():
        worker.let_go()
    deadline = time.monotonic() + _GRACE_SECONDS
    for worker in workers.values():
        end(worker, seconds=max(1.0, deadline - time.monotonic()))


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PipelineError(
                f"port {port} cannot be used ({os.strerror(error.errno or 0)}); choose another with --port"
            ) from None
