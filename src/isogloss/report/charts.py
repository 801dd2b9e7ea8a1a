"""Dot-and-interval charts as plain data; the templates turn them into SVG.

A chart is an HTML table whose cells hold small drawings with positions in per cent of their width: it stretches with
the window, its text keeps its size, and a screen reader meets a table. Row heights are in CSS pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isogloss.report.inputs import CohortComparison, DiscoveredCohort, RuleInputs
from isogloss.report.judging import Verdict, harmed_cohorts, worst_cohort
from isogloss.report.scale import Axis, axis_for
from isogloss.report.text import Interval, interval, percent, signed_percent

BASE_SHAPE = "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z"
METHOD_SHAPES = (
    "M-3.8,-3.8h7.6v7.6h-7.6z",  # square
    "M0,-5.4L5.4,0L0,5.4L-5.4,0z",  # diamond
    "M0,-5L5,4H-5z",  # triangle up
    "M0,5L5,-4H-5z",  # triangle down
    "M-5,0L-2.5,-4.4H2.5L5,0L2.5,4.4H-2.5z",  # hexagon
    "M-1.6,-4.8h3.2v3.2h3.2v3.2h-3.2v3.2h-3.2v-3.2h-3.2v-3.2h3.2z",  # cross
)
_LANE = 15  # height of one system's line within a row
_PADDING = 6  # above and below the lines of a row


@dataclass(frozen=True)
class Series:
    """A system: its name, its place among the colours, its marker (an SVG path around the origin)."""

    index: int
    name: str
    shape: str


@dataclass(frozen=True)
class Mark:
    """An estimate with its interval; `cut_*` says that the interval goes on beyond the axis."""

    series: Series
    x: float
    y: float
    low: float | None
    high: float | None
    cut_low: bool
    cut_high: bool
    hollow: bool
    title: str


@dataclass(frozen=True)
class Row:
    """A cohort's line of the chart."""

    cohort: CohortComparison
    height: int
    rates: tuple[Mark, ...]
    changes: tuple[Mark, ...]
    harmed_by: tuple[str, ...]
    gained_with: tuple[str, ...]


@dataclass(frozen=True)
class CohortChart:
    """Error rates of all systems by cohort, beside the paired change against the base."""

    metric: str
    rate_axis: Axis
    change_axis: Axis
    overall: float | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ShrinkageRow:
    """A cohort's base error rate on the split that chose it, and on the split that judges it."""

    number: int
    label: str
    height: int
    marks: tuple[Mark, ...]
    discovery: float | None
    test: float | None


@dataclass(frozen=True)
class ShrinkageChart:
    """Regression to the mean among the worst cohorts of discovery."""

    metric: str
    axis: Axis
    rows: tuple[ShrinkageRow, ...]
    series: tuple[Series, Series]


def all_series(methods: Sequence[str]) -> tuple[Series, ...]:
    """The base and the methods with their colours and markers."""
    shapes = [METHOD_SHAPES[i % len(METHOD_SHAPES)] for i in range(len(methods))]
    named = zip(("base", *methods), (BASE_SHAPE, *shapes), strict=True)
    return tuple(Series(index=i, name=name, shape=shape) for i, (name, shape) in enumerate(named))


def by_discovery(cohorts: Sequence[CohortComparison]) -> list[CohortComparison]:
    """Cohorts from the worst to the best on discovery; one that discovery did not rank comes last."""
    return sorted(cohorts, key=lambda c: (c.discovery_rank is None, c.discovery_rank or 0, c.cohort))


def significant(cohort: CohortComparison, *, confidence: float, on_worst: Verdict | None = None) -> bool:
    """Whether a cohort's change holds: after Holm's adjustment over the rule's cohorts, or as judged otherwise."""
    if on_worst is not None:
        return on_worst != "unclear"
    return cohort.inference and cohort.p_holm is not None and cohort.p_holm <= 1 - confidence


