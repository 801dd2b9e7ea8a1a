"""`isogloss worker` in a terminal."""

import os
import signal
import sys
import threading

import pytest

from isogloss.pipeline.host.execute import Leashed
from isogloss.pipeline.workers import processes


@pytest.fixture
def work(tmp_path, monkeypatch, capfd):
    """Be a worker whose process is this code; the exit status."""

    def work(code: str) -> int:
        def start(root, pool, *, limit, name, environment, output):
            return Leashed(
                [sys.executable, "-c", code], cwd=root, environment=dict(os.environ), stdout=output, grace_seconds=1.0
            )

        monkeypatch.setattr(processes, "deploy", lambda root: [])
        monkeypatch.setattr(processes, "start_worker", start)
        return processes.work_for(tmp_path, "cpu", limit=None, name=None, environment={})

    monkeypatch.setattr(sys, "stdout", sys.__stdout__)
    return work


def test_a_worker_that_ends_by_itself_tells_how(work):
    assert work("raise SystemExit(3)") == 3


def test_ctrl_c_is_the_usual_end_of_a_worker(work):
    threading.Timer(1.0, os.kill, [os.getpid(), signal.SIGINT]).start()
    assert work("import time; time.sleep(600)") == 0
