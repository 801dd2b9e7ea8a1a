"""`isogloss audit --trials`: any verifier's scores, by what is known of the speakers; mistakes are one sentence."""

import itertools
import json
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from isogloss.cli.audit import audit
from isogloss.judging.cohort_figures import Change, CohortFigures
from isogloss.judging.grouping_figures import Difference, GroupingFigures, SpreadFigures
from isogloss.judging.verification import equal_error_rate
from isogloss.report.verifier_findings import worse_served


@pytest.fixture
def tables(tmp_path):
    """Thirty speakers with three utterances; women's targets score lower."""
    rng = np.random.default_rng(0)
    rows = [(f"u{s:02d}-{n}", f"s{s:02d}", "fm"[s % 2], "x") for s in range(48) for n in range(3)]
    speakers = pd.DataFrame(rows, columns=["utterance_id", "speaker_id", "gender", "site"])
    owner = np.repeat(np.arange(48), 3)
    first, second = np.triu_indices(len(rows), 1)
    same = owner[first] == owner[second]
    keep = same | (rng.uniform(size=len(first)) < 0.2)
    first, second, same = first[keep], second[keep], same[keep]
    score = rng.normal(size=len(first)) + same * np.where(owner[first] % 2 == 0, 1.5, 3.0)
    ids = speakers["utterance_id"].to_numpy()
    trials = pd.DataFrame({"enrol_id": ids[first], "test_id": ids[second], "score": score.round(4)})
    return trials, speakers


def run(tmp_path, trials, speakers, *options):
    trials.to_csv(tmp_path / "trials.csv", index=False)
    speakers.to_csv(tmp_path / "speakers.csv", index=False)
    paths = ["--trials", str(tmp_path / "trials.csv"), "--speakers", str(tmp_path / "speakers.csv")]
    return CliRunner().invoke(audit, [*paths, *options])


def test_the_figures_are_those_of_the_scores(tables, tmp_path):
    trials, speakers = tables
    result = run(tmp_path, trials, speakers, "--by", "gender", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "By gender" in result.output
    document = json.loads((tmp_path / "out" / "fairness.json").read_text())
    (fairness,) = document["groupings"]
    target = trials["enrol_id"].str[:3] == trials["test_id"].str[:3]
    assert document["overall"]["before"] == pytest.approx(equal_error_rate(trials["score"], target))
    assert document["overall"]["after"] is None
    gender = speakers.set_index("utterance_id")["gender"]
    for cohort in fairness["cohorts"]:
        both = (trials["enrol_id"].map(gender) == cohort["cohort"]) & (
            trials["test_id"].map(gender) == cohort["cohort"]
        )
        assert cohort["before"] == pytest.approx(equal_error_rate(trials["score"][both], target[both]))
        assert cohort["speakers"] == 24
    assert {c["cohort"]: c["before"] for c in fairness["cohorts"]}["f"] > document["overall"]["before"]


def test_without_columns_there_is_the_whole(tables, tmp_path):
    result = run(tmp_path, *tables)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("The EER over all trials is")


def test_two_verifiers_are_compared(tables, tmp_path):
    trials, speakers = tables
    result = run(tmp_path, trials.assign(score_before=trials["score"] * 0), speakers, "--by", "gender")
    assert result.exit_code == 0, result.output
    assert "EER before" in result.output and "EER after" in result.output


def test_speakers_may_be_named_by_the_trials(tables, tmp_path):
    trials, speakers = tables
    by_id = speakers.set_index("utterance_id")["speaker_id"]
    named = pd.DataFrame(
        {
            "enrol_speaker": trials["enrol_id"].map(by_id),
            "test_speaker": trials["test_id"].map(by_id),
            "score": trials["score"],
        }
    )
    people = speakers.drop(columns="utterance_id").drop_duplicates()
    first = run(tmp_path, named, people, "--by", "gender")
    assert first.exit_code == 0, first.output
    assert first.output == run(tmp_path, trials, speakers, "--by", "gender").output


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t, s: (t.drop(columns="score"), s), "column 'score' is missing"),
        (lambda t, s: (t.assign(score=t["score"].mask(t.index == 4)), s), r"trials.csv, row 5: score is empty"),
        (lambda t, s: (t, s.iloc[3:]), "which the table of speakers does not have; add a row"),
        (lambda t, s: (t, s.assign(gender=["f", "m", "m"] * 48)), "several values of 'gender'"),
        (lambda t, s: (t, s.rename(columns={"gender": "genders"})), "did you mean 'genders'"),
        (lambda t, s: (t, s.assign(gender="x")), "every speaker of the trials has the value 'x'"),
        (lambda t, s: (t.assign(target="yes"), s), "target is 'yes'"),
        (
            lambda t, s: (t.assign(test_id=t["test_id"].mask(t.index == 4, t["enrol_id"])), s),
            "row 5 pairs the utterance",
        ),
        (lambda t, s: (pd.concat([t, t.iloc[[7]]]), s), "a second time; keep one row a trial"),
        (lambda t, s: (t[t["enrol_id"].str[:3] == t["test_id"].str[:3]], s), "no targets or no non-targets"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(tables, tmp_path, change, sentence):
    result = run(tmp_path, *change(*tables), "--by", "gender", "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_columns_of_single_speakers_and_equal_names_are_refused(tables, tmp_path):
    trials, speakers = tables
    result = run(tmp_path, trials, speakers, "--by", "speaker_id")
    assert result.exit_code == 2 and "tells single speakers apart" in result.output
    paired = trials.assign(score_before=trials["score"])
    result = run(tmp_path, paired, speakers, "--by", "gender", "--name", "x", "--after-name", "x")
    assert result.exit_code == 2 and "are both 'x'" in result.output


def test_trials_and_speakers_go_together(tmp_path):
    result = CliRunner().invoke(audit, ["--trials", str(tmp_path / "trials.csv")])
    assert result.exit_code == 2
    assert "go together" in result.output


def test_a_group_of_few_speakers_is_not_shown(tables, tmp_path):
    trials, speakers = tables
    few = speakers.assign(gender=speakers["gender"].mask(speakers["speaker_id"].isin(["s00", "s02"]), "rare"))
    result = run(tmp_path, trials, few, "--by", "gender")
    assert result.exit_code == 0, result.output
    assert "rare" not in result.output


def audited(tmp_path, trials, speakers, *options):
    """The document, the table and the text of the page, without tags and style."""
    result = run(tmp_path, trials, speakers, *options, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "out" / "fairness.json").read_text())
    page = (tmp_path / "out" / "audit.html").read_text()
    text = unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL)))
    return document, pd.read_parquet(tmp_path / "out" / "cohorts.parquet"), re.sub(r"[ \n]+", " ", text), page


