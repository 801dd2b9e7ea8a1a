"""Comparisons of experiments: the front against brute force, the drawings by their definition, the page's safety."""

import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.cli.compare import _print
from isogloss.errors import TableError
from isogloss.report.comparison import ComparedRun, Comparison
from isogloss.report.comparison_page import render_comparison
from isogloss.report.comparison_scales import MetricScale, OrdinalScale
from isogloss.report.parallel import HEIGHT, SIDE, SPACING, parallel_chart, trade_offs
from isogloss.report.readings import all_metrics, read_metric

EVIL = "<script>alert(1)</script>\"'&"


def compare(figures, *, maximise=(), seeds=1):
    """A comparison of settings with two metrics; seeds repeat each with the same figures."""
    runs = [
        ComparedRun(f"{name}-{seed}", name, {"x": name, "seed": seed}, {"a": a, "b": b})
        for name, (a, b) in figures.items()
        for seed in range(seeds)
    ]
    return Comparison("study", "", ("x", "seed"), ("a", "b"), tuple(runs), frozenset(maximise))


values = st.integers(0, 4).map(float)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=8), st.sets(st.sampled_from("ab")))
def test_the_front_is_what_brute_force_finds(points, maximise):
    figures = {str(number): point for number, point in enumerate(points)}
    signs = [-1 if metric in maximise else 1 for metric in "ab"]

    def beaten(one, other):
        better = [sign * (o - p) for sign, o, p in zip(signs, other, one, strict=True)]
        return all(d <= 0 for d in better) and any(d < 0 for d in better)

    expected = {name for name, one in figures.items() if not any(beaten(one, other) for other in figures.values())}
    assert compare(figures, maximise=maximise).front() == expected


def test_a_setting_is_the_mean_of_its_runs_and_shares_all_params_but_the_seeds():
    runs = [
        ComparedRun(f"s-{seed}", "s", {"rate": 0.1, "seed": seed}, {"wer": value})
        for seed, value in [(1, 0.1), (2, 0.2), (3, 0.6)]
    ]
    runs.append(ComparedRun("r-1", "r", {"rate": 0.2, "seed": 1}, {"wer": 0.5}))
    comparison = Comparison("t", "", ("rate", "seed"), ("wer",), tuple(runs))
    setting, _ = comparison.settings
    assert setting.params == {"rate": 0.1}
    assert setting.metrics["wer"] == pytest.approx(0.3)
    assert comparison.setting_params == ("rate",)


def test_a_setting_that_lacks_a_metric_is_on_no_front_and_its_line_has_a_gap():
    comparison = compare({"whole": (1.0, 2.0), "torn": (0.5, None)})
    assert comparison.front() == {"whole"}
    lines = {line.title.partition(":")[0]: line for line in parallel_chart(comparison).settings}
    assert [len(part) for part in lines["whole"].parts] == [3]
    assert [len(part) for part in lines["torn"].parts] == [2]
    (trade_off,) = trade_offs(comparison)
    assert [dot.label for dot in trade_off.settings] == ["whole"]


def test_the_better_end_of_a_metric_is_on_top_and_on_the_right():
    for maximise, best in [((), 0), (("a", "b"), 1)]:
        comparison = compare({"low": (0.0, 0.0), "high": (1.0, 1.0)}, maximise=maximise)
        lines = {line.title.partition(":")[0]: line.parts[0] for line in parallel_chart(comparison).settings}
        winner = ("low", "high")[best]
        assert lines[winner][1] == (SPACING, 0)
        assert lines[("high", "low")[best]][1] == (SPACING, HEIGHT)
        (trade_off,) = trade_offs(comparison)
        assert next(dot.at for dot in trade_off.settings if dot.label == winner) == (SIDE, 0)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=6))
def test_the_border_of_a_trade_off_passes_through_its_front_and_never_rises(points):
    (trade_off,) = trade_offs(compare({str(number): point for number, point in enumerate(points)}))
    assert {dot.at for dot in trade_off.settings if dot.on_front} <= {*trade_off.border}
    for (x0, y0), (x1, y1) in itertools.pairwise(trade_off.border):
        assert x1 >= x0
        assert y1 >= y0
        assert x0 == x1 or y0 == y1


def test_params_stand_in_the_order_of_numbers_and_then_of_appearance():
    scale = OrdinalScale("x", [10.0, "none", 2, "learned", 1e-3, 2.0, None])
    assert [tick.label for tick in scale.ticks] == ["0.001", "2", "10", "none", "learned"]
    assert scale.place(2) == scale.place(2.0) == 0.25
    assert scale.place(None) is None
    assert OrdinalScale("x", [True, 1]).place(True) != OrdinalScale("x", [True, 1]).place(1)


@given(st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=5), st.booleans())
def test_a_metric_scale_holds_its_values_between_round_ticks(numbers, maximise):
    scale = MetricScale("m", numbers, maximise=maximise)
    places = [scale.place(number) for number in numbers]
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)
    assert sorted(places, reverse=not maximise) == [scale.place(number) for number in sorted(numbers)]
    assert sorted([scale.ticks[0].place, scale.ticks[-1].place]) == [pytest.approx(0), pytest.approx(1)]


