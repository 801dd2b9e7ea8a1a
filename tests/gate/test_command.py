"""The gate as a build server runs it: exit codes, JUnit, Markdown, and the figures of a plain computation."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from click.testing import CliRunner

from isogloss.cli import main
from isogloss.config.reading import parse_yaml
from isogloss.gate import read_gate

EQUAL = {"north": 0.2, "south": 0.2}


def run(*arguments: object):
    return CliRunner().invoke(main, ["gate", *map(str, arguments)])


def written(path, tmp_path):
    """Run the gate, and read the three files it wrote."""
    outputs = [tmp_path / name for name in ("gate.json", "gate.xml", "gate.md")]
    result = run(path, "--json", outputs[0], "--junit", outputs[1], "--markdown", outputs[2])
    suite = ElementTree.parse(outputs[1]).getroot()
    return result, json.loads(outputs[0].read_text()), suite, outputs[2].read_text()


def plain_change(before: pd.DataFrame, after: pd.DataFrame) -> float:
    """Relative change of the share of wrong words."""
    first, second = (table["hyp"].str.split().map(lambda words: words.count("x")).sum() for table in (before, after))
    return second / first - 1


def test_a_candidate_that_is_as_good_passes(make, gate_file, tmp_path):
    base, new = make(EQUAL, seed=1), make({"north": 0.19, "south": 0.18}, seed=2)
    result, content, suite, summary = written(gate_file(base, new), tmp_path)
    assert result.exit_code == 0, result.output
    assert content["verdict"] == "passed" and [one["verdict"] for one in content["checks"]] == ["passed"] * 3
    for check, chosen in zip(content["checks"], (slice(None), "north", "south"), strict=True):
        parts = [t if check["cohort"] == "all speakers" else t[t["part"] == chosen] for t in (base, new)]
        assert check["relative_change"] == pytest.approx(plain_change(*parts))
        assert check["ci"][0] < check["relative_change"] < check["ci"][1] < 0.25
        assert check["difference"] == pytest.approx(check["after"] - check["before"])
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "0")
    assert summary.startswith("## Gate passed: candidate may replace baseline")


def test_a_candidate_that_harms_one_cohort_fails_and_that_one_is_named(make, gate_file, tmp_path):
    path = gate_file(make(EQUAL, seed=1), make({"north": 0.08, "south": 0.32}, seed=2))
    result, content, suite, summary = written(path, tmp_path)
    assert result.exit_code == 1
    verdicts = {one["cohort"]: one["verdict"] for one in content["checks"]}
    assert verdicts["south"] == "harmed" and verdicts["north"] == "passed"
    failed = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failed == ["south"] and suite.get("failures") == "1"
    assert "harms south" in result.output and "❌ harmed" in summary


@pytest.mark.parametrize("width", range(60, 121, 12))
def test_a_figure_and_its_unit_are_on_one_line_in_any_window(make, gate_file, monkeypatch, width):
    path = gate_file(
        make(EQUAL, seed=1), make({"north": 0.08, "south": 0.32}, seed=2), margin={"relative": 0.25, "absolute": 0.05}
    )
    monkeypatch.setenv("COLUMNS", str(width))
    for arguments in ([path], ["plan", path]):
        printed = run(*arguments).output
        units = re.findall(r"(?:^|[\s(])(?:%|points)", printed, re.MULTILINE)
        assert len(units) == len(re.findall(r"\d[ \u202f](?:%|points)", printed)) > 5


def test_few_speakers_decide_nothing(make, gate_file, tmp_path):
    few = {"speakers": 20, "utterances": 1}
    path = gate_file(make(EQUAL, seed=1, **few), make(EQUAL, seed=2, **few), margin={"relative": 0.03})
    result, content, suite, _ = written(path, tmp_path)
    assert result.exit_code == 3 and content["verdict"] == "undecided"
    assert suite.get("errors") == "3" and suite.get("failures") == "0"


def test_of_two_margins_both_must_hold(make, gate_file):
    base, new = make(EQUAL, seed=1), make(EQUAL, seed=2)
    codes = [
        run(gate_file(base, new, margin=margin)).exit_code
        for margin in ({"relative": 0.25}, {"absolute": 0.05}, {"relative": 0.25, "absolute": 0.001})
    ]
    assert codes == [0, 0, 3]


def test_one_table_with_a_column_a_system_is_enough(make, gate_file):
    base, new = make(EQUAL, seed=1), make(EQUAL, seed=2)
    both = base.rename(columns={"hyp": "hyp_a"}).assign(hyp_b=new["hyp"])
    side = {"table": "base.csv", "columns": {"hyp": "hyp_a"}}
    path = gate_file(both, new, baseline=side, candidate={**side, "columns": {"hyp": "hyp_b"}})
    result = run(path)
    assert result.exit_code == 0 and result.output == run(gate_file(base, new)).output


def test_the_documented_gate_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    for block in blocks[:2]:
        (tmp_path / "gate.yaml").write_text(block, encoding="utf-8")
        read_gate(tmp_path / "gate.yaml")
    commands = [
        step["run"] for step in parse_yaml(blocks[2], where="workflow")["jobs"]["gate"]["steps"] if "run" in step
    ]
    assert any(command.startswith("isogloss gate gate.yaml") for command in commands)


def test_the_same_input_gives_the_same_bytes(make, gate_file, tmp_path):
    path = gate_file(make(EQUAL, seed=1), make(EQUAL, seed=2).sample(frac=1.0, random_state=3))
    outputs = []
    for name in ("a.json", "b.json"):
        run(path, "--json", tmp_path / name)
        outputs.append((tmp_path / name).read_bytes())
    assert outputs[0] == outputs[1]


def test_names_of_cohorts_are_text_everywhere(make, gate_file, tmp_path):
    name = "<b>|\x07&\n[red]"
    base, new = (make(EQUAL, seed=seed).replace({"part": {"south": name}}) for seed in (1, 2))
    _, _, suite, summary = written(gate_file(base, new), tmp_path)
    assert "<b>|\ufffd&" in [case.get("name")[:6] for case in suite.iter("testcase")]
    assert "&lt;b&gt;\\|" in summary and "<b>" not in summary


def test_the_plan_says_how_many_speakers_a_margin_needs(make, gate_file):
    base, new = make(EQUAL, seed=1), make(EQUAL, seed=2)
    rows = {}
    for margin in (0.1, 0.05):
        result = run("plan", gate_file(base, new, margin={"relative": margin}))
        assert result.exit_code == 0
        line = next(line for line in result.output.splitlines() if line.startswith("north"))
        rows[margin] = int(line.split()[-1])
    assert 3.5 < rows[0.05] / rows[0.1] < 4.5  # half a margin takes four times the speakers
    assert run("plan", gate_file(base, new), "--expect", "-2").exit_code == 2
    assert run("plan", gate_file(base, new), "--expect", "inf").exit_code == 2


def test_the_name_of_a_test_set_is_escaped_in_markdown_alone(make, gate_file, tmp_path):
    ledger = {"file": "ledger.jsonl", "test_set": "may_2026*", "releases": 2}
    path = gate_file(make(EQUAL, seed=1), make(EQUAL, seed=2), ledger=ledger)
    result, _, _, summary = written(path, tmp_path)
    assert "on the test set may_2026*." in " ".join(result.output.split())  # wherever the terminal ends a line
    assert "on the test set may\\_2026\\*." in summary


@pytest.mark.parametrize("power", ["nan", "inf", "0.4"])
def test_a_power_that_is_none_is_refused(make, gate_file, power):
    path = gate_file(make(EQUAL, seed=1), make(EQUAL, seed=2))
    result = run("plan", path, "--power", power)
    assert result.exit_code == 2 and "Invalid value for '--power'" in result.output