def per_cent(rate):
    return f"{100 * rate:.1f}\u202f%"


@pytest.fixture
def two(tables):
    """Two verifiers, of which the second does better by women."""
    trials, speakers = tables
    target = trials["enrol_id"].str[:3] == trials["test_id"].str[:3]
    woman = trials["enrol_id"].str[1:3].astype(int) % 2 == 0
    return trials.assign(score_before=trials["score"], score=trials["score"] + 1.5 * (target & woman)), speakers


def test_the_page_has_the_figures_of_the_file(two, tmp_path):
    document, _, text, _ = audited(tmp_path, *two, "--by", "gender", "--name", "old one", "--after-name", "new one")
    (fairness,) = document["groupings"]
    assert fairness["cohorts"][0]["cohort"] == "f" and "f (gender) is measurably worse served" in text
    for figure in (document["overall"], *fairness["cohorts"]):
        for side in ("before", "after"):
            low, high = figure[f"{side}_ci95"]
            assert f"{per_cent(figure[side])} {100 * low:.1f} to {100 * high:.1f}" in text
    for cohort in fairness["cohorts"]:
        for at in cohort["at_threshold"].values():
            assert per_cent(at["far"]) in text and per_cent(at["frr"]) in text
    costs = document["overall"]["min_dcf"]
    assert set(costs) == {"0.01", "0.05"} and all(f"{cost['before']:.3f}" in text for cost in costs.values())
    low, high = fairness["spread"]["gap"]["before_ci95"]
    assert f"{100 * fairness['spread']['gap']['before']:.1f} points ({100 * low:.1f} to {100 * high:.1f})" in text
    assert "gained" in text and "EER new one" in text


def test_the_table_has_the_figures_of_the_file(two, tmp_path):
    document, table, _, _ = audited(tmp_path, *two, "--by", "gender")
    (fairness,) = document["groupings"]
    assert table["cohort"].tolist() == [c["cohort"] for c in fairness["cohorts"]] and set(table["rule"]) == {"gender"}
    for cohort, (_, row) in zip(fairness["cohorts"], table.iterrows(), strict=True):
        for key in ("speakers", "targets", "nontargets", "before", "after", "relative_change", "p", "p_holm"):
            assert row[key] == cohort[key]
        for key in ("before_ci95", "after_ci95", "ci95"):
            assert [row[f"{key}_low"], row[f"{key}_high"]] == cohort[key]
        for side, rate in itertools.product(("before", "after"), ("far", "frr")):
            at = cohort["at_threshold"][side]
            assert row[f"{rate}_{side}"] == at[rate]
            bounds = at[f"{rate}_ci95"] or [None, None]
            written = [row[f"{rate}_{side}_ci95_{end}"] for end in ("low", "high")]
            assert [None if np.isnan(one) else one for one in written] == bounds


