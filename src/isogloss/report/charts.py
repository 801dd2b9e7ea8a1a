"""Dot-and-interval charts as plain data, for every page; the templates turn them into SVG.

A chart is an HTML table whose cells hold small drawings with positions in per cent of their width: it stretches with
the window, its text keeps its size, and a screen reader reads a table. Row heights are in CSS pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from isogloss.judging.cohort_figures import CohortFigures
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.record import Interval
from isogloss.judging.wer import significant as holds
from isogloss.report.harm import Verdict, no_inference
from isogloss.report.scale import Axis, axis_for
from isogloss.report.text import count, decimal, interval, listing, percent, signed_percent
from isogloss.report.verdicts import harmed_cohorts, worst_cohort

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
    """An estimate with its interval, at its place in a drawing.

    `x`, `low` and `high` are in per cent of the width, `y` is in pixels; `low` and `high` are None without an interval.
    `cut_low` and `cut_high` say that the interval goes on beyond the axis, `title` is the tool tip.
    """

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
    """The line of one cohort in the chart; `height` is in pixels."""

    cohort: CohortFigures
    number: int | None
    """The cohort's rank on discovery if cohorts were ranked there, else its place in the chart; 1 is the worst."""
    sizes: tuple[tuple[str, str], ...]
    """The names of counts, such as speakers and words, and their values as text."""
    height: int
    rates: tuple[Mark, ...]
    rest: tuple[Mark, ...]
    changes: tuple[Mark, ...]
    tags: tuple[str, ...]
    """Adverse findings about the cohort, apart from changes between systems."""
    harmed_by: tuple[str, ...]
    """Names of the systems that measurably harm the cohort."""
    gained_with: tuple[str, ...]
    """Names of the systems with which the cohort measurably gains."""
    unjudged: str
    """The reason why the cohort, or one of its changes, has no inference; empty if all have."""


@dataclass(frozen=True)
class CohortChart:
    """Error rates of all systems by cohort, with the first one's difference to the rest and the paired changes."""

    metric: str
    series: tuple[Series, ...]
    rate_axis: Axis
    rest_axis: Axis | None
    """Axis of the differences to all other speakers; None if cohorts were not compared with these."""
    change_axis: Axis | None
    """Axis of the changes between systems; None for a single system."""
    overall: float | None
    """Error rate of the first system on all speakers of the grouping."""
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class ShrinkageRow:
    """A cohort's base error rate on the split on which it was chosen, and on the split on which it is judged."""

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


def all_series(names: Sequence[str]) -> tuple[Series, ...]:
    """The systems with their colours and markers, the first one (the baseline) with its own."""
    shapes = [METHOD_SHAPES[i % len(METHOD_SHAPES)] for i in range(len(names) - 1)]
    named = zip(names, (BASE_SHAPE, *shapes), strict=True)
    return tuple(Series(index=i, name=name, shape=shape) for i, (name, shape) in enumerate(named))


def by_discovery(cohorts: Sequence[CohortFigures]) -> list[CohortFigures]:
    """Cohorts from the worst to the best on discovery; one that discovery did not rank comes last."""
    return sorted(cohorts, key=lambda c: (c.discovery_rank is None, c.discovery_rank or 0, c.cohort))


def significant(cohort: CohortFigures, *, alpha: float, on_worst: Verdict | None = None) -> bool:
    """Whether a cohort's change is significant: by the rule for all cohorts, or by a separate verdict."""
    if on_worst is not None:
        return on_worst != "unclear"
    return cohort.inference and holds(cohort, alpha)


