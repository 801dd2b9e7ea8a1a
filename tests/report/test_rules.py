"""The rules side by side: both splits, no finding on the split that chose, no figure of too few speakers."""

import json
import re

import pandas as pd
import pytest

from isogloss.report.page import build_report


def rules_section(page: str) -> str:
    return page.split('<section id="rules">')[1].split("</section>")[0]


def lines(page: str) -> list[tuple[str, list[str]]]:
    """Split and cells of each line of the table."""
    rows = re.findall(r'<td class="left">(discovery|test)</td>(.*?)</tr>', rules_section(page), flags=re.DOTALL)
    return [(split, re.findall(r'<span class="value">([^<]*)</span>', cells)) for split, cells in rows]


def wer(repository, rule: str, split: str, cohort: str) -> float:
    """A cohort's word error rate, straight from the tables."""
    base = pd.read_parquet(repository.root / "results/asr/base/utterances.parquet")
    cohorts = pd.read_parquet(repository.root / f"cohorts/{rule}/assignments.parquet")[["utterance_id", "cohort"]]
    rows = base[base["split"] == split].merge(cohorts, on="utterance_id")
    mine = rows[rows["cohort"] == cohort]
    return mine["substitutions"].sum() / mine["words"].sum()


def test_every_rule_shows_bottom_and_top_on_discovery_and_on_test(repository):
    build_report(repository.root)
    found = lines(repository.page())
    assert [split for split, _ in found] == ["discovery", "test"] * 2
    for (split, cells), rule in zip(found, ["geographic"] * 2 + ["attribute"] * 2, strict=True):
        top = "C08" if rule == "geographic" else "C03"
        bottom_rate, top_rate = wer(repository, rule, split, "C00"), wer(repository, rule, split, top)
        assert cells[:2] == [f"{100 * rate:.1f}\u202f%" for rate in (bottom_rate, top_rate)]
        assert cells[2].replace("\u2212", "-") == f"{100 * (bottom_rate / top_rate - 1):.0f}\u202f%"


def test_metrics_hold_gap_and_share_of_each_rule(repository):
    build_report(repository.root)
    metrics = json.loads((repository.root / "metrics.json").read_text())["asr"]["base"]["geographic"]
    assert metrics["cohorts"] == 9
    for split in ("discovery", "test"):
        gap = wer(repository, "geographic", split, "C00") / wer(repository, "geographic", split, "C08") - 1
        assert metrics["relative_gap"][split] == pytest.approx(gap, abs=1e-5)
        assert metrics["bottom_share"][split] == pytest.approx(31 / 292, abs=1e-5)


def test_the_sentence_names_the_rule_with_the_widest_gap_on_test(repository):
    build_report(repository.root)
    sentence = rules_section(repository.page()).split("<p>")[1]
    assert sentence.startswith("The geographic rule shows the widest gap on test: the bottom cohort (lat &lt; 34.1, ")


def test_a_rule_of_a_single_cohort_has_no_gap(repository):
    path = repository.root / "cohorts/attribute/assignments.parquet"
    pd.read_parquet(path).assign(cohort="C00").to_parquet(path, index=False)
    build_report(repository.root)
    assert "no two cohorts that may be shown" in rules_section(repository.page())
    metrics = json.loads((repository.root / "metrics.json").read_text())["asr"]["base"]["attribute"]
    assert "relative_gap" not in metrics


def test_a_small_cohort_is_neither_bottom_nor_counted_out_by_its_rest(repository):
    path = repository.root / "cohorts/geographic/assignments.parquet"
    table = pd.read_parquet(path)
    for split in ("discovery", "test"):
        mine = (table["cohort"] == "C00") & table["speaker_id"].str.startswith(split)
        keep = table.loc[mine, "speaker_id"].unique()[:4]
        table.loc[mine & ~table["speaker_id"].isin(keep), "cohort"] = "C01"
    table.to_parquet(path, index=False)
    build_report(repository.root)
    section = rules_section(repository.page())
    assert "lat &lt; 34.1, lon &lt; -103.7" not in section
    # Nine cohorts are found, and the hidden one is merged with another, so that no difference gives it away.
    assert "9 cohorts" in section


def test_each_section_says_what_its_rule_looks_at(repository):
    build_report(repository.root)
    assert "Regions of the map, divided where error rates differ most." in repository.page()
    assert "Values of known attributes (age_band)" in repository.page()


@pytest.mark.parametrize(("few", "words"), [(1, "1 of 9 cohorts has fewer"), (2, "2 of 9 cohorts have fewer")])
def test_one_cohort_has_and_several_have_few_speakers(repository, few, words):
    for method in ("finetune", "ewc"):
        content = repository.rule(method)
        for number, cohort in enumerate(content["cohorts"]):
            cohort["inference"] = number >= few
        repository.write_rule(method, content)
    build_report(repository.root)
    assert words in " ".join(repository.page().split())
