"""Files of experiments/: what they may say, and which runs they mean."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from isogloss.config import Params, flattened, load_sweep, overridden, overridden_text
from isogloss.errors import ParamsError

ROOT = Path(__file__).parents[1]
TAKEN_AS_IT_IS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@pytest.fixture
def load(tmp_path):
    def loaded(content, *, params="ewc: {strength: 100.0}\n", name="study"):
        (tmp_path / "params.yaml").write_text(params)
        path = tmp_path / f"{name}.yaml"
        path.write_text("description: A study.\n" + content)
        return load_sweep(path, params=tmp_path / "params.yaml")

    return loaded


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_experiments_of_the_repository_fit_the_default_params(path, tmp_path):
    (tmp_path / "params.yaml").write_text("{}\n")
    sweep = load_sweep(path, params=tmp_path / "params.yaml")
    assert sweep.runs
    assert all(key in dict(flattened(Params().model_dump())) for key in sweep.compared_by)


def test_a_grid_is_crossed_and_seeds_repeat_each_setting(load):
    sweep = load(
        "grid: {ewc.strength: [1.0, 1e4], mitigation.epochs: [3, 4]}\n"
        "seeds: {mitigation.seed: [1, 2], asr.seed: [7, 8]}\nbase: {asr.threads: 1}\n"
    )
    expected = [
        (strength, epochs, seed) for strength, epochs in itertools.product([1.0, 1e4], [3, 4]) for seed in [0, 1]
    ]
    found = [(run.overrides["ewc.strength"], run.overrides["mitigation.epochs"]) for run in sweep.runs]
    assert found == [case[:2] for case in expected]
    assert [run.overrides["asr.seed"] for run in sweep.runs] == [(7, 8)[case[2]] for case in expected]
    assert {run.overrides["asr.threads"] for run in sweep.runs} == {1}
    assert [run.name for run in sweep.runs[:2]] == ["study-1-3-1-7", "study-1-3-2-8"]
    assert [run.setting for run in sweep.runs[:3]] == ["study-1-3", "study-1-3", "study-1-4"]
    assert sweep.compared_by == ["ewc.strength", "mitigation.epochs", "mitigation.seed", "asr.seed"]


def test_named_runs_may_override_the_base_and_are_crossed_with_a_grid(load):
    sweep = load(
        "base: {ewc.strength: 1.0}\nruns: [{name: plain}, {name: strong, params: {ewc.strength: 9.0}}]\n"
        "grid: {mitigation.epochs: [3, 4]}\n"
    )
    assert [(run.name, run.overrides["ewc.strength"]) for run in sweep.runs] == [
        ("study-plain-3", 1.0),
        ("study-plain-4", 1.0),
        ("study-strong-3", 9.0),
        ("study-strong-4", 9.0),
    ]


def test_without_anything_to_vary_there_is_one_run(load):
    assert [run.name for run in load("").runs] == ["study"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("grid: {ewc.strenght: [1.0]}", "run study-1: unknown key 'ewc.strenght'; did you mean 'strength'?"),
        ("grid: {ewk.strength: [1.0]}", "run study-1: unknown key 'ewk'; did you mean 'ewc'?"),
        ("grid: {ewc.strength: [1.0, -2.0]}", "run study--2: ewc.strength is -2.0, but must be greater than or equal"),
        ("grid: {ewc.strength: [high]}", "ewc.strength is 'high', but must be a valid number"),
        ("grid: {ewc.strength.much: [1.0]}", "'ewc.strength.much' leads into ewc.strength, which is no section"),
        ("grid: {mitigation.rule: [attribute]}", "mitigation.rule"),
        ("gird: {ewc.strength: [1.0]}", "unknown key 'gird'; did you mean 'grid'?"),
        ("grid: {ewc.strength: []}", "grid.ewc.strength"),
        ("grid: {ewc.strength: [1.0, 1.0]}", "a value or a seed is listed twice"),
        ("grid: {asr.seed: [1]}\nseeds: {asr.seed: [1]}", "asr.seed is set by grid and by seeds; leave it to one"),
        ("seeds: {asr.seed: [1, 2], mitigation.seed: [1]}", "the lists of seeds differ in length"),
        ("seeds: {asr.seed: [-1]}", "seeds.asr.seed.0 is -1"),
        ("runs: [{name: a}, {name: a}]", "runs lists 'a' twice"),
        ("runs: [{name: a b}]", "runs.0.name is 'a b'"),
        ("compare: {by: [ewc.strenght]}", "compare.by names 'ewc.strenght', which is no param"),
        ("compare: {metrics: [wer], maximise: [acc]}", "compare.maximise names 'acc'"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_key(load, content, sentence):
    params = "cohorts: {rules: [geographic]}\newc: {strength: 1.0}\n"
    with pytest.raises(ParamsError) as caught:
        load(content, params=params)
    message = str(caught.value)
    assert "study.yaml: " in message
    assert sentence in message
    assert "\n" not in message


def test_a_file_whose_name_is_no_name_is_refused(load):
    with pytest.raises(ParamsError, match="names its runs; use letters"):
        load("", name="a study; rm")


ODD = ["; touch hacked", "$(id)", "`id`", "a b", "../up", "x.lock", "--all", "ü", "", "a" * 300, "a..b", "~", "@{-1}"]


@pytest.mark.parametrize("values", [ODD])
def test_values_with_odd_characters_give_names_that_git_and_a_shell_take_as_they_are(load, values, tmp_path):
    names = YAML(typ="safe")
    path = tmp_path / "grid.yaml"
    names.dump({"grid": {"prepare.stratify_by": values}}, path)
    sweep = load(path.read_text())
    assert [run.overrides["prepare.stratify_by"] for run in sweep.runs] == values
    assert len({run.name for run in sweep.runs}) == len(values)
    for run in sweep.runs:
        assert TAKEN_AS_IT_IS.fullmatch(run.name), run.name
        assert ".." not in run.name
        assert not run.name.endswith((".", ".lock"))
        assert len(run.name) < 80


numbers = st.one_of(st.integers(0, 10), st.floats(0, 1e9, allow_nan=False))


@given(st.lists(numbers, min_size=1, max_size=6, unique_by=lambda value: (type(value), value)))
def test_equal_names_of_different_values_are_told_apart(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("names")
    (folder / "params.yaml").write_text("{}\n")
    strengths = [float(value) for value in values]
    (folder / "s.yaml").write_text(f"description: x\ngrid: {{ewc.strength: {sorted(set(strengths))}}}\n")
    runs = load_sweep(folder / "s.yaml", params=folder / "params.yaml").runs
    assert len({run.name for run in runs}) == len(set(strengths)) == len(runs)


def test_overridden_text_keeps_comments_and_says_what_overridden_says():
    text = "# all\ncorpus:\n  seed: 1 # its seed\newc: {strength: 100.0}\n"
    overrides = {"corpus.seed": 3, "ewc.strength": 1e-3, "lstm.layers": 2}
    found = overridden_text(text, overrides, where="here")
    assert "# all" in found
    assert "seed: 3 # its seed" in found
    before = YAML(typ="safe").load(text)
    assert YAML(typ="safe").load(found) == overridden(before, overrides, where="here")
    assert before == YAML(typ="safe").load(text)
    assert Params.model_validate(YAML(typ="safe").load(found)).lstm.layers == 2
