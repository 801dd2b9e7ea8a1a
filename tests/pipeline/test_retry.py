"""Which failures are tried again."""

import pytest

from isogloss.pipeline.host.slots import Share
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Stage
from isogloss.pipeline.progress import percent_done
from isogloss.pipeline.schedule import retrying


def tried(outcomes, *, retries):
    """The last outcome of a stage that ends in these, one after the other, and how often it ran."""
    remaining, said = list(outcomes), []
    work = retrying(lambda stage, share: remaining.pop(0), tell=lambda stage, text: said.append(text))
    last = work(Stage("train", retries=retries), Share(cores=1))
    return last, len(outcomes) - len(remaining), said


FAILED, DONE = Outcome("train", "failed", 2.0, "broken"), Outcome("train", "executed", 3.0)


def test_a_failure_is_tried_again_as_often_as_the_stage_says():
    last, runs, said = tried([FAILED, FAILED, DONE], retries=2)
    assert (last.state, last.seconds, runs) == ("executed", 7.0, 3)
    assert said == ["broken; trying it again (1 of 2)", "broken; trying it again (2 of 2)"]
    assert tried([FAILED, FAILED, DONE], retries=1)[:2] == (Outcome("train", "failed", 4.0, "broken"), 2)
    assert tried([FAILED, DONE], retries=0)[:2] == (FAILED, 1)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome("train", "failed", cause="out of memory"),
        Outcome("train", "failed", cause="refused"),
        Outcome("train", "interrupted"),
    ],
)
def test_what_would_only_repeat_itself_is_not(outcome):
    assert tried([outcome, DONE], retries=5)[:2] == (outcome, 1)


@pytest.mark.parametrize(
    ("line", "percent"),
    [
        ("epoch 3/12: loss 1.25, dev 1.5", 25.0),
        ("ewc: epoch 2/2: loss 0.1", 100.0),
        ("Epoch 1", None),
        ("epoch 5/4", None),
        ("epoch 1/0", None),
        ("utterances 3/4", None),
        ("step 10 of 40", 25.0),
    ],
)
def test_progress_is_read_from_what_training_prints(line, percent):
    assert percent_done(line) == percent