def cohort_chart(
    documents: Sequence[Document],
    name: str,
    judged: Mapping[str, Verdict] | None = None,
    *,
    tags: Mapping[str, str] | None = None,
) -> CohortChart:
    """The chart of one grouping.

    Parameters
    ----------
    documents
        One document; or several that compare further systems with the same first one.
    name
        The grouping.
    judged
        The verdict on the worst cohort by system, if it is judged separately (`verdicts`).
    tags
        Texts about cohorts, by their names.
    """
    document, groupings = documents[0], [one.grouping(name) for one in documents]
    first = groupings[0]
    seconds = dict(zip((one.system for one in documents), groupings, strict=True)) if document.paired else {}
    series = all_series([document.baseline, *seconds])
    everything = [c for grouping in groupings for c in grouping.cohorts]
    rated = [(c.before, _judged(c, c.before_ci95)) for c in everything]
    rated += [(c.after, _judged(c, c.after_ci95)) for c in everything]
    against = [_against_rest(c) for c in first.cohorts]
    changed = [(c.relative_change, _judged(c, c.ci95)) for c in everything]
    has_rest = any(c.rest is not None for c in first.cohorts)
    ticks = 3 if has_rest and seconds else 5
    rest_axis = _axis(against, ticks=ticks) if has_rest else None
    change_axis = _axis(changed, ticks=ticks) if seconds else None
    chart = CohortChart(
        metric=document.metric,
        series=series,
        rate_axis=_axis(rated, ticks=ticks),
        rest_axis=rest_axis,
        change_axis=change_axis,
        overall=(first.overall or document.overall).before,
        rows=(),
    )
    cohorts = by_discovery(first.cohorts) if first.discovered else first.cohorts
    rows = tuple(
        replace(
            _row(chart, document, c, seconds, judged or {}),
            number=c.discovery_rank if first.discovered else place,
            tags=(tags[c.cohort],) if tags and c.cohort in tags else (),
        )
        for place, c in enumerate(cohorts, start=1)
    )
    return replace(chart, rows=rows)


def _row(
    chart: CohortChart,
    document: Document,
    cohort: CohortFigures,
    seconds: Mapping[str, GroupingFigures],
    judged: Mapping[str, Verdict],
) -> Row:
    """One cohort under all systems; `seconds` are the comparisons of the further ones with the first."""
    base, *methods = chart.series
    pairs = [(s, seconds[s.name].cohort(cohort.cohort)) for s in methods]
    sure = {}
    for s, own in pairs:
        worst = worst_cohort(seconds[s.name])
        on_worst = judged.get(s.name) if worst is not None and worst.cohort == cohort.cohort else None
        sure[s.name] = significant(own, alpha=document.alpha, on_worst=on_worst)
    rates = [_mark(chart.rate_axis, base, 0, cohort.before, cohort.before_ci95, cohort=cohort)]
    rates += [_mark(chart.rate_axis, s, s.index, own.after, own.after_ci95, cohort=own) for s, own in pairs]
    rest = [] if chart.rest_axis is None else [_rest_mark(chart.rest_axis, base, cohort, lane=len(methods) / 2)]
    changes = []
    if chart.change_axis is not None:
        changes = [_change_mark(chart.change_axis, s, own, hollow=not sure[s.name]) for s, own in pairs]
    harmed = {name: harmed_cohorts(grouping, judged.get(name)) for name, grouping in seconds.items()}
    return Row(
        cohort=cohort,
        number=None,
        sizes=sizes(cohort, document),
        height=_LANE * len(chart.series) + 2 * _PADDING,
        rates=_known(rates),
        rest=_known(rest),
        changes=_known(changes),
        tags=(),
        harmed_by=tuple(name for name, cohorts in harmed.items() if cohort.cohort in cohorts),
        gained_with=tuple(s.name for s, own in pairs if sure[s.name] and (own.relative_change or 0.0) < 0),
        unjudged=unjudged(cohort, document) or undecided({s.name: own for s, own in pairs}, document),
    )


def unjudged(cohort: CohortFigures, document: Document) -> str:
    """Why a cohort has no inference; empty if it has, or if no cohort has since speakers are unknown."""
    if cohort.inference or document.unit != "speaker":
        return ""
    if document.task == "verification":
        if cohort.merged:
            return "not judged"
        return "too few speakers to judge" if cohort.measurable else "not measurable"
    return f"{'no words' if cohort.before is None else 'too few speakers'} to judge"


def undecided(changes: Mapping[str, CohortFigures], document: Document) -> str:
    """A note on systems' changes on which too few speakers decide for inference; empty if there are none."""
    names = [name for name, one in changes.items() if one.inference and no_inference(one, one.speakers, document)]
    return f"few speakers decide on the change with {listing(names)}" if names else ""


