"""Options chosen on dev by the rule as it is written."""

import pytest

from isogloss.config import load_params, load_sweep
from isogloss.config.experiment import Run, with_base
from isogloss.errors import PipelineError
from isogloss.studies.choice import choose, records

RUNS = [
    Run(f"t-{name}", f"t-{name}", {"ewc.strength": value, "l2.strength": value})
    for name, value in zip("abc", (1, 2, 3), strict=True)
]


def dev(overall, worst, before=0.100):
    return {"overall": {"before": before, "after": overall}, "worst": {"before": 0.5, "after": worst}}


def test_the_lowest_worst_rate_within_the_margin_wins():
    figures = {"ewc": {"t-a": dev(0.100, 0.40), "t-b": dev(0.102, 0.30), "t-c": dev(0.103, 0.10)}}
    (choice,) = choose(RUNS, figures)
    assert choice.run == "t-b" and choice.within and choice.options == {"ewc.strength": 2}


def test_where_none_is_within_the_lowest_overall_rate_wins_and_says_so():
    (choice,) = choose(RUNS, {"l2": {"t-a": dev(0.120, 0.10), "t-b": dev(0.110, 0.40)}})
    assert choice.run == "t-b" and not choice.within


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


def test_what_was_chosen_is_recorded_with_what_it_was_chosen_for(tmp_path):
    chosen = choose(RUNS, {"ewc": {"t-a": dev(0.100, 0.40), "t-b": dev(0.102, 0.30)}})
    params = tmp_path / "params.yaml"
    params.write_text("corpus: {source: atlas}\n")
    path = tmp_path / "claims.yaml"
    path.write_text("description: d\nbase: {}\nseeds: {asr.seed: [1]}\n")
    path.write_text(with_base(path, {"mitigation.chosen": records(chosen, load_params(params))}))
    text = load_sweep(path, params=params).runs[0].overrides["mitigation.chosen"]
    assert text == {"ewc": {"corpus": "atlas", "recognizer": "transducer lstm", "options": {"strength": 2}}}
