"""What `isogloss compare` says of results that are not those of the params beside them."""

import json

import pytest
from click.testing import CliRunner

from isogloss.cli.compare import compare
from isogloss.cli.comparing import compare_experiments
from isogloss.config import read_yaml

pytestmark = [
    pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning"),  # DVC's own
    pytest.mark.usefixtures("warm"),
]

DVC_YAML = """
stages:
  judge:
    cmd: python judge.py
    deps: [judge.py]
    params: [ewc]
    metrics: [{metrics.json: {cache: false}}]
"""
FOREACH = """
stages:
  judge:
    foreach: ${names}
    do:
      cmd: python judge.py ${item}.json
      deps: [judge.py]
      params: [ewc]
      metrics: [{"${item}.json": {cache: false}}]
"""
JUDGE = """
import json, pathlib
strength = float(pathlib.Path("params.yaml").read_text().split(": ")[2].split("}")[0])
pathlib.Path("metrics.json").write_text(json.dumps({"wer": 1 / strength}))
"""


@pytest.fixture
def judged(new_toy):
    toy = new_toy(DVC_YAML, params="ewc: {strength: 4.0}\n", **{"judge.py": JUDGE, ".gitignore": "/reports\n"})
    toy.run()
    toy.commit()
    return toy


def rows(toy):
    comparison, notes = compare_experiments(toy.root, (), ("metrics.json:wer",))
    runs = {
        run.name: (run.params.get("ewc.strength"), run.metrics["metrics.json:wer"], bool(run.stale))
        for run in comparison.runs
    }
    return runs, comparison.front(), notes


def test_the_last_commit_stands_beside_a_workspace_that_is_up_to_date(judged):
    judged.replace("params.yaml", "4.0", "5.0")
    judged.run()
    runs, front, notes = rows(judged)
    assert runs == {"workspace": (5.0, 0.2, False), "last commit": (4.0, 0.25, False)}
    assert front == {"workspace"}
    assert notes == []


def test_metrics_of_other_params_are_stale_and_on_no_front(judged, monkeypatch):
    judged.replace("params.yaml", "4.0", "2.0")
    runs, front, notes = rows(judged)
    assert runs == {"workspace": (2.0, 0.25, True), "last commit": (4.0, 0.25, False)}
    assert front == {"last commit"}
    assert notes == ["workspace is stale: judge would run (ewc.strength: 4.0 → 2.0)."]
    monkeypatch.chdir(judged.root)
    told = json.loads(CliRunner().invoke(compare, ["--json", "--metrics", "metrics.json:wer"]).output)
    assert {run["run"]: (run["metrics"], run["pareto_front"], bool(run["stale"])) for run in told["runs"]} == {
        "workspace": ({"metrics.json:wer": 0.25}, False, True),
        "last commit": ({"metrics.json:wer": 0.25}, True, False),
    }
    judged.commit()  # params that nothing was run with
    runs, front, notes = rows(judged)
    assert runs["last commit"][1:] == (0.25, True)
    assert front == frozenset()
    assert "last commit is stale: judge has not run since ewc changed." in notes


@pytest.mark.parametrize("file", ["params.yaml", "metrics.json", "study.yaml"])
def test_a_page_never_replaces_what_it_is_made_from(tmp_path, monkeypatch, file):
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_text("held", encoding="utf-8")
    result = CliRunner().invoke(compare, ["study.yaml", "--html", f"./{file}"])
    assert result.exit_code == 2 and "would replace" in result.stderr
    assert (tmp_path / file).read_text(encoding="utf-8") == "held"


def test_what_former_stages_left_in_the_lock_makes_nothing_stale(new_toy):
    """A stage became one for each item of a list, and later an item left the list: DVC keeps their entries."""
    toy = new_toy(DVC_YAML, params="ewc: {strength: 4.0}\n", **{"judge.py": JUDGE, ".gitignore": "/reports\n"})
    toy.run()
    toy.write("dvc.yaml", FOREACH)
    toy.write("judge.py", JUDGE.replace('"metrics.json"', "sys.argv[1]"))
    toy.replace("judge.py", "import json, pathlib", "import json, pathlib, sys")
    toy.write("params.yaml", "ewc: {strength: 5.0}\nnames: [a, b]\n")
    toy.run()
    toy.write("params.yaml", "ewc: {strength: 2.0}\nnames: [a]\n")
    toy.run()
    toy.commit()
    assert {"judge", "judge@a", "judge@b"} == set(read_yaml(toy.root / "dvc.lock")["stages"])
    comparison, notes = compare_experiments(toy.root, (), ("a.json:wer",))
    assert [(run.name, run.metrics["a.json:wer"], run.stale) for run in comparison.runs] == [
        ("workspace", 0.5, ""),
        ("last commit", 0.5, ""),
    ]
    assert notes == []