def sizes(cohort: CohortFigures, document: Document) -> tuple[tuple[str, str], ...]:
    """The numbers of speakers, utterances and words behind the figures of a cohort."""
    if document.task == "verification":
        parts = [("speakers", cohort.speakers), ("targets", cohort.targets), ("non-targets", cohort.nontargets)]
    elif document.unit == "utterance":
        parts = [("utterances", cohort.utterances), ("words", cohort.words)]
    else:
        parts = [("speakers", cohort.speakers), ("words", cohort.words)]
    shown = [(name, count(number)) for name, number in parts]
    if document.weighted and document.unit == "speaker":
        shown.insert(1, ("effective", decimal(cohort.effective_speakers)))
    return tuple(shown)


def shrinkage_chart(grouping: GroupingFigures, *, metric: str, most: int = 6) -> ShrinkageChart:
    """Error rates of the first system, of the worst cohorts on discovery and on test."""
    chosen = Series(index=0, name="discovery (chose the cohort)", shape=BASE_SHAPE)
    judged = Series(index=1, name="test (judges it)", shape=METHOD_SHAPES[1])
    worst = [c for c in by_discovery(grouping.cohorts) if c.discovery_rank is not None][:most]
    figures = [(c.before, c.before_ci95) for c in worst] + [(c.discovery, c.discovery_ci95) for c in worst]
    axis = _axis(figures, ticks=5)
    rows = []
    for cohort in worst:
        marks = [
            _mark(axis, chosen, 0, cohort.discovery, cohort.discovery_ci95, cohort=None, hollow=True),
            _mark(axis, judged, 1, cohort.before, cohort.before_ci95, cohort=cohort),
        ]
        rows.append(
            ShrinkageRow(
                number=cohort.discovery_rank or 0,
                label=cohort.label,
                height=2 * _LANE + 2 * _PADDING,
                marks=_known(marks),
                discovery=cohort.discovery,
                test=cohort.before,
            )
        )
    return ShrinkageChart(metric=metric, axis=axis, rows=tuple(rows), series=(chosen, judged))


def _judged(cohort: CohortFigures, bounds: Interval | None) -> Interval | None:
    """The interval of a cohort with inference; else None."""
    return bounds if cohort.inference else None


def _against_rest(cohort: CohortFigures) -> tuple[float | None, Interval | None]:
    """The ratio to all other speakers as a relative difference."""
    if cohort.rest is None or cohort.rest.ratio is None:
        return None, None
    bounds = cohort.rest.ci95
    return cohort.rest.ratio - 1, None if bounds is None else (bounds[0] - 1, bounds[1] - 1)


def _axis(figures: Sequence[tuple[float | None, Interval | None]], *, ticks: int) -> Axis:
    """An axis for estimates with their intervals."""
    bounds = [pair for value, pair in figures if value is not None and pair is not None]
    return axis_for([value for value, _ in figures if value is not None], bounds, target_ticks=ticks)


def _known(marks: Sequence[Mark | None]) -> tuple[Mark, ...]:
    """The marks that are not None."""
    return tuple(mark for mark in marks if mark is not None)


def _mark(
    axis: Axis,
    series: Series,
    lane: int,
    value: float | None,
    bounds: Interval | None,
    *,
    cohort: CohortFigures | None,
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


def _rest_mark(axis: Axis, series: Series, cohort: CohortFigures, *, lane: float) -> Mark | None:
    """The difference to all other speakers, filled where the cohort is worse."""
    value, bounds = _against_rest(cohort)
    if value is None:
        return None
    hollow = cohort.rest is None or not cohort.rest.worse
    return _placed(axis, series, lane, value, bounds, hollow=hollow, title=_signed(series, value, bounds))


def _change_mark(axis: Axis, series: Series, cohort: CohortFigures, *, hollow: bool) -> Mark | None:
    """A relative change with its interval, filled where it is significant."""
    value, shown = cohort.relative_change, _judged(cohort, cohort.ci95)
    if value is None:
        return None
    return _placed(axis, series, series.index, value, shown, hollow=hollow, title=_signed(series, value, shown))


def _signed(series: Series, value: float, bounds: Interval | None) -> str:
    """A difference with its interval, for the tool tip."""
    text = f"{series.name}: {signed_percent(value)}"
    return text + (f" ({interval(bounds, signed=True)})" if bounds else "; no interval")


def _placed(
    axis: Axis, series: Series, lane: float, value: float, bounds: Interval | None, *, hollow: bool, title: str
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
