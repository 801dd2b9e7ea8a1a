"""`metrics.json`: the few figures that `dvc metrics` and `dvc exp show` list side by side.

Keys are nested, and DVC flattens them: `asr.base.wer`, `asr.base.gflops_per_s`, `asr.base.<rule>.relative_gap.test`,
`asr.<method>.relative_change`, `asr.<method>.<rule>.worst.after`. A figure that does not exist is left out, since DVC
does not support null.
"""

from typing import Any

from isogloss.judging.cohort_figures import CohortFigures
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.report.inputs import Cost, ReportInputs

_DIGITS = 6


def metrics(inputs: ReportInputs) -> dict[str, Any]:
    """The nested metrics of the recogniser: the base and each method, under each rule."""
    overall = inputs.base.overall
    result: dict[str, Any] = {"base": {"wer": overall.before, **_cost_metrics(inputs.cost)}}
    if overall.other is not None:
        result["base"]["other"] = {"wer": overall.other.before}
    for grouping in inputs.base.groupings:
        result["base"][grouping.name] = _base_metrics(grouping)
    for method, document in inputs.methods.items():
        overall = document.overall
        result[method] = {
            "wer": overall.after,
            "relative_change": overall.relative_change,
            "harm_bound": overall.harm_bound,
        }
        if overall.other is not None:
            result[method]["other"] = {"wer": overall.other.after, "relative_change": overall.other.relative_change}
        for grouping in document.groupings:
            result[method][grouping.name] = _rule_metrics(grouping)
    return {"asr": _present(result)}


def _cost_metrics(cost: Cost) -> dict[str, Any]:
    """The cost and the latency of the base recogniser."""
    flops = cost.flops
    return {
        "encoder_parameters": cost.parameters.encoder,
        "gflops_per_s": None if flops is None else flops.per_second / 1e9,
        "compute_share": None if flops is None else flops.dense_share,
        "emission_delay_ms": {"median": cost.emission_delay.median_ms, "p95": cost.emission_delay.p95_ms},
    }


def _rule_metrics(grouping: GroupingFigures) -> dict[str, Any]:
    """The figures of one comparison under one rule."""
    named = grouping.worst_cohort_by_discovery
    worst = next((c for c in grouping.cohorts if c.cohort == named and c.discovery_rank == 1), None)
    gap = None if grouping.spread is None else grouping.spread.relative_gap
    return {
        "worst": _sides(worst),
        "relative_gap": {"before": gap.before, "after": gap.after} if gap is not None else {},
        "harmed_cohorts": len(grouping.harmed_cohorts),
        "largest_harm_bound": max((c.harm_bound for c in grouping.cohorts if c.harm_bound is not None), default=None),
    }


def _sides(worst: CohortFigures | None) -> dict[str, Any]:
    """The rates of a cohort under both systems and both estimands."""
    if worst is None:
        return {}
    other = {} if worst.other is None else {"other": {"before": worst.other.before, "after": worst.other.after}}
    return {"before": worst.before, "after": worst.after, **other}


def _base_metrics(grouping: GroupingFigures) -> dict[str, Any]:
    """The gap that one rule shows, on the speakers who chose its cohorts and on the others."""
    gap = grouping.gap
    figures: dict[str, Any] = {"cohorts": grouping.found, "worse_cohorts": len(grouping.worse_cohorts)}
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
