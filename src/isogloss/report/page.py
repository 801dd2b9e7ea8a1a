"""One self-contained page: reads the inputs, computes charts and sentences, fills the template, writes atomically.

The page is a DVC output: the same inputs give the same bytes, so it holds no time, revision or machine
(`reports/provenance.json` does). Nothing in it is fetched: style and drawings are inline, and a content security policy
forbids everything else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isogloss.judging.cohort_figures import Change, Rates
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.report import charts, text
from isogloss.report.frame import page_environment, page_style
from isogloss.report.harm import ESTIMANDS, Verdict, harm_excluded, other_estimand, verdict
from isogloss.report.headline import headline, shrinkage_sentence, unharmed
from isogloss.report.inputs import ReportInputs, RuleInputs, read_inputs
from isogloss.report.map import RegionMap, region_map
from isogloss.report.metrics import metrics
from isogloss.report.rules import about, rule_lines, rules_sentence
from isogloss.report.settings import settings_sentences
from isogloss.report.verdicts import judged_worst
from isogloss.tables import atomic_path, write_json

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
class RuleSection:
    """Everything the page shows about one cohort rule."""

    rule: str
    about: str
    mitigated: bool
    withheld: str | None
    hidden: int
    comparisons: tuple[tuple[charts.Series, GroupingFigures], ...]
    chart: charts.CohortChart
    shrinkage: charts.ShrinkageChart
    shrinkage_text: str | None
    region_map: RegionMap | None
    spread: tuple[SpreadRow, ...]
    without_inference: tuple[str, ...]
    harmed: tuple[charts.Row, ...]
    unharmed: str
    harm: tuple[tuple[charts.Series, str], ...]
    """For each method, the sentence about harm that is excluded."""


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
    main = inputs.main
    series = charts.all_series(["base", *inputs.methods])
    return (
        page_environment()
        .get_template("page.html")
        .render(
            style=page_style("page.css"),
            headline=headline(inputs),
            params=_used_params(inputs),
            other_pages=_other_pages(inputs),
            series=series,
            main=main.document,
            test=main.any_method.test,
            overall=tuple(_overall(inputs, s) for s in series[1:]),
            estimand=ESTIMANDS[main.document.estimand],
            other_estimand=other_estimand(main.document),
            settings=settings_sentences(inputs.params),
            rule_lines=rule_lines(inputs.base.groupings),
            rules_text=rules_sentence(inputs.base.groupings),
            sections=tuple(_section(inputs, rule) for rule in _ordered(inputs)),
            splits=inputs.base.splits,
            hashes=sorted(inputs.hashes.items()),
            confidence=text.percent(main.document.confidence, digits=0),
            alpha=f"{main.document.alpha:.2g}",
        )
    )


def _used_params(inputs: ReportInputs) -> dict[str, Any]:
    """The sections that the results depend on, without those of encoders, rules and methods that were not chosen."""
    used = {name: section.model_dump(mode="json") for name, section in inputs.params.used_sections().items()}
    del used["mitigation"]["chosen"]  # said in words
    if inputs.params.corpus.source != "atlas":
        del used["atlas"]
    return used


def _other_pages(inputs: ReportInputs) -> list[tuple[str, str]]:
    """The run's pages about other systems: a title and a relative path for each."""
    params = inputs.params
    verifiers = [(f"verification, {name}", f"verification/{name}/audit.html") for name in params.verification.methods]
    return verifiers + [
        (f"overlapping talkers, {name}", f"multitalker/{name}.html") for name in params.multitalker.systems
    ]


def _ordered(inputs: ReportInputs) -> list[RuleInputs]:
    """The rules, the mitigated one first."""
    main = inputs.params.mitigation.rule
    return sorted(inputs.rules.values(), key=lambda rule: rule.rule != main)


def _overall(inputs: ReportInputs, series: charts.Series) -> tuple[charts.Series, Rates, Verdict]:
    """A method's line of the overall table."""
    overall = inputs.methods[series.name].overall
    return series, overall, verdict(overall)


def _section(inputs: ReportInputs, rule: RuleInputs) -> RuleSection:
    """The section of one rule."""
    cohorts = charts.by_discovery(rule.any_method.cohorts)
    chart = charts.cohort_chart(list(rule.documents.values()), rule.rule, judged_worst(rule.rule, inputs))
    names, metric = [one.name for one in chart.series], rule.document.metric
    return RuleSection(
        rule=rule.rule,
        about=about(rule.rule, inputs),
        mitigated=rule.rule == inputs.params.mitigation.rule,
        withheld=rule.any_method.withheld,
        hidden=rule.any_method.hidden.cohorts,
        comparisons=tuple(zip(chart.series[1:], rule.methods.values(), strict=True)),
        chart=chart,
        shrinkage=charts.shrinkage_chart(rule.any_method, metric=metric),
        shrinkage_text=shrinkage_sentence(rule),
        region_map=region_map(rule.any_method, rule.methods, names=names, metric=metric),
        spread=tuple(_spread_row(rule, *row) for row in _SPREAD_ROWS),
        without_inference=tuple(c.label for c in cohorts if not c.inference),
        harmed=tuple(row for row in chart.rows if row.harmed_by),
        unharmed=unharmed([rule.any_method]),
        harm=tuple(
            (series, harm_excluded([one], rule.document.margin))
            for series, one in zip(chart.series[1:], rule.methods.values(), strict=True)
        ),
    )


def _spread_row(rule: RuleInputs, key: str, label: str, hint: str, write: Callable[[float | None], str]) -> SpreadRow:
    """One measure of spread over all methods."""
    changes: list[Change] = [getattr(one.spread, key, Change()) for one in rule.methods.values()]
    return SpreadRow(
        label=label,
        hint=hint,
        before=write(changes[0].before),
        after=tuple((write(change.after), change) for change in changes),
    )
