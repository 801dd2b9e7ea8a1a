"""How a coordinator bears a Prefect server that is away for a while, and workers that are not there."""

import httpx
import pytest

from isogloss.errors import PipelineError
from isogloss.pipeline.plan import Reason, Stage
from isogloss.pipeline.workers import remote_run
from isogloss.pipeline.workers.remote_run import RemoteRun


@pytest.fixture
def clock(monkeypatch):
    """Time that passes as the test says; sleeping passes it too."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

    clock = Clock()
    monkeypatch.setattr(remote_run, "time", clock)
    return clock


@pytest.fixture
def run(clock):
    stage = Stage("mitigate@ewc", (), (Reason("never run"),))
    return RemoteRun(stage, "gpu", {}, key="k", stopped=lambda: False)


def test_an_outage_that_the_client_hides_is_no_loss_of_the_worker(run, clock):
    """Prefect's client repeats a request by itself: the answer only takes long."""
    said = []

    def slow():
        clock.now += 40.0
        return "answer"

    assert run._patiently(slow, said.append) == "answer"
    assert run._alive_at == clock.now and said == []


def test_a_quick_answer_is_no_sign_of_life(run, clock):
    clock.now += 50.0
    run._patiently(lambda: "answer", lambda _line: None)
    assert run._alive_at == 1000.0


def test_an_outage_is_told_once_and_waited_for(run, clock):
    said, refusals = [], iter([httpx.ConnectError("no")] * 3)

    def ask():
        error = next(refusals, None)
        if error is not None:
            raise error
        return "answer"

    assert run._patiently(ask, said.append) == "answer"
    assert said == ["Prefect's server does not answer; waiting for it", "Prefect's server answers again"]
    assert run._alive_at == clock.now


def test_a_server_that_stays_away_is_given_up(run, clock):
    def ask():
        raise httpx.ConnectError("no")

    with pytest.raises(PipelineError, match="does not answer any more"):
        run._patiently(ask, lambda _line: None)
    assert 1000.0 + remote_run.API_SECONDS < clock.now < 1000.0 + remote_run.API_SECONDS + 5


def test_what_the_server_refuses_is_not_asked_again(run):
    request = httpx.Request("POST", "http://127.0.0.1/api")

    def ask():
        raise httpx.HTTPStatusError("403 Forbidden", request=request, response=httpx.Response(403, request=request))

    with pytest.raises(PipelineError, match="refuses: 403 Forbidden"):
        run._patiently(ask, lambda _line: None)


@pytest.mark.parametrize(
    ("workers", "sentence"),
    [
        ([], "waits: no worker of the pool gpu is there; `isogloss worker gpu` starts one"),
        (["OFFLINE"], "waits: no worker of the pool gpu is there; `isogloss worker gpu` starts one"),
        (["ONLINE", "OFFLINE"], "waits for a worker of the pool gpu (1 at work)"),
    ],
)
def test_who_waits_for_a_worker_is_told_once_what_to_do(run, clock, monkeypatch, workers, sentence):
    said, asked = [], clock.now
    monkeypatch.setattr(remote_run, "_list", lambda *_: [{"status": status} for status in workers])
    run._tell_waiting(None, asked, said.append)
    assert said == []  # a worker looks for work every few seconds
    clock.now += 15
    run._tell_waiting(None, asked, said.append)
    run._tell_waiting(None, asked, said.append)
    assert said == [sentence]
