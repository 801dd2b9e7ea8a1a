"""`isogloss choose` on the finished runs of a sweep."""

import pytest
from click.testing import CliRunner

from isogloss.cli.choose import choose
from isogloss.config import read_yaml

pytestmark = [
    pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning"),  # DVC's own
    pytest.mark.usefixtures("warm"),
]

DVC = """
stages:
  evaluate:
    cmd: python stages/work.py
    deps: [stages/work.py]
    params: [asr.seed, mitigation, ewc, l2]
    outs: [results/asr]
"""
WORK = """
import json, pathlib, ruamel.yaml
params = ruamel.yaml.YAML(typ="safe").load(pathlib.Path("params.yaml").read_text())
for method in params["mitigation"]["methods"]:
    worst = 0.3 + abs(params[method]["strength"] - {"ewc": 2, "l2": 1}[method]) / 100
    folder = pathlib.Path("results/asr", method)
    folder.mkdir(parents=True)
    rates = {"overall": {"before": 0.1, "after": 0.1}, "worst": {"before": 0.5, "after": worst}}
    (folder / "dev.json").write_text(json.dumps(rates))
"""
TRIALS = """
    base: {mitigation.methods: [ewc, l2]}
    runs:
    - {name: low, params: {ewc.strength: 1.0, l2.strength: 1.0}}
    - {name: middle, params: {ewc.strength: 2.0, l2.strength: 2.0}}
    - {name: high, params: {ewc.strength: 3.0, l2.strength: 3.0}}
"""
LOWER = "- {name: lower, params: {mitigation.methods: [l2], l2.strength: 0.5}}\n"


def test_a_grid_is_widened_for_one_method_alone(new_toy, monkeypatch):
    params = "asr: {seed: 1}\nmitigation: {methods: [ewc]}\newc: {strength: 1.0}\nl2: {strength: 1.0}\n"
    toy = new_toy(DVC, params=params, **{"stages/work.py": WORK, ".gitignore": "/results\n"})
    trials = toy.experiment("trials", TRIALS)
    claims = toy.experiment(
        "claims", "base: {mitigation.methods: [ewc, l2]}\nseeds: {asr.seed: [1]}\nplan: {trial_base_models: 1}\n"
    )
    toy.commit()
    monkeypatch.chdir(toy.root)
    assert len(toy.sweep(trials)) == 3
    command = ["experiments/trials.yaml", "--into", "experiments/claims.yaml"]
    before = claims.read_text()
    refused = CliRunner().invoke(choose, command)
    assert refused.exit_code == 2 and "l2.strength: the chosen value is the smallest or largest" in refused.output
    assert "ewc.strength: the" not in refused.output and claims.read_text() == before

    claims.write_text(before.replace("[ewc, l2]", "[ewc]"))  # for which all is settled
    done = CliRunner().invoke(choose, command)
    assert done.exit_code == 0, done.output
    base = read_yaml(claims)["base"]
    assert base["ewc.strength"] == 2.0 and "l2.strength" not in base and [*base["mitigation.chosen"]] == ["ewc"]

    claims.write_text(before)
    trials.write_text(trials.read_text() + LOWER)
    toy.commit()
    assert len(toy.sweep(trials)) == 4
    done = CliRunner().invoke(choose, command)
    assert done.exit_code == 0, done.output
    base = read_yaml(claims)["base"]
    assert (base["ewc.strength"], base["l2.strength"]) == (2.0, 1.0)