def cohort_chart(rule: RuleInputs, judged: Mapping[str, Verdict] | None = None) -> CohortChart:
    """The before/after chart of one rule, worst cohort of discovery first.

    `judged` is by method the verdict on the worst cohort, where it is judged apart (`judging`).
    """
    confidence = rule.any_method.confidence
    worst = worst_cohort(rule.any_method)
    base, *methods = all_series(list(rule.methods))
    tables = [{c.cohort: c for c in f.cohorts} for f in rule.methods.values()]
    everything = [c for table in tables for c in table.values()]
    intervals = [i for c in everything if c.inference for i in (c.before_ci95, c.after_ci95) if i is not None]
    rate_axis = axis_for([v for c in everything for v in (c.before, c.after) if v is not None], intervals)
    change_axis = axis_for(
        [c.relative_change for c in everything if c.relative_change is not None],
        [c.ci95 for c in everything if c.inference and c.ci95 is not None],
    )
    rows = []
    for first in by_discovery(rule.any_method.cohorts):
        said = (judged or {}) if worst is not None and first.cohort == worst.cohort else {}
        versions = [table[first.cohort] for table in tables]
        pairs = list(zip(methods, versions, strict=True))
        before = [_mark(rate_axis, base, 0, first.before, first.before_ci95, cohort=first)]
        after = [_mark(rate_axis, s, s.index, c.after, c.after_ci95, cohort=c) for s, c in pairs]
        sure = {s.name: significant(c, confidence=confidence, on_worst=said.get(s.name)) for s, c in pairs}
        changes = [_change_mark(change_axis, s, c, hollow=not sure[s.name]) for s, c in pairs]
        rows.append(
            Row(
                cohort=first,
                height=_LANE * (1 + len(methods)) + 2 * _PADDING,
                rates=tuple(mark for mark in [*before, *after] if mark is not None),
                changes=tuple(mark for mark in changes if mark is not None),
                harmed_by=tuple(
                    n for n, f in rule.methods.items() if first.cohort in harmed_cohorts(f, (judged or {}).get(n))
                ),
                gained_with=tuple(s.name for s, c in pairs if sure[s.name] and (c.relative_change or 0.0) < 0),
            )
        )
    fairness = rule.any_method
    return CohortChart(
        metric=fairness.metric,
        rate_axis=rate_axis,
        change_axis=change_axis,
        overall=fairness.overall.before,
        rows=tuple(rows),
    )


def shrinkage_chart(rule: RuleInputs, *, most: int = 6) -> ShrinkageChart:
    """Base error rates of the worst cohorts on discovery and on test."""
    chosen = Series(index=0, name="discovery (chose the cohort)", shape=BASE_SHAPE)
    judged = Series(index=1, name="test (judges it)", shape=METHOD_SHAPES[1])
    discovered = {c.cohort: c for c in rule.summary.cohorts}
    worst = [c for c in by_discovery(rule.any_method.cohorts) if c.discovery_rank is not None][:most]
    pairs = [(c, *_discovery_figures(c, discovered.get(c.cohort))) for c in worst]
    axis = axis_for(
        [v for c, rate, _ in pairs for v in (c.before, rate) if v is not None],
        [i for c, _, bounds in pairs for i in (c.before_ci95, bounds) if i is not None],
    )
    rows = []
    for cohort, rate, bounds in pairs:
        marks = [
            _mark(axis, chosen, 0, rate, bounds, cohort=None, hollow=True),
            _mark(axis, judged, 1, cohort.before, cohort.before_ci95, cohort=cohort),
        ]
        rows.append(
            ShrinkageRow(
                number=cohort.discovery_rank or 0,
                label=cohort.label,
                height=2 * _LANE + 2 * _PADDING,
                marks=tuple(mark for mark in marks if mark is not None),
                discovery=rate,
                test=cohort.before,
            )
        )
    return ShrinkageChart(metric=rule.any_method.metric, axis=axis, rows=tuple(rows), series=(chosen, judged))


def _discovery_figures(
    cohort: CohortComparison, found: DiscoveredCohort | None
) -> tuple[float | None, Interval | None]:
    """A cohort's rate and interval on discovery, unless it is hidden for privacy."""
    return cohort.discovery, None if found is None or cohort.discovery is None else found.discovery.ci95


def _mark(
    axis: Axis,
    series: Series,
    lane: int,
    value: float | None,
    bounds: Interval | None,
    *,
    cohort: CohortComparison | None,
    hollow: bool | None = None,
) -> Mark | None:
    """A rate with its interval; without inference there is no interval and the marker is hollow."""
    if value is None:
        return None
    shown = bounds if cohort is None or cohort.inference else None
    text = f"{series.name}: {percent(value)}" + (f" ({interval(shown)})" if shown else "")
    if cohort is not None and not cohort.inference:
        text += "; too few speakers for an interval"
    is_hollow = hollow if hollow is not None else shown is None
    return _placed(axis, series, lane, value, shown, hollow=is_hollow, title=text)


def _change_mark(axis: Axis, series: Series, cohort: CohortComparison, *, hollow: bool) -> Mark | None:
    """A relative change with its interval, filled where it is significant."""
    if cohort.relative_change is None:
        return None
    shown = cohort.ci95 if cohort.inference else None
    text = f"{series.name}: {signed_percent(cohort.relative_change)}"
    text += f" ({interval(shown, signed=True)})" if shown else "; no interval"
    return _placed(axis, series, series.index, cohort.relative_change, shown, hollow=hollow, title=text)


def _placed(
    axis: Axis, series: Series, lane: int, value: float, bounds: Interval | None, *, hollow: bool, title: str
) -> Mark:
    """A mark at its place on the axis."""
    return Mark(
        series=series,
        x=axis.position(value),
        y=_PADDING + _LANE * (lane + 0.5),
        low=None if bounds is None else axis.position(bounds[0]),
        high=None if bounds is None else axis.position(bounds[1]),
        cut_low=bounds is not None and bounds[0] < axis.low,
        cut_high=bounds is not None and bounds[1] > axis.high,
        hollow=hollow,
        title=title,
    )