class Checker(HTMLParser):
    """What a browser would make of the page: its elements, its text, its addresses."""

    def __init__(self):
        super().__init__()
        self.elements, self.text, self.addresses = [], [], []

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.addresses += [value for name, value in attributes if name in ("href", "src", "xlink:href")]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_escapes_everything_and_asks_for_nothing():
    run = ComparedRun(EVIL, EVIL, {EVIL: EVIL, "y": [EVIL]}, {EVIL: 1.0, f"{EVIL}2": 2.0})
    other = ComparedRun("b", "b", {EVIL: 3, "y": None}, {EVIL: 0.5, f"{EVIL}2": 3.0})
    html = render_comparison(Comparison(EVIL, EVIL, (EVIL, "y"), (EVIL, f"{EVIL}2"), (run, other)))
    page = Checker()
    page.feed(html)
    assert "script" not in page.elements
    assert page.addresses == ["data:,"]
    assert EVIL in "".join(page.text)
    assert "default-src 'none'" in html


def test_metrics_are_read_from_json_and_from_tables_of_results():
    table = pd.DataFrame(
        {
            "split": ["dev", "test", "test"],
            "speaker_id": ["a", "b", "c"],
            "weight": [1.0, 2.0, 1.0],
            "words": [10, 10, 10],
            "substitutions": [1, 1, 2],
            "deletions": [0, 1, 0],
            "insertions": [0, 0, 1],
        }
    )
    files = {
        "metrics.json": json.dumps({"asr": {"wer": 0.25, "name": "x", "good": True}}).encode(),
        "out/cost.json": b'{"flops": {"per_second": 1e9}}',
        "out/t.parquet": table.to_parquet(),
        "out/list.json": b"[1]",
        "out/broken.json": b"{",
    }
    assert read_metric("asr.wer", files.get) == 0.25
    assert read_metric("asr.name", files.get) is None
    assert read_metric("asr.good", files.get) is None
    assert read_metric("out/cost.json:flops.per_second", files.get) == 1e9
    assert read_metric("out/t.parquet:wer.test", files.get) == pytest.approx((2 * 2 + 1 * 3) / (2 * 10 + 1 * 10))
    assert read_metric("out/t.parquet:wer", files.get) == pytest.approx((1 + 2 * 2 + 3) / 40)
    assert read_metric("gone.json:x", files.get) is None
    assert all_metrics(["out/cost.json", "metrics.json", "out/list.json", "gone.json"], files.get) == [
        "asr.wer",
        "out/cost.json:flops.per_second",
    ]
    for metric, sentence in [
        ("out/t.parquet:wer.tset", "no rows of split 'tset'"),
        ("out/t.parquet:cer", "of a table only wer"),
        ("out/t.csv:wer", "neither JSON nor a parquet table"),
        ("out/broken.json:x", "not valid JSON"),
    ]:
        with pytest.raises(TableError, match=sentence):
            read_metric(metric, files.get)


def test_a_rate_over_no_words_is_no_metric_and_puts_no_setting_on_the_front():
    """No cost is below one that is no number, so a setting with such a metric would be beaten by none."""
    silent = pd.DataFrame({"split": ["test"], "weight": [1.0], "words": [0], "insertions": [2]})
    silent = silent.assign(substitutions=0, deletions=0)
    files = {"t.parquet": silent.to_parquet(), "metrics.json": b'{"a": NaN, "b": Infinity, "c": 1}'}
    assert read_metric("t.parquet:wer.test", files.get) is None
    assert [read_metric(name, files.get) for name in "abc"] == [None, None, 1.0]
    figures = {"silent": (read_metric("t.parquet:wer", files.get), 0.9), "good": (0.1, 0.1)}
    assert compare(figures).front() == {"good"}


def test_a_long_name_stands_above_its_axis_in_two_lines():
    runs = tuple(ComparedRun(str(n), str(n), {"x": n}, {"asr.ewc.worst.after": 1.0 + n}) for n in range(2))
    page = render_comparison(Comparison("t", "", ("x",), ("asr.ewc.worst.after",), runs))
    above = re.findall(r'<tspan x="0" y="(-\d+)">([^<]*)</tspan>', page)
    assert above == [("-18", "x"), ("-18", "asr.ewc.worst.after")]
    runs = tuple(ComparedRun(str(n), str(n), {"x": n}, {"asr.ewc.geographic.worst.after": 1.0 + n}) for n in range(2))
    page = render_comparison(Comparison("t", "", ("x",), ("asr.ewc.geographic.worst.after",), runs))
    above = re.findall(r'<tspan x="0" y="(-\d+)">([^<]*)</tspan>', page)
    assert above == [("-18", "x"), ("-33", "asr.ewc.geographic."), ("-18", "worst.after")]


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_no_figure_and_no_star_is_cut_off_in_a_narrow_terminal(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    figures = {"a-long-name-of-one": (0.1234, 5.0), "a-long-name-of-another": (0.2345, 4.0)}
    compared = compare(figures)
    long = "results.of.a.recogniser.on.everything.that.was.said"
    runs = [replace(run, metrics={long: run.metrics["a"], "b": run.metrics["b"]}) for run in compared.runs]
    _print(replace(compared, runs=tuple(runs), metrics=(long, "b")))
    shown = capsys.readouterr().out.splitlines()
    for name, (first, second) in figures.items():  # what does not fit beside the names stands in a table below
        found = [cell for line in shown if line.startswith(f"{name}-0 *") for cell in line.split()[2:]]
        assert found == [name, "0", str(first), f"{second:g}"]


def test_many_columns_are_tables_that_fit_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    compared = compare({"one": (0.1, 5.0), "two": (0.2, 4.0)})
    params = {f"section.option_{n}": n for n in range(12)}
    runs = [replace(run, params=params) for run in compared.runs]
    _print(replace(compared, runs=tuple(runs), params=tuple(params)))
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= 60 and sum(line.startswith("run ") for line in shown) > 1
    found = [cell for line in shown if line.startswith("one-0") for cell in line.split()[2:]]
    assert found == [*map(str, range(12)), "0.1", "5"]
