"""Options chosen on dev by the rule as it is written."""

import pytest

from isogloss.config import load_params, load_sweep
from isogloss.config.experiment import PlanParams, Run, with_base
from isogloss.errors import PipelineError
from isogloss.studies.choice import choose, records, refuse_unsettled

RUNS = [
    Run(f"t-{name}", f"t-{name}", {"ewc.strength": value, "l2.strength": value})
    for name, value in zip("abc", (1, 2, 3), strict=True)
]


def dev(overall, worst, before=0.100):
    return {"overall": {"before": before, "after": overall}, "worst": {"before": 0.5, "after": worst}}


def test_the_lowest_worst_rate_within_the_margin_wins():
    figures = {"ewc": {"t-a": dev(0.100, 0.40), "t-b": dev(0.102, 0.30), "t-c": dev(0.103, 0.10)}}
    (choice,) = choose(RUNS, figures)
    assert choice.setting == "t-b" and choice.within and choice.options == {"ewc.strength": 2}


def test_where_none_is_within_the_lowest_overall_rate_wins_and_says_so():
    (choice,) = choose(RUNS, {"l2": {"t-a": dev(0.120, 0.10), "t-b": dev(0.110, 0.40)}})
    assert choice.setting == "t-b" and not choice.within


def test_a_method_without_figures_is_refused():
    with pytest.raises(PipelineError, match="no trial of ewc"):
        choose(RUNS, {"ewc": {}})


def test_figures_hidden_for_privacy_are_one_sentence():
    with pytest.raises(PipelineError, match="dev has too few speakers of the worst cohorts"):
        choose(RUNS, {"ewc": {"t-a": dev(0.1, None), "t-b": dev(None, None, before=None)}})


def test_chosen_options_go_into_the_base_and_comments_stay(tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text("# two models\ndescription: d\nbase:\n  asr.encoder: lstm # as ever\nseeds: {asr.seed: [1]}\n")
    text = with_base(path, {"ewc.strength": 2.0})
    assert text.startswith("# two models") and "# as ever" in text and "  ewc.strength: 2.0" in text


def trials(worst_by_value, bases=3):
    """Runs of each value on some base models, and what dev says: base models differ more than values do."""
    runs = [
        Run(f"t-{value}-{base}", f"t-{value}", {"ewc.strength": value})
        for value in worst_by_value
        for base in range(bases)
    ]
    figures = {
        run.name: dev(0.1, worst_by_value[run.overrides["ewc.strength"]] + 0.1 * int(run.name[-1])) for run in runs
    }
    return runs, {"ewc": figures}


def test_a_setting_is_judged_by_its_mean_over_base_models():
    runs, figures = trials({1: 0.32, 10: 0.30, 100: 0.31})
    figures["ewc"]["t-100-0"] = dev(0.1, 0.05)  # one lucky base model
    (choice,) = choose(runs, figures)
    assert (choice.setting, choice.bases, choice.edges) == ("t-100", 3, ("ewc.strength",))
    assert choice.worst == pytest.approx((0.05 + 0.41 + 0.51) / 3)


def test_a_setting_with_an_unfinished_base_model_is_not_compared():
    runs, figures = trials({1: 0.32, 10: 0.31, 100: 0.30})
    del figures["ewc"]["t-100-2"]  # its worst base model: without it the mean would flatter
    (choice,) = choose(runs, figures)
    assert (choice.setting, choice.edges) == ("t-10", ("ewc.strength",))


def test_choices_at_the_edge_or_on_few_base_models_are_refused():
    inside, edge = choose(*trials({1: 0.32, 10: 0.30, 100: 0.31})), choose(*trials({1: 0.30, 10: 0.31, 100: 0.32}))
    refuse_unsettled(inside, PlanParams(), "trials.yaml")
    with pytest.raises(PipelineError, match=r"ewc\.strength: the chosen value is the smallest or largest"):
        refuse_unsettled(edge, None, "trials.yaml")
    few = choose(*trials({1: 0.32, 10: 0.30, 100: 0.31}, bases=2))
    with pytest.raises(PipelineError, match="ewc was tried on 2 base models, and the plan wants 3"):
        refuse_unsettled(few, PlanParams(), "trials.yaml")


def test_what_was_chosen_is_recorded_with_what_it_was_chosen_for(tmp_path):
    chosen = choose(RUNS, {"ewc": {"t-a": dev(0.100, 0.40), "t-b": dev(0.102, 0.30)}})
    params = tmp_path / "params.yaml"
    params.write_text("corpus: {source: atlas}\n")
    path = tmp_path / "claims.yaml"
    path.write_text("description: d\nbase: {}\nseeds: {asr.seed: [1]}\n")
    path.write_text(with_base(path, {"mitigation.chosen": records(chosen, load_params(params))}))
    text = load_sweep(path, params=params).runs[0].overrides["mitigation.chosen"]
    assert text == {"ewc": {"corpus": "atlas", "recognizer": "transducer lstm", "options": {"strength": 2}}}


@pytest.mark.parametrize("values", [("mean", "none"), (True, False), (None, "auto"), (None, 0.1)])
def test_values_that_are_no_numbers_have_no_edge(values):
    runs = [Run(f"t-{n}", f"t-{n}", {"ewc.kind": value}) for n, value in enumerate(values)]
    (choice,) = choose(runs, {"ewc": {f"t-{n}": dev(0.1, 0.3 + 0.1 * n) for n in range(len(values))}})
    assert choice.setting == "t-0" and choice.edges == ()


def test_a_trial_without_an_option_of_the_chosen_one_is_no_edge_of_it():
    runs = [Run("t-a", "t-a", {}), *(Run(f"t-{v}", f"t-{v}", {"ewc.strength": v}) for v in (1, 2, 3))]
    (choice,) = choose(
        runs, {"ewc": {"t-a": dev(0.1, 0.5), "t-1": dev(0.1, 0.4), "t-2": dev(0.1, 0.2), "t-3": dev(0.1, 0.3)}}
    )
    assert choice.options == {"ewc.strength": 2} and choice.edges == ()
