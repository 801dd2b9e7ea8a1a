"""What a coordinator makes of lost workers; the workers and the remote are played."""

import subprocess

import pytest

from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Plan, Reason, Stage
from isogloss.pipeline.workers import pools
from isogloss.pipeline.workers.pools import Pools
from isogloss.pipeline.workers.view import WorkersView

STAGE = Stage("mitigate@ewc", (), (Reason("never run"),), gpus=1)
LOST = Outcome(STAGE.name, "failed", message="no sign of life for 90 s", cause="worker lost")
FAILED = Outcome(STAGE.name, "failed", message="it failed")
DONE = Outcome(STAGE.name, "executed")


class PlayedExecutor:
    """Answers exchanges: nothing is known beforehand; `takes` says when the result is in the remote."""

    stopped = False

    def __init__(self, takes):
        self.takes = list(takes)

    def call(self, *arguments):
        if arguments[2] == "take" and self.takes.pop(0):
            return ["cached"]
        return []


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Do the stage (so many `times`) with these ends of its runs; the last outcome, what was said, the keys of runs."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)

    def play(ends, takes, times=1):
        said, keys, ends = [], [], iter(ends)

        class PlayedRun:
            def __init__(self, stage, pool, parameters, *, key, stopped):
                assert pool == "gpu" and parameters["revision"] == "c0ffee"
                keys.append(key)

            def follow(self, on_line):
                return next(ends)

        monkeypatch.setattr(pools, "RemoteRun", PlayedRun)
        coordinator = Pools(tmp_path, Plan((STAGE,)), PlayedExecutor(takes), WorkersView("c0ffee", {}))
        outcomes = [coordinator.do(STAGE, said.append) for _ in range(times)]
        return outcomes[-1], said, keys

    return play


def test_a_lost_worker_is_replaced(play):
    outcome, said, keys = play([LOST, DONE], takes=[False, True])
    assert outcome.state == "executed" and len(set(keys)) == 2
    assert said == ["its worker is lost (no sign of life for 90 s); another one starts it anew"]


def test_what_a_lost_worker_had_sent_before_is_taken(play):
    outcome, said, keys = play([LOST], takes=[True, True])
    assert outcome.state == "executed" and len(keys) == 1
    assert said == ["its worker is lost (no sign of life for 90 s), and had sent the result before"]


def test_a_stage_that_loses_three_workers_has_failed(play):
    outcome, said, keys = play([LOST, LOST, LOST], takes=[False] * 3)
    assert (outcome.state, outcome.cause, len(keys)) == ("failed", "", 3)  # without a cause, it may be tried again
    assert outcome.message.startswith("stage mitigate@ewc lost 3 workers one after the other: no sign of life")
    assert len(said) == 2  # nobody starts it anew after the third


def test_a_stage_that_is_tried_again_is_another_run(play):
    """Prefect gives the same, failed run back for a key that it knows."""
    outcome, _, keys = play([FAILED, DONE], takes=[True], times=2)
    assert outcome.state == "executed" and len(set(keys)) == 2


def test_what_cannot_be_shared_runs_here_with_the_cores_and_gpus_that_it_wants(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    stage = Stage("log", (), (Reason("never run"),), gpus=1, cores=1, shareable=False)
    shares, said = [], []

    class Here(PlayedExecutor):
        def run(self, _stage, share, _on_line):
            shares.append(share)
            return Outcome("log", "executed")

    coordinator = Pools(tmp_path, Plan((stage,)), Here([]), WorkersView("c0ffee", {}))
    assert coordinator.do(stage, said.append).state == "executed"
    assert (shares[0].cores, shares[0].devices, len(shares[0].files)) == (1, ("5",), 2)


def test_a_result_that_is_not_in_the_remote_is_one_sentence(play):
    outcome, _, _ = play([DONE], takes=[False])
    assert (outcome.state, outcome.cause) == ("failed", "refused")
    assert "do all clones have the same remote" in outcome.message
