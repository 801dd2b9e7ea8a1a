"""Params and files that are edited while a stage runs: nothing is recorded of it."""

import pytest

from isogloss.errors import PipelineError

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own

TRAIN = """
stages:
  train:
    cmd: python train.py
    deps: [train.py, words.txt]
    params: [ewc]
    outs: [model.txt]
  after:
    cmd: cp model.txt after.txt
    deps: [model.txt]
    params: [late.rate]
    outs: [after.txt]
"""
PARAMS = "ewc: {strength: 25}\nother: 1\nlate: {rate: 0.5}\n"
CODE = """
import pathlib
strength = pathlib.Path("params.yaml").read_text().split("strength: ")[1].split("}")[0]
pathlib.Path("model.txt").write_text("trained with " + strength)
for edit in pathlib.Path(".").glob("edit *"):
    path, old, new = edit.read_text().split("|")
    edit.unlink()
    pathlib.Path(path).write_text(pathlib.Path(path).read_text().replace(old, new))
"""


@pytest.fixture
def trained(new_toy):
    return new_toy(TRAIN, params=PARAMS, **{"train.py": CODE})


def test_params_edited_while_a_stage_runs_are_not_those_it_is_recorded_with(trained):
    trained.write("edit 1", "params.yaml|strength: 25|strength: 7000000")
    with pytest.raises(PipelineError) as caught:
        trained.run()
    assert "params.yaml (ewc.strength: 25 before, 7000000 now) was edited" in str(caught.value)
    assert "nothing of train is recorded" in str(caught.value)
    assert not (trained.root / "dvc.lock").exists() or "train" not in trained.read("dvc.lock")
    assert [outcome.state for outcome in trained.run()] == ["executed", "executed"]  # no run cache hands it out
    assert trained.read("model.txt") == "trained with 7000000"


def test_an_edited_source_file_is_not_recorded_either(trained):
    trained.write("edit 1", "words.txt|light|lamp")
    with pytest.raises(PipelineError, match=r"words.txt was edited while the stage ran, so nothing of train is"):
        trained.run()
    assert "train" in trained.stale()


def test_what_the_stage_does_not_read_may_be_edited(trained):
    trained.write("edit 1", "params.yaml|other: 1|other: 2")
    assert [outcome.state for outcome in trained.run()] == ["executed", "executed"]


def test_a_later_stage_does_not_take_params_that_the_run_did_not_plan_with(trained):
    trained.write("edit 1", "params.yaml|rate: 0.5|rate: 0.1")
    with pytest.raises(PipelineError, match=r"late.rate: 0.5 before, 0.1 now\) was edited after this run began"):
        trained.run()
    assert trained.stale() == {"after": "never run"}
    assert [outcome.state for outcome in trained.run()] == ["executed"]


def test_an_edit_that_is_taken_back_in_time_does_no_harm(trained):
    trained.write("edit 1", "params.yaml|strength: 25|strength: 26")
    trained.write("edit 2", "params.yaml|strength: 26|strength: 25")
    trained.replace("train.py", 'glob("edit *")', 'glob("edit *") if False else sorted(pathlib.Path().glob("edit *"))')
    assert [outcome.state for outcome in trained.run()] == ["executed", "executed"]
