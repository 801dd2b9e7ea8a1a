import json

import pandas as pd
import pytest

from isogloss.judging import error_rate
from isogloss.report.page import build_report


def leaves(content, prefix=""):
    """The metrics as DVC flattens them."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def test_the_figures_are_those_of_the_comparisons(repository):
    build_report(repository.root)
    flat = dict(leaves(json.loads((repository.root / "metrics.json").read_text())))
    geographic = repository.rule("ewc")
    worst = geographic["cohorts"][0]
    base = pd.read_parquet(repository.root / "results/asr/base/utterances.parquet")
    assert flat["asr.base.wer"] == pytest.approx(error_rate(base[base["split"] == "test"]), abs=1e-6)
    assert flat["asr.ewc.wer"] == pytest.approx(geographic["overall"]["after"], abs=1e-6)
    assert flat["asr.ewc.relative_change"] == pytest.approx(geographic["overall"]["relative_change"], abs=1e-6)
    assert flat["asr.ewc.geographic.worst.before"] == pytest.approx(worst["before"])
    assert flat["asr.ewc.geographic.worst.after"] == pytest.approx(worst["after"])
    gap = geographic["spread"]["relative_gap"]
    assert flat["asr.ewc.geographic.relative_gap.after"] == pytest.approx(gap["after"], abs=1e-6)
    assert flat["asr.finetune.geographic.harmed_cohorts"] == 2


def test_the_cost_of_the_base_recogniser_stands_beside_its_error_rate(repository):
    content = repository.read("results/asr/base/cost.json")
    content["flops"]["dense_share"] = 0.4
    content["emission_delay"]["p95_ms"] = None
    repository.write("results/asr/base/cost.json", content)
    build_report(repository.root)
    flat = dict(leaves(json.loads((repository.root / "metrics.json").read_text())))
    assert flat["asr.base.encoder_parameters"] == content["parameters"]["encoder"]
    assert flat["asr.base.gflops_per_s"] == pytest.approx(content["flops"]["per_second"] / 1e9, abs=1e-6)
    assert flat["asr.base.compute_share"] == 0.4
    assert flat["asr.base.emission_delay_ms.median"] == 57.5
    assert "asr.base.emission_delay_ms.p95" not in flat


def test_every_metric_is_a_number_and_what_is_unknown_is_left_out(repository):
    content = repository.rule("ewc")
    content["worst_cohort_by_discovery"] = None
    content["spread"]["relative_gap"] = {"before": None, "after": None, "relative_change": None, "ci95": None}
    repository.write_rule("ewc", content)
    build_report(repository.root)
    flat = dict(leaves(json.loads((repository.root / "metrics.json").read_text())))
    assert all(isinstance(value, int | float) for value in flat.values())
    assert not any(key.startswith(("asr.ewc.geographic.worst", "asr.ewc.geographic.relative_gap")) for key in flat)
    assert "asr.ewc.wer" in flat
