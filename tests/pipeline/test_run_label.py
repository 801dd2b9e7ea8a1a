"""What runs are called in Prefect's pages."""

import pytest

from isogloss.pipeline.plan import Plan, Reason, Stage
from isogloss.pipeline.run_label import RunLabel, label_of, sweep_label

ATLAS = {"params.yaml": {"corpus": {"source": "atlas", "seed": 1}}}


def changed(key, new):
    return Reason("param changed", key, 0, new)


def plan(*reasons, params=ATLAS):
    """Each stage with one reason, and one that follows them."""
    stages = [Stage(f"stage{number}", reasons=(reason,)) for number, reason in enumerate(reasons)]
    return Plan((*stages, Stage("last", reasons=(Reason("downstream", "stage0"),))), params=params)


def test_a_run_is_called_by_its_corpus_and_the_changed_params_each_once():
    label = label_of(plan(changed("asr.seed", 2), changed("asr.seed", 2), Reason("param new", "ewc.strength", new=3.0)))
    assert label == RunLabel("atlas: asr.seed=2, ewc.strength=3.0", ("atlas", "asr.seed=2", "ewc.strength=3.0"))


def test_many_changed_params_are_counted_in_the_name_and_all_are_tags():
    label = label_of(plan(*(changed(f"a.p{number}", number) for number in range(5))))
    assert label.name == "atlas: a.p0=0, a.p1=1, a.p2=2 and 2 more"
    assert label.tags == ("atlas", *(f"a.p{number}={number}" for number in range(5)))


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        (Reason("never run"), "atlas: stage0 (never run)"),
        (Reason("forced"), "atlas: stage0 (forced)"),
        (Reason("dependency changed", "src/isogloss/report"), "atlas: stage0 (src/isogloss/report changed)"),
    ],
)
def test_without_changed_params_the_first_reason_names_the_run(reason, name):
    assert label_of(plan(reason)) == RunLabel(name, ("atlas",))


def test_a_pipeline_without_a_corpus_has_no_tag_for_it():
    for params in ({}, {"params.yaml": {"corpus": {"seed": 1}}}, {"params.yaml": {"corpus": None}}):
        assert label_of(plan(changed("asr.seed", 2), params=params)) == RunLabel("asr.seed=2", ("asr.seed=2",))


def test_secrets_and_long_values_are_not_shown(monkeypatch):
    monkeypatch.setenv("STORE_PASSWORD", "hunter2hunter2")
    label = label_of(
        plan(changed("table.address", "https://store/?p=hunter2hunter2"), changed("table.path", "x" * 500))
    )
    assert "hunter2" not in f"{label}" and "***" in label.name
    assert len(label.name) < 150


def test_a_sweep_is_called_by_its_experiment_and_what_it_varies():
    label = sweep_label("strengths", ("ewc.strength", "asr.seed"), plan(Reason("never run")))
    assert label == RunLabel(
        "atlas: strengths (ewc.strength, asr.seed)", ("atlas", "strengths", "ewc.strength", "asr.seed")
    )
