"""The plan against DVC's own word, and against planted changes."""

import json
import os
import subprocess
import sys

import pytest

from isogloss.errors import PipelineError
from isogloss.pipeline.repo.graph import plan

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own

MUTATIONS = {
    "param and command": lambda toy: (
        toy.replace("params.yaml", "100.0", "30.0"),
        toy.replace("dvc.yaml", "cat finetune.txt ewc.txt", "cat ewc.txt finetune.txt"),
    ),
    "missing output": lambda toy: (toy.root / "finetune.txt").unlink(),
    "edited output": lambda toy: toy.overwrite("ewc.txt", "by hand\n"),
}


def test_a_fresh_repository_has_never_run_and_is_in_order(new_toy):
    found = new_toy().plan()
    assert [stage.name for stage in found.stages] == ["corpus", "mitigate@finetune", "mitigate@ewc", "report"]
    assert {stage.why for stage in found.stages} == {"never run"}
    assert found.stages[-1].needs == ("mitigate@finetune", "mitigate@ewc")


def test_after_dvc_repro_nothing_is_stale(diamond):
    assert diamond.stale() == {}


def test_a_changed_param_makes_only_its_stage_and_what_follows_stale_and_names_both_values(diamond):
    diamond.replace("params.yaml", "strength: 100.0", "strength: 30.0")
    assert diamond.stale() == {"mitigate@ewc": "ewc.strength: 100.0 → 30.0", "report": "after mitigate@ewc"}


def test_a_new_key_in_a_section_is_named(diamond):
    diamond.replace("params.yaml", "finetune: {}", "finetune: {epochs: 3}")
    assert diamond.stale()["mitigate@finetune"] == "finetune.epochs is new: 3"


def test_staleness_is_transitive(diamond):
    diamond.write("words.txt", "turn off the light\n")
    assert diamond.stale() == {
        "corpus": "words.txt changed",
        "mitigate@finetune": "after corpus",
        "mitigate@ewc": "after corpus",
        "report": "after mitigate@finetune, mitigate@ewc",
    }


def test_missing_and_edited_outputs_are_told_apart(diamond):
    (diamond.root / "finetune.txt").unlink()
    diamond.overwrite("ewc.txt", "by hand\n")
    stale = diamond.stale()
    assert stale["mitigate@finetune"] == "output finetune.txt is missing"
    assert stale["mitigate@ewc"] == "output ewc.txt was changed"
    assert stale["report"] == "ewc.txt changed; after mitigate@finetune, mitigate@ewc"


def test_a_changed_command_is_named(diamond):
    diamond.replace("dvc.yaml", "cat finetune.txt ewc.txt", "cat ewc.txt finetune.txt")
    assert diamond.stale() == {"report": "command changed"}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_stages_that_are_stale_of_themselves_are_those_of_dvc_status(diamond, mutation):
    MUTATIONS[mutation](diamond)
    # A stage whose missing input is made by another stage is "after" that one for us, "deleted" for DVC.
    ours = {
        stage.name
        for stage in diamond.plan().stages
        if any(r.kind != "downstream" for r in stage.reasons) or (mutation == "missing output" and stage.stale)
    }
    assert ours == set(json.loads(diamond.dvc("status", "--json")))


def test_the_plan_can_be_made_while_dvc_holds_the_lock(diamond):
    """`dvc status` cannot."""
    code = "import sys; from dvc.repo import Repo\nwith Repo().lock: print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], cwd=diamond.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        assert diamond.stale() == {}
    finally:
        holder.communicate("")


def test_the_plan_is_the_same_from_another_working_directory(diamond, monkeypatch, tmp_path):
    diamond.write("words.txt", "turn off the light\n")
    monkeypatch.chdir(tmp_path)
    elsewhere = plan(diamond.root)
    monkeypatch.chdir(diamond.root)
    assert elsewhere == plan(".")
    assert os.fspath(tmp_path) not in str(elsewhere)


def test_a_foreach_target_means_all_its_stages_and_what_they_need(diamond):
    chosen = diamond.plan().needed_by(["mitigate"])
    assert [stage.name for stage in chosen.stages] == ["corpus", "mitigate@finetune", "mitigate@ewc"]
    assert [stage.name for stage in chosen.beyond] == ["report"]
    assert [stage.name for stage in diamond.plan().needed_by(["mitigate@ewc"]).stages] == ["corpus", "mitigate@ewc"]


def test_an_unknown_target_is_answered_with_the_nearest_stage(diamond):
    with pytest.raises(PipelineError, match="no stage 'mitigate@ewk'; did you mean 'mitigate@ewc'"):
        diamond.plan().needed_by(["mitigate@ewk"])


def test_a_param_that_does_not_exist_is_refused_before_anything_runs(new_toy):
    toy = new_toy(params="finetune: {}\newc: {strength: 1.0}\n")
    with pytest.raises(PipelineError, match=r"stage corpus reads corpus\.seed in params\.yaml, which is missing"):
        toy.plan().refuse_impossible()


def test_a_dependency_that_nobody_makes_is_refused_before_anything_runs(new_toy):
    toy = new_toy()
    (toy.root / "words.txt").unlink()
    with pytest.raises(PipelineError, match=r"stage corpus depends on words\.txt, which does not exist"):
        toy.plan().refuse_impossible()


def test_cores_and_gpus_come_from_meta(new_toy):
    stage = "stages:\n  train:\n    cmd: 'true'\n    meta: {cores: 2, gpu: 1}\n    deps: [words.txt]\n"
    (found,) = new_toy(stage).plan().stages
    assert (found.cores, found.gpus) == (2, 1)


@pytest.mark.parametrize(
    ("dvc_yaml", "sentence"),
    [
        ("stages:\n  a:\n    cmd: 'true'\n    meta: {cores: two}\n", "stage a: meta.cores is 'two', but must be"),
        ("stages:\n  a:\n    cmd: 'true'\n    meta: {cores: 0}\n", "at least 1"),
        ("stages:\n  a:\n    command: 'true'\n", "dvc.yaml"),
        ("stages: [\n", "dvc.yaml"),
        (
            "stages:\n  a: {cmd: x, deps: [b], outs: [a]}\n  b: {cmd: x, deps: [a], outs: [b]}\n",
            "both a dependency and an output",
        ),
    ],
)
def test_a_wrong_dvc_yaml_is_one_sentence(new_toy, dvc_yaml, sentence):
    with pytest.raises(PipelineError) as caught:
        new_toy(dvc_yaml).plan()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_dvc_is_one_sentence(tmp_path):
    with pytest.raises(PipelineError, match="not a DVC repository"):
        plan(tmp_path)
