"""`metrics.json`: the few figures that `dvc metrics` and `dvc exp show` list side by side.

Nested as DVC flattens it: `asr.base.wer`, `asr.base.gflops_per_s`, `asr.base.<rule>.relative_gap.test`,
`asr.<method>.relative_change`, `asr.<method>.<rule>.worst.after`. A figure that does not exist is left out, since DVC
knows no null.
"""

from typing import Any

from isogloss.judging.rules import RuleComparison
from isogloss.report.inputs import Cost, Fairness, ReportInputs

_DIGITS = 6


def metrics(inputs: ReportInputs) -> dict[str, Any]:
    """The nested metrics of the recogniser: the base and each method, under each rule."""
    main = inputs.rules[inputs.params.mitigation.rule]
    result: dict[str, Any] = {"base": {"wer": main.any_method.overall.before, **_cost_metrics(inputs.cost)}}
    for name, rule in inputs.rules.items():
        result["base"][name] = _base_metrics(rule.comparison)
    for method, fairness in main.methods.items():
        overall = fairness.overall
        result[method] = {"wer": overall.after, "relative_change": overall.relative_change}
        for name, rule in inputs.rules.items():
            result[method][name] = _rule_metrics(rule.methods[method])
    return {"asr": _present(result)}


def _cost_metrics(cost: Cost) -> dict[str, Any]:
    """What the base recogniser costs, and how late it speaks."""
    flops = cost.flops
    return {
        "encoder_parameters": cost.parameters.encoder,
        "gflops_per_s": None if flops is None else flops.per_second / 1e9,
        "compute_share": None if flops is None else flops.dense_share,
        "emission_delay_ms": {"median": cost.emission_delay.median_ms, "p95": cost.emission_delay.p95_ms},
    }


def _rule_metrics(fairness: Fairness) -> dict[str, Any]:
    """The figures of one comparison under one rule."""
    named = fairness.worst_cohort_by_discovery
    worst = next((c for c in fairness.cohorts if c.cohort == named and c.discovery_rank == 1), None)
    gap = fairness.spread.relative_gap
    return {
        "worst": {"before": worst.before, "after": worst.after} if worst is not None else {},
        "relative_gap": {"before": gap.before, "after": gap.after},
        "harmed_cohorts": len(fairness.harmed_cohorts),
    }


def _base_metrics(comparison: RuleComparison) -> dict[str, Any]:
    """The gap that one rule shows, on the speakers who chose its cohorts and on the others."""
    gap = comparison.gap
    figures: dict[str, Any] = {"cohorts": comparison.cohorts, "worse_cohorts": comparison.worse_cohorts}
    if gap is not None:
        figures |= {
            "relative_gap": {"discovery": gap.discovery.relative_gap, "test": gap.test.relative_gap},
            "bottom_share": {
                "discovery": gap.discovery.bottom.share_of_speakers,
                "test": gap.test.bottom.share_of_speakers,
            },
        }
    return figures


def _present(figures: dict[str, Any]) -> dict[str, Any]:
    """Without the figures that do not exist, rounded."""
    kept: dict[str, Any] = {}
    for key, value in figures.items():
        if isinstance(value, dict):
            if nested := _present(value):
                kept[key] = nested
        elif value is not None:
            kept[key] = round(value, _DIGITS) if isinstance(value, float) else value
    return kept
