"""The page in special cases: it escapes what data holds, hides small cohorts and marks what is known of the others.

The page of a real run is tested in `tests/micro/test_pages.py`.
"""

import hashlib
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from isogloss.report.inputs import document_path
from isogloss.report.page import build_report

EVIL = """<script>alert("1")</script><img src=x onerror='x'> & "quoted" {{ 7*7 }}"""
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Tags(HTMLParser):
    """Collects tags, attributes, and the text outside the style."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def parsed(page: str) -> Tags:
    parser = Tags()
    parser.feed(page)
    return parser


def visible(page: str) -> str:
    return re.sub(r"[ \n]+", " ", " ".join(parsed(page).text))


def test_everything_from_data_is_escaped(repository):
    for method in ("finetune", "ewc"):
        content = repository.rule(method, "geographic")
        content["cohorts"][0]["label"] = EVIL
        content["cohorts"][6]["label"] = EVIL + "2"
        content["test"] = EVIL
        repository.write_rule(method, content)
    summary = repository.read("cohorts/geographic/summary.json")
    summary["cohorts"][0]["label"] = EVIL
    repository.write("cohorts/geographic/summary.json", summary)
    build_report(repository.root)
    page = repository.page()
    assert not {tag for tag, _ in parsed(page).tags} & {"script", "img"}
    assert not [a for _, attrs in parsed(page).tags for a in attrs if a.startswith("on")]
    assert "&lt;script&gt;" in page and "{{ 7*7 }}" in page


def test_cohorts_stand_worst_on_discovery_first_whatever_their_order_in_the_file(repository):
    for method in ("finetune", "ewc"):
        content = repository.rule(method)
        content["cohorts"].reverse()
        repository.write_rule(method, content)
    build_report(repository.root)
    section = repository.page().split('id="rule-geographic"')[1]
    numbers = re.findall(r'<span class="number">(\d+)</span>', section)[:9]
    assert numbers == [str(i) for i in range(1, 10)]


def test_mitigated_harmed_and_small_cohorts_are_marked(repository):
    build_report(repository.root)
    rows = re.findall(r"<tr[^>]*>\s*<th scope=\"row\" class=\"name\">.*?</tr>", repository.page(), flags=re.DOTALL)
    geographic = rows[:9]
    assert ["mitigated</span>" in row for row in geographic] == [True] * 2 + [False] * 7
    assert ["harmed by finetune" in row for row in geographic] == [False] * 6 + [True, True, False]
    assert ["too few speakers to judge" in row for row in geographic] == [i == 2 for i in range(9)]
    assert ["gained with" in row for row in geographic] == [True] * 2 + [False] * 7


def test_a_cohort_without_inference_shows_no_interval_even_if_the_file_has_one(repository):
    for method in ("finetune", "ewc"):
        content = repository.rule(method, "geographic")
        content["cohorts"][2] |= {"before_ci95": [0.4321, 0.8765], "after_ci95": [0.4321, 0.8765]}
        content["cohorts"][2] |= {"ci95": [0.4321, 0.8765], "p_holm": 0.0002}
        repository.write_rule(method, content)
    build_report(repository.root)
    assert "43.2 to 87.7" not in repository.page()
    assert repository.page().count("gained with") == 2


def test_a_discovery_figure_of_too_few_speakers_is_hidden(repository):
    path = repository.root / "cohorts/attribute/assignments.parquet"
    table = pd.read_parquet(path)
    mine = table["cohort"] == "C00"
    few = table["speaker_id"][mine & table["speaker_id"].str.startswith("discovery")].unique()[:4]
    table.loc[mine & table["speaker_id"].str.startswith("discovery") & ~table["speaker_id"].isin(few), "cohort"] = "C01"
    table.to_parquet(path, index=False)
    for method in ("finetune", "ewc"):
        content = repository.rule(method, "attribute")
        content["cohorts"][0]["discovery"] = 0.98765
        repository.write_rule(method, content)
    build_report(repository.root)
    assert "98.8\u202f%" not in repository.page()


def test_cohorts_merged_for_privacy_appear_as_such(repository):
    for method in ("finetune", "ewc"):
        content = repository.rule(method, "geographic")
        for cohort in content["cohorts"][-2:]:
            content["cohorts"].remove(cohort)
        merged = {**content["cohorts"][-1], "cohort": "other", "label": "2 small cohorts"}
        merged |= {"discovery_rank": None, "discovery": None}
        content["cohorts"].append(merged)
        content["hidden"] = {"cohorts": 2, "merged": "other"}
        content["harmed_cohorts"] = []
        repository.write_rule(method, content)
    build_report(repository.root)
    text = visible(repository.page())
    assert "2 small cohorts" in text
    assert "2 cohorts are merged into one, since some have fewer than 5 speakers in test" in text


def test_the_hashes_are_those_of_all_input_files_but_the_params(repository):
    build_report(repository.root)
    rows = re.findall(r"<li><span>([^<]+)</span> <code>([0-9a-f]{32})</code>", repository.page())
    inputs = [p for p in repository.root.rglob("*") if p.is_file() and p.suffix in {".json", ".parquet"}]
    expected = {
        p.relative_to(repository.root).as_posix(): hashlib.md5(p.read_bytes()).hexdigest()
        for p in inputs
        if p.name != "metrics.json"
    }
    assert dict(rows) == expected


def test_the_params_are_those_that_had_a_part(repository):
    repository.write_params(
        corpus={"source": "mine"}, cohorts={"rules": ["geographic"]}, mitigation={"methods": ["ewc"]}
    )
    document = repository.read(document_path("ewc"))
    repository.write(document_path("ewc"), {**document, "groupings": document["groupings"][:1]})
    build_report(repository.root)
    page = repository.page()
    shown = set(re.findall(r"<dl><dt>(\w+)</dt>", page))
    assert {"corpus", "asr", "lstm", "geographic", "ewc", "statistics"} <= shown
    assert not shown & {"atlas", "attribute", "finetune"}


def test_methods_that_params_do_not_list_are_not_read(repository):
    repository.write_params(mitigation={"methods": ["ewc"]})
    (repository.root / "results/asr/finetune/fairness.json").write_text("leftover")
    build_report(repository.root)
    assert "finetune" not in repository.page()


@pytest.mark.parametrize("confidence", [0.8, 0.99])
def test_the_confidence_is_that_of_the_comparison(repository, confidence):
    for method in ("finetune", "ewc"):
        path = document_path(method)
        repository.write(path, {**repository.read(path), "confidence": confidence})
    build_report(repository.root)
    assert f"Intervals are {100 * confidence:.0f}\u202f%." in visible(repository.page())


def test_a_page_of_nothing_but_unknown_figures_can_be_built(repository):
    for method in ("finetune", "ewc"):
        content = blank(repository.read(document_path(method)))
        for grouping in content["groupings"]:
            grouping["harmed_cohorts"] = []
        repository.write(document_path(method), content)
    for rule in repository.rows:
        summary = repository.read(f"cohorts/{rule}/summary.json")
        for cohort in summary["cohorts"]:
            cohort["discovery"] |= {"wer": None, "ci95": None}
        repository.write(f"cohorts/{rule}/summary.json", summary)
    build_report(repository.root)
    text = visible(repository.page())
    assert "Whether a mitigation lowered" in text
    assert "nan" not in text.lower().split() and "None" not in text


def blank(content):
    """A comparison without its figures, but with its counts."""
    if isinstance(content, dict):
        return {k: v if k in ("confidence", "regions") else blank(v) for k, v in content.items()}
    if isinstance(content, list):
        return None if content and isinstance(content[0], float) else [blank(item) for item in content]
    return None if isinstance(content, float) else content
