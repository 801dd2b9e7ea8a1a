"""Why a worker's flow was interrupted; the server is played."""

from contextlib import contextmanager
from types import SimpleNamespace
from uuid import uuid4

import prefect.client.orchestration
import pytest
from prefect.states import Cancelled, Cancelling, Crashed, Running

from isogloss.pipeline.prefect_api.cancellation import PRIVATE_VARIABLE, cancellable


@pytest.fixture
def server(monkeypatch):
    """What the server says of the flow run of this process, and how often it was asked."""
    told, run = SimpleNamespace(state=Running(), asked=0), uuid4()

    def read(asked_for):
        assert asked_for == run
        told.asked += 1
        return told

    @contextmanager
    def client(sync_client):
        yield SimpleNamespace(read_flow_run=read)

    monkeypatch.setattr(prefect.client.orchestration, "get_client", client)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(run))
    monkeypatch.delenv(PRIVATE_VARIABLE, raising=False)
    return told


@pytest.mark.parametrize(
    ("state", "came"),
    [(Cancelling(), True), (Cancelled(), True), (Running(), False), (Crashed(), False), (None, False)],
)
def test_a_worker_s_flow_that_is_interrupted_asks_the_server_why(server, state, came):
    with cancellable() as was_cancelled:
        assert server.asked == 0  # the worker ends the flow: nothing has to be watched
        server.state = state
        assert was_cancelled() is came


def test_a_run_with_a_private_server_asks_nobody(server, monkeypatch):
    monkeypatch.setenv(PRIVATE_VARIABLE, "1")
    server.state = Cancelled()
    with cancellable() as was_cancelled:
        assert not was_cancelled() and server.asked == 0
