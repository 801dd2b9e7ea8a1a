"""The pages that a run and an audit of its results write, in a real browser."""

import json
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from isogloss.cli import main

WIDTHS = [320, 400, 735, 737, 1200, 2400]
PAGES = {"report": "reports/fairness.html", "verifier": "reports/verification/group_dro/audit.html"}


@pytest.fixture
def report(micro) -> Path:
    """The fairness report."""
    return micro.root / PAGES["report"]


@pytest.fixture(scope="module")
def audited(tmp_path_factory) -> Path:
    """The page of an audit with a map: speakers of the south are heard worse, and are many enough to be found."""
    folder = tmp_path_factory.mktemp("audit")
    rows = [
        {
            "utterance_id": f"u{speaker:03d}-{number}",
            "speaker_id": f"s{speaker:03d}",
            "ref": "turn on the light",
            "hyp": "turn on the kite" if number < (3 if speaker % 2 else 1) + speaker % 3 // 2 else "turn on the light",
            "latitude": (32.0 if speaker % 2 else 42.0) + speaker % 7 / 2,
            "longitude": -100.0 + speaker % 11,
            "gender": "fm"[speaker // 2 % 2],
            "age_band": ("18-24", "25-44")[speaker // 4 % 2],
        }
        for speaker in range(200)
        for number in range(6)
    ]
    pd.DataFrame(rows).to_csv(folder / "results.csv", index=False)
    arguments = ["--by", "gender+age_band", "--discover", "geographic", "--out", str(folder / "out")]
    done = CliRunner().invoke(main, ["audit", str(folder / "results.csv"), *arguments])
    assert done.exit_code == 0, done.output
    page = folder / "out" / "audit.html"
    assert "° N" in page.read_text()
    return page


@pytest.fixture(params=[*PAGES, "audit"])
def each(request, micro) -> Path:
    """Each kind of page."""
    return request.getfixturevalue("audited") if request.param == "audit" else micro.root / PAGES[request.param]


def test_the_page_loads_without_a_console_message_or_a_request(page, each):
    page.open(each)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    requested = [r["request"]["url"] for r in page.named("Network.requestWillBeSent")]
    assert [url for url in requested if not url.startswith("data:")] == [each.as_uri()]
    assert page.named("Runtime.consoleAPICalled") == []
    assert page.named("Runtime.exceptionThrown") == []
    assert page.named("Log.entryAdded") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(page, each, width):
    page.open(each, width=width)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.clientWidth") == width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, svg, .hidden, .skip')"
        f" && e.getBoundingClientRect().right > {width} + 1).map(e => e.className)"
    )
    assert wide == []


@pytest.mark.parametrize("width", [400, 1200])
def test_no_drawing_is_empty(page, report, width):
    page.open(report, width=width)
    sizes = page.evaluate(
        "[...document.querySelectorAll('td.plot > svg, svg.map')]"
        ".map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
    )
    assert len(sizes) > 20
    assert min(w for w, _ in sizes) > 100 and min(h for _, h in sizes) > 30


@pytest.mark.parametrize("width", [400, 1200])
def test_the_axis_and_the_marks_of_a_column_are_drawn_to_the_same_scale(page, report, width):
    page.open(report, width=width)
    lefts = page.evaluate(
        "[...document.querySelectorAll('#rule-geographic .chart:not(.shrinkage) tr')]"
        ".map(r => [...r.querySelectorAll('.plot > svg')].map(s => s.getBoundingClientRect())"
        ".map(b => [Math.round(b.left), Math.round(b.width)]))"
    )
    document = json.loads((report.parents[1] / "results/asr/ewc/fairness.json").read_text())
    (grouping,) = (one for one in document["groupings"] if one["name"] == "geographic")
    assert len(lefts) == len(grouping["cohorts"]) + 1
    assert all(row == lefts[0] for row in lefts)


def test_tick_labels_do_not_overlap_on_a_narrow_window(page, report):
    page.open(report, width=400)
    axes = page.evaluate(
        "[...document.querySelectorAll('.axis')].map(a => [...a.querySelectorAll('text')]"
        ".map(t => t.getBoundingClientRect()).map(b => [b.left, b.right]))"
    )
    assert axes
    for labels in axes:
        assert all(first[1] <= second[0] for first, second in pairwise(labels))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_follow_the_scheme_of_the_reader(page, each, scheme):
    page.open(each, scheme=scheme)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    channels = [int(part) for part in background.removeprefix("rgb(").removesuffix(")").split(",")]
    assert (sum(channels) > 3 * 200) == (scheme == "light")


def test_everything_that_scrolls_or_opens_is_reached_by_the_keyboard(page, each):
    page.open(each, width=400)
    wanted = page.evaluate(
        "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')].filter(e => e.checkVisibility()).length"
    )
    reached = set()
    for _ in range(wanted):
        for kind in ("keyDown", "keyUp"):
            page.send("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.add(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
    assert wanted >= 6
    assert len(reached) == wanted


def test_a_summary_opens_by_the_keyboard(page, report):
    page.open(report)
    page.evaluate("document.querySelector('summary').focus()")
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13)
    assert page.evaluate("document.querySelector('details').open") is True


def test_print_shows_what_is_folded_away(page, report):
    page.open(report)
    page.send("Emulation.setEmulatedMedia", media="print")
    height = page.evaluate("document.querySelector('details table').getBoundingClientRect().height")
    assert height > 200
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
