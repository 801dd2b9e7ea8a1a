"""One self-contained page: reads the inputs, computes charts and sentences, fills the template, writes atomically.

The page is a DVC output: the same inputs give the same bytes, so it holds no time, revision or machine
(`reports/provenance.json` does). Nothing in it is fetched: style and drawings are inline, and a content security policy
forbids everything else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from isogloss.report import charts, text
from isogloss.report.headline import headline, shrinkage_sentence, unharmed
from isogloss.report.inputs import Change, Comparison, Fairness, ReportInputs, RuleInputs, read_inputs
from isogloss.report.judging import Verdict, judged_worst, verdict
from isogloss.report.map import RegionMap, region_map
from isogloss.report.metrics import metrics
from isogloss.report.rules import about, rule_lines, rules_sentence
from isogloss.tables import SPLITS, atomic_path, write_json

_SPREAD_ROWS: tuple[tuple[str, str, str, Callable[[float | None], str]], ...] = (
    ("mean", "Mean over cohorts", "each cohort counts once", text.percent),
    ("max", "Worst cohort", "the highest rate on test", text.percent),
    ("variance", "Variance over cohorts", "squared percentage points", text.square_points),
    ("relative_gap", "Relative gap", "between worst and best on discovery", text.percent),
)


@dataclass(frozen=True)
class SpreadRow:
    """A measure of spread: the base figure, and each method's figure with its change."""

    label: str
    hint: str
    before: str
    after: tuple[tuple[str, Change], ...]


@dataclass(frozen=True)
class SplitRow:
    """What one split holds."""

    split: str
    speakers: int
    utterances: int
    hours: float
    base_rate: float | None


@dataclass(frozen=True)
class RuleSection:
    """Everything the page shows about one cohort rule."""

    rule: str
    about: str
    mitigated: bool
    fairness: Fairness
    comparisons: tuple[tuple[charts.Series, Fairness], ...]
    chart: charts.CohortChart
    shrinkage: charts.ShrinkageChart
    shrinkage_text: str | None
    region_map: RegionMap | None
    spread: tuple[SpreadRow, ...]
    without_inference: tuple[str, ...]
    harmed: tuple[charts.Row, ...]
    unharmed: str


def build_report(
    root: Path | str = ".",
    *,
    page: Path | str = "reports/fairness.html",
    metrics_file: Path | str = "metrics.json",
) -> None:
    """Write the fairness report and the metrics of a repository.

    Parameters
    ----------
    root
        The repository: `params.yaml` and the outputs of earlier stages lie below it.
    page, metrics_file
        Where to write, relative to `root`.

    Raises
    ------
    ParamsError, TableError
        See `isogloss.report.inputs.read_inputs`; nothing is written then.
    """
    root = Path(root)
    inputs = read_inputs(root)
    html = render(inputs)
    with atomic_path(root / page) as temporary:
        temporary.write_text(html, encoding="utf-8")
    write_json(metrics(inputs), root / metrics_file)


def render(inputs: ReportInputs) -> str:
    """The page as HTML."""
    environment = Environment(
        loader=PackageLoader("isogloss.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=text.percent,
        signed=text.signed_percent,
        interval=text.interval,
        count=text.count,
        counted=text.counted,
        probability=text.probability,
        listing=text.listing,
    )
    main = inputs.rules[inputs.params.mitigation.rule]
    series = charts.all_series(inputs.params.mitigation.methods)
    style = resources.files("isogloss.report").joinpath("templates/page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        style=Markup(style),
        headline=headline(inputs),
        params=_used_params(inputs),
        series=series,
        main=main.any_method,
        overall=tuple(_overall(inputs, s) for s in series[1:]),
        rule_lines=rule_lines(inputs),
        rules_text=rules_sentence(inputs),
        sections=tuple(_section(inputs, rule) for rule in _ordered(inputs)),
        splits=_splits(inputs),
        hashes=sorted(inputs.hashes.items()),
        confidence=text.percent(main.any_method.confidence, digits=0),
        alpha=f"{1 - main.any_method.confidence:.2g}",
    )


def _used_params(inputs: ReportInputs) -> dict[str, Any]:
    """The sections that had a part in the results: not those of encoders, rules and methods that were not chosen."""
    used = {name: section.model_dump(mode="json") for name, section in inputs.params.used_sections().items()}
    if inputs.params.corpus.source != "atlas":
        del used["atlas"]
    return used


def _ordered(inputs: ReportInputs) -> list[RuleInputs]:
    """The rules, the mitigated one first."""
    main = inputs.params.mitigation.rule
    return sorted(inputs.rules.values(), key=lambda rule: rule.rule != main)


def _overall(inputs: ReportInputs, series: charts.Series) -> tuple[charts.Series, Comparison, Verdict]:
    """A method's line of the overall table."""
    overall = inputs.rules[inputs.params.mitigation.rule].methods[series.name].overall
    return series, overall, verdict(overall)


def _section(inputs: ReportInputs, rule: RuleInputs) -> RuleSection:
    """The section of one rule."""
    series = charts.all_series(list(rule.methods))
    cohorts = charts.by_discovery(rule.any_method.cohorts)
    chart = charts.cohort_chart(rule, judged_worst(rule.rule, inputs))
    return RuleSection(
        rule=rule.rule,
        about=about(rule.rule, inputs),
        mitigated=rule.rule == inputs.params.mitigation.rule,
        fairness=rule.any_method,
        comparisons=tuple(zip(series[1:], rule.methods.values(), strict=True)),
        chart=chart,
        shrinkage=charts.shrinkage_chart(rule),
        shrinkage_text=shrinkage_sentence(rule),
        region_map=region_map(rule),
        spread=tuple(_spread_row(rule, *row) for row in _SPREAD_ROWS),
        without_inference=tuple(c.label for c in cohorts if not c.inference),
        harmed=tuple(row for row in chart.rows if row.harmed_by),
        unharmed=unharmed([rule.any_method]),
    )


def _spread_row(rule: RuleInputs, key: str, label: str, hint: str, write: Callable[[float | None], str]) -> SpreadRow:
    """One measure of spread over all methods."""
    changes: list[Change] = [getattr(fairness.spread, key) for fairness in rule.methods.values()]
    return SpreadRow(
        label=label,
        hint=hint,
        before=write(changes[0].before),
        after=tuple((write(change.after), change) for change in changes),
    )


def _splits(inputs: ReportInputs) -> tuple[SplitRow, ...]:
    """The size of each split that the corpus has, and the base system's rate on those that were transcribed."""
    grouped: dict[Any, pd.DataFrame] = dict(iter(inputs.metadata.groupby("split")))
    transcribed: dict[Any, pd.DataFrame] = dict(iter(inputs.base.groupby("split")))
    return tuple(
        SplitRow(
            split=split,
            speakers=int(grouped[split]["speaker_id"].nunique()),
            utterances=len(grouped[split]),
            hours=float(grouped[split]["duration_s"].sum()) / 3600,
            base_rate=_rate(transcribed[split]) if split in transcribed else None,
        )
        for split in SPLITS
        if split in grouped
    )


def _rate(rows: pd.DataFrame) -> float | None:
    """The weighted word error rate, a ratio of sums; None over no words."""
    errors = rows["substitutions"] + rows["deletions"] + rows["insertions"]
    words = float((rows["weight"] * rows["words"]).sum())
    return float((rows["weight"] * errors).sum()) / words if words > 0 else None
