"""What stages print, on its way to Prefect."""

import threading
from types import SimpleNamespace

import prefect
import prefect.artifacts

from isogloss.pipeline.prefect_api.tasks import PrefectStageLog


def test_a_server_that_does_not_answer_holds_no_stage_up(monkeypatch):
    """The call for the first step hangs; the lines after it come through, and their steps are left out."""
    answers, asked = threading.Event(), threading.Semaphore(0)
    lines, updates = [], []
    logger = SimpleNamespace(getChild=lambda _name: SimpleNamespace(info=lambda _format, text: lines.append(text)))

    def create(_percent, **_options):
        asked.release()
        answers.wait()
        return "artifact"

    monkeypatch.setattr(prefect, "get_run_logger", lambda: logger)
    monkeypatch.setattr(prefect.artifacts, "create_progress_artifact", create)
    monkeypatch.setattr(prefect.artifacts, "update_progress_artifact", lambda *given, **_options: updates.append(given))
    log = PrefectStageLog()
    log.line("train", "epoch 1/4: loss 4.0")
    assert asked.acquire(timeout=120)
    log.line("train", "epoch 2/4: loss 2.0")  # would hang here
    assert lines == ["epoch 1/4: loss 4.0", "epoch 2/4: loss 2.0"]
    assert updates == []
    answers.set()
    log._showing["train"].join(timeout=120)
    log.line("train", "epoch 3/4: loss 1.0")
    log._showing["train"].join(timeout=120)
    assert updates == [("artifact", 75.0)]