def after_anywhere(content, path=()):
    """Paths to whatever is said of a second verifier."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if key in ("after", "after_ci95", "relative_change", "change", "ci95", "p", "p_holm") and value is not None:
            yield (*path, key)
        elif isinstance(value, dict | list):
            yield from after_anywhere(value, (*path, key))


def test_one_verifier_says_nothing_of_a_second(tables, tmp_path):
    document, table, text, _ = audited(tmp_path, *tables, "--by", "gender")
    assert list(after_anywhere(document)) == []
    assert set(document["thresholds"]) == {"before"} and document["systems"] == ["verifier"]
    of_second = [name for name in table if "after" in name or name.startswith(("relative", "ci95", "p", "harm"))]
    assert len(of_second) == 18 and table[of_second].isna().all(axis=None)
    assert not re.search(r"\b(after|before|change|harm\w*|gained|verdict|p \(Holm\))", text, flags=re.IGNORECASE)


def test_names_in_data_are_escaped_and_the_page_fetches_nothing(tables, tmp_path):
    trials, speakers = tables
    evil = "<script>alert(1)</script>\"'>"
    renamed = speakers.assign(gender=speakers["gender"].replace("f", evil)).rename(columns={"gender": evil})
    _, table, _, page = audited(tmp_path, trials, renamed, "--by", evil)
    assert evil in table["cohort"].tolist()
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert all(link.startswith(("#", "data:")) for link in re.findall(r"(?:href|src)=\"([^\"]*)\"", page))


@pytest.mark.parametrize(
    ("intervals", "gap", "worse"),
    [
        ({"a": (0.2, 0.3), "b": (0.05, 0.1), "c": (0.1, 0.19)}, None, "a"),
        ({"a": (0.2, 0.3), "b": (0.05, 0.1), "c": (0.1, 0.21)}, None, None),
        ({"a": (0.2, 0.3), "b": (0.05, 0.1), "c": None}, None, None),
        ({"a": (0.2, 0.3), "b": (0.1, 0.22)}, [0.01, 0.2], "a"),
        ({"a": (0.2, 0.3), "b": (0.1, 0.19)}, [0.0, 0.2], None),
        ({"a": (0.2, 0.3), "b": (0.1, 0.19)}, {}, None),
    ],
)
def test_a_cohort_is_worse_served_where_the_intervals_say_so(intervals, gap, worse):
    """Of two the gap decides, even where it has no interval; of more the intervals must lie apart."""
    rates = {"a": 0.25, "b": 0.08, "c": 0.15}
    cohorts = [
        CohortFigures(cohort=name, label=name, speakers=30, inference=True, before=rates[name], before_ci95=bounds)
        for name, bounds in intervals.items()
    ]
    cohorts.append(CohortFigures(cohort="few", label="few", speakers=6, inference=False, before=0.9))
    found = GroupingFigures(
        name="g",
        title="g",
        split="all",
        found=len(cohorts),
        cohorts=cohorts,
        spread=SpreadFigures(
            cohorts=list(intervals),
            mean=Change(),
            max=Change(),
            variance=Change(),
            relative_gap=Change(),
            gap=None if gap is None else Difference(before=0.17, before_ci95=gap or None),
        ),
    )
    found = worse_served(found, "before")
    assert (found and found.cohort) == worse


def test_small_cohorts_are_nowhere(tables, tmp_path):
    """Neither by name, nor as the difference between what two groupings show."""
    trials, speakers = tables
    number = speakers["speaker_id"].str[1:].astype(int)
    region = np.select([number < 2, number < 14, number < 26], ["tinyville", "north", "east"], "south")
    # Speakers 26 and 27 are the only ones of the south who are not of the coast: south less coast tells of them.
    coast = np.select([number < 10, number < 26, number < 28], ["hills", "inland", "strand"], "coast")
    named = speakers.assign(region=region, coast=coast)
    document, table, _, page = audited(tmp_path, trials, named, "--by", "region", "--by", "coast")
    written = page + table.to_string() + json.dumps(document)
    assert "tinyville" not in written and "strand" not in written
    shown = [frozenset(range(48))]
    for rule, cohorts in table.groupby("rule")["cohort"]:
        own = [frozenset(number[named[rule] == cohort]) for cohort in cohorts if cohort != "other"]
        shown += [*own, frozenset(range(48)).difference(*own)]
    assert len(shown) > 4
    assert sorted(len(members) for members in shown[1:] if members) == sorted(table["speakers"])
    assert all(len(a - b) >= 5 for a in shown for b in shown if b < a)


@pytest.mark.parametrize("of", ["targets", "non-targets"])
def test_a_cohort_is_not_shown_whose_misses_or_false_alarms_are_of_few_speakers(tables, tmp_path, of):
    """Twelve speakers are in it, but its targets, or the non-targets within it, are those of two."""
    trials, speakers = tables
    number = speakers["speaker_id"].str[1:].astype(int)
    places = speakers.assign(place=np.array(["a", "b", "c", "d"])[number % 4])
    enrol, test = (trials[side].str[1:3].astype(int) for side in ("enrol_id", "test_id"))
    chosen = (enrol == test) if of == "targets" else (enrol != test)
    within_a = chosen & (enrol % 4 == 0) & (test % 4 == 0)
    assert (within_a & (enrol <= 4) & (test <= 4)).any()
    few = trials[~within_a | ((enrol <= 4) & (test <= 4))]
    document, _, text, _ = audited(tmp_path, few, places, "--by", "place")
    cohorts = {c["cohort"]: c for c in document["groupings"][0]["cohorts"]}
    assert "a" not in cohorts and cohorts["other"]["label"] == "2 cohorts, merged for privacy"
    assert cohorts["other"]["speakers"] == 24 and len(cohorts) == 3
    assert "2 cohorts are merged into one" in text


def test_trials_of_few_speakers_are_refused(tables, tmp_path):
    trials, speakers = tables
    enrol, test = (trials[side].str[1:3].astype(int) for side in ("enrol_id", "test_id"))
    result = run(tmp_path, trials[(enrol != test) | (enrol < 3)], speakers, "--by", "gender")
    assert result.exit_code == 2
    assert "the targets are of 3 speakers, fewer than the 5 that a published figure needs at least" in result.output


def test_a_grouping_of_which_nothing_may_be_told_apart_is_withheld(tables, tmp_path):
    trials, speakers = tables
    few = speakers.assign(gender=np.where(speakers["speaker_id"].isin(["s00", "s02"]), "rare", "common"))
    document, table, text, page = audited(tmp_path, trials, few, "--by", "gender")
    (grouping,) = document["groupings"]
    assert "too small" in grouping["withheld"] and grouping["cohorts"] == [] and len(table) == 0
    assert "Not shown: its cohorts are too small" in text and "rare" not in page.replace("as rare as", "")


def test_a_folder_is_replaced_only_if_it_is_an_earlier_audit(tables, tmp_path):
    first = audited(tmp_path, *tables, "--by", "gender")[0]
    assert audited(tmp_path, *tables, "--by", "gender")[0] == first
    (tmp_path / "out" / "notes.txt").write_text("mine")
    result = run(tmp_path, *tables, "--out", str(tmp_path / "out"))
    assert result.exit_code == 2 and "holds 'notes.txt', which no audit writes" in result.output
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


def test_where_nothing_is_tested_nobody_is_cleared(two, tmp_path):
    trials, speakers = two
    few = speakers[speakers["speaker_id"] < "s20"]
    known = trials["enrol_id"].isin(few["utterance_id"]) & trials["test_id"].isin(few["utterance_id"])
    document, _, text, _ = audited(tmp_path, trials[known], few, "--by", "gender")
    assert all(not c["inference"] and c["measurable"] for c in document["groupings"][0]["cohorts"])
    assert text.count("No cohort has enough speakers and trials to be judged.") == 4  # both questions, above and below
    assert "No cohort is measurably" not in text


@pytest.mark.parametrize(
    "options",
    [
        ("--column", "score=other"),
        *(("--unit", "char"), ("--normalise", "lower"), ("--max-cohorts", "3"), ("--separator", ";")),
        *(("--speakers-unknown",), ("--missing-as-deletions",), ("--allow-empty",)),
        *(("--divisions", "5"), ("--within", "site"), ("--adjust", "site"), ("--discover", "attribute")),
        *(("--after", "x.csv"), ("--attributes", "x.csv"), ("--hyp", "x.csv"), ("--zips", "x.csv")),
    ],
)
def test_options_of_recognisers_are_refused_and_not_ignored(tables, tmp_path, options):
    trials, speakers = tables
    result = run(tmp_path, trials.assign(other=-trials["score"]), speakers, "--by", "gender", *options)
    assert result.exit_code == 2 and f"--trials does not go with {options[0]}; leave it out" in result.output
