"""The pages of the run say what its files say, and nothing of where and when they were made."""

import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

PAGES = ["reports/fairness.html", "reports/verification/group_dro/audit.html"]
WITHOUT_END = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """The text of a page outside its style; notes what is closed out of order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag not in WITHOUT_END:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += f" {data}"


def text_of(root, page):
    return re.sub(r"[ \n]+", " ", Reader((root / page).read_text(encoding="utf-8")).text)


def read(root, path):
    return json.loads((root / path).read_text(encoding="utf-8"))


def percent(rate):
    return f"{100 * rate:.1f}\u202f%"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_well_formed(micro, page):
    found = Reader((micro.root / page).read_text(encoding="utf-8"))
    assert not found.wrong and not found.open


def test_the_report_leads_to_every_other_page_of_the_run(micro):
    page = (micro.root / "reports/fairness.html").read_text()
    found = set(re.findall(r'href="([^"#:]+)"', page))
    others = sorted((micro.root / "reports").rglob("*.html"))
    assert {path.relative_to(micro.root / "reports").as_posix() for path in others} - {"fairness.html"} == found


def test_no_output_knows_where_or_when_it_was_made(micro):
    """Nor which revision made it: the same inputs give the same bytes everywhere."""
    revision = read(micro.root, "reports/provenance.json")["revision"].encode()
    for path in micro.outputs():
        content = path.read_bytes()
        assert str(micro.root).encode() not in content and revision not in content, path
        if path.suffix in (".html", ".json"):
            assert not re.search(rb"\b20\d\d-\d\d-\d\d\b|\d\d:\d\d:\d\d", content), path


def test_the_report_names_every_cohort_of_every_rule_with_its_figures(micro):
    text = text_of(micro.root, PAGES[0])
    groupings = [
        grouping
        for path in (micro.root / "results/asr").glob("*/fairness.json")
        for grouping in read(micro.root, path)["groupings"]
    ]
    assert len(groupings) == 8
    for grouping in groupings:
        for cohort in grouping["cohorts"]:
            assert cohort["label"] in text
            assert percent(cohort["before"]) in text and percent(cohort["after"]) in text


def test_the_verifiers_page_names_every_cohort_with_its_figures(micro):
    text = text_of(micro.root, PAGES[1])
    groupings = read(micro.root, "reports/verification/group_dro/fairness.json")["groupings"]
    assert {grouping["name"] for grouping in groupings} >= {"gender", "age_band", "geographic", "automatic"}
    for grouping in groupings:
        for cohort in grouping["cohorts"]:
            assert cohort["label"] in text
            for rate in (cohort["before"], cohort["after"]):
                assert rate is None or percent(rate) in text


def test_the_hashes_on_the_report_are_those_of_its_inputs(micro):
    page = (micro.root / PAGES[0]).read_text(encoding="utf-8")
    hashes = dict(re.findall(r"<li><span>([^<]+)</span> <code>([0-9a-f]{32})</code>", page))
    found = {name: hashlib.md5((micro.root / name).read_bytes()).hexdigest() for name in hashes}
    assert hashes == found
    assert {"data/utterances.parquet", "results/asr/base/utterances.parquet", "results/asr/base/cost.json"} < set(
        hashes
    )


def test_the_params_on_the_report_are_those_that_had_a_part(micro):
    shown = set(re.findall(r"<dl><dt>(\w+)</dt>", (micro.root / PAGES[0]).read_text(encoding="utf-8")))
    assert {"corpus", "atlas", "asr", "lstm", "geographic", "ewc", "cohort_input", "statistics"} <= shown
    assert not shown & {"conformer", "finetune", "group_dro"}
