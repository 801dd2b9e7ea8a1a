"""Sweeps in throw-away repositories, on plain threads instead of Prefect."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter

import pytest
from click.testing import CliRunner

from isogloss.cli import main
from isogloss.errors import PipelineError
from isogloss.pipeline.host.run_lock import run_lock
from isogloss.pipeline.repo.experiments import find
from isogloss.pipeline.repo.outputs import experiment_outputs, finished_runs, output_file
from isogloss.pipeline.sweeps.sweep_plan import SAVE, job_name

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own

SHARED = """
stages:
  base:
    cmd: python work.py base
    deps: [work.py]
    params: [asr.seed, prepare.stratify_by]
    outs: [base.txt]
  adapt:
    cmd: python work.py adapt
    deps: [work.py, base.txt]
    params: [ewc.strength]
    outs: [adapt]
    metrics:
      - metrics.json: {cache: false}
  report:
    cmd: python work.py report
    deps: [work.py, base.txt]
    outs: [report.txt]
    metrics:
      - other.json: {cache: false}
"""
PARAMS = "asr: {seed: 1}\newc: {strength: 100.0} # how strong\nprepare: {stratify_by: age_band}\n"
WORK = """
import json, os, pathlib, re, sys, time
stage = sys.argv[1]
params = pathlib.Path("params.yaml").read_text()
strength = float(re.search(r"strength: ([0-9.]+)", params)[1])
calls = pathlib.Path(os.environ["CALLS"])
with (calls / "calls").open("a") as file:
    file.write(stage + " " + (str(strength) if stage == "adapt" else "") + "\\n")
if stage == "adapt" and strength >= 2 and not (calls / "go").exists():
    print("waits", os.getpid(), flush=True)
    time.sleep(600)
if strength == 13 and not (calls / "lucky").exists():
    sys.exit("unlucky")
if stage == "adapt":
    pathlib.Path("adapt").mkdir()
    pathlib.Path("adapt/model.txt").write_text(pathlib.Path("base.txt").read_text() + str(strength))
    pathlib.Path("metrics.json").write_text(json.dumps({"wer": 1 / (1 + strength)}))
else:
    pathlib.Path(stage + ".txt").write_text(stage)
if stage == "report":
    pathlib.Path("other.json").write_text("{}")
"""
RUNNER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from isogloss.config import load_sweep
from isogloss.entry import entry
from isogloss.pipeline.host import slots
from isogloss.pipeline.sweeps.sweep import run_sweep
from isogloss.pipeline.sweeps.sweep_plan import plan_sweep

slots.usable_cores = lambda: (0, 1)

@entry
def main():
    plan = plan_sweep(Path.cwd(), load_sweep("experiments/strength.yaml"))
    with ThreadPoolExecutor() as pool:
        run_sweep(Path.cwd(), plan, submit=lambda _, job: pool.submit(job), environment={})

main()
"""


@pytest.fixture
def toy(new_toy, tmp_path, monkeypatch):
    """A committed repository whose stages leave a word about each of their runs."""
    monkeypatch.setenv("CALLS", str(tmp_path))
    monkeypatch.setattr("isogloss.pipeline.host.slots.usable_cores", lambda: (0, 1))
    (tmp_path / "go").touch()
    toy = new_toy(SHARED, params=PARAMS, **{"work.py": WORK})
    toy.calls = lambda: Counter((tmp_path / "calls").read_text().split("\n")[:-1])
    toy.write(".gitignore", "/base.txt\n/adapt\n/report.txt\n")
    toy.commit()
    return toy


def worktrees(toy):
    return toy.git("worktree", "list").splitlines()[1:]


def start(toy):
    """The sweep in a process of its own, until two of its stages wait; their numbers come with it."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER],
        cwd=toy.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    waiting = []
    while len(waiting) < 2:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        waiting += re.findall(r"waits (\d+)", line)
    return process, [int(pid) for pid in waiting]


def test_four_settings_share_their_base_and_an_interrupted_sweep_runs_nothing_twice(toy, gone, tmp_path):
    """One story: SIGINT, then SIGKILL, then to the end, then nothing to do, then DVC's own view."""
    path = toy.experiment("strength", "grid: {ewc.strength: [1, 2, 3, 4]}\ntargets: [adapt]\n")
    (tmp_path / "go").unlink()

    process, waiting = start(toy)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (
        130,
        "isogloss: interrupted\n",
    )
    assert all(gone(pid) for pid in waiting)

    process, waiting = start(toy)
    process.kill()
    process.communicate(timeout=60)
    assert all(gone(pid) for pid in waiting)

    (tmp_path / "go").touch()
    before = len(find(toy.root))
    assert len(toy.sweep(path)) == 4 - before
    assert toy.calls() == {
        "base ": 1,
        "adapt 1.0": 1,
        "adapt 4.0": 1,
        "adapt 2.0": 3,  # twice it was stopped
        "adapt 3.0": 3,
    }
    assert toy.plan_sweep(path).unfinished == ()
    assert worktrees(toy) == []
    assert toy.git("status", "--porcelain", "--untracked-files=no") == ""

    shown = json.loads(toy.dvc("exp", "show", "--json"))
    (head,) = [row for row in shown if row["rev"] != "workspace"]
    experiments = {row["name"]: row["revs"][0]["data"] for row in head["experiments"]}
    assert set(experiments) == {f"strength-{number}" for number in range(1, 5)}
    for number in range(1, 5):
        data = experiments[f"strength-{number}"]
        assert data["params"]["params.yaml"]["data"]["ewc"]["strength"] == number
        assert data["metrics"]["metrics.json"]["data"] == {"wer": 1 / (1 + number)}
        assert "# how strong" in find(toy.root, [f"strength-{number}"])[0].text("params.yaml")


@pytest.mark.usefixtures("warm")
def test_a_failing_run_leaves_the_others_and_is_tried_again(toy, capsys, tmp_path):
    path = toy.experiment("luck", "grid: {ewc.strength: [2, 13]}\ntargets: [adapt]\n")
    with pytest.raises(PipelineError, match=r"^1 of 2 runs failed: luck-13; .* `isogloss sweep .*luck\.yaml` tries"):
        toy.sweep(path)
    printed = capsys.readouterr().out
    assert "Run luck-2 is finished." in printed
    (told,) = [line for line in printed.splitlines() if line.startswith("Run luck-13 failed: stage adapt failed with")]
    log, folder = re.search(r"its output is in (\S+), and `cd (\S+) && dvc repro -s adapt`", told).groups()
    assert "unlucky" in toy.read(log)
    assert len(worktrees(toy)) == 1
    assert folder in worktrees(toy)[0]
    assert [experiment.name for experiment in find(toy.root)] == ["luck-2"]

    (tmp_path / "lucky").touch()
    assert toy.sweep(path) == ("luck-13",)
    assert toy.calls() == {"base ": 1, "adapt 2.0": 1, "adapt 13.0": 2}
    assert worktrees(toy) == []


@pytest.mark.usefixtures("warm")
def test_a_value_full_of_odd_characters_reaches_the_stage_and_no_shell(toy):
    value = "a b; touch hacked $(touch hacked) `touch hacked` ' \" \\ * ../.."
    toy.write(
        "experiments/odd.yaml", f"description: x\nbase: {{prepare.stratify_by: {json.dumps(value)}}}\ntargets: [base]\n"
    )
    assert toy.sweep(toy.root / "experiments" / "odd.yaml") == ("odd",)
    assert not list(toy.root.rglob("hacked"))
    (experiment,) = find(toy.root, ["odd"])
    assert experiment.params["prepare"]["stratify_by"] == value


@pytest.mark.usefixtures("warm")
def test_a_run_holds_only_what_its_targets_made_and_its_outputs_come_from_the_cache(toy):
    """HEAD has results of all stages, made with other params; a run that does not want them must not seem to."""
    toy.run()
    toy.commit()
    path = toy.experiment("some", "grid: {ewc.strength: [1, 2]}\ntargets: [adapt]\n")
    toy.sweep(path)
    assert toy.calls()["base "] == 1
    for experiment in find(toy.root):
        assert set(experiment.outputs) == {"base.txt", "adapt", "metrics.json"}
        assert "metrics.json" in experiment.files
        assert "other.json" not in experiment.files
    saved = finished_runs(toy.load(path), root=toy.root)
    files = experiment_outputs(path.relative_to(toy.root), "adapt/model.txt", root=toy.root)
    assert {run: file.read_text() for run, file in files.items()} == {"some-1": "base1.0", "some-2": "base2.0"}
    assert all(file.is_relative_to(toy.root / ".dvc" / "cache") for file in files.values())
    with pytest.raises(PipelineError, match=r"it has no output base\.tx; did you mean base\.txt\?"):
        output_file(saved["some-1"], "base.tx")
    with pytest.raises(PipelineError, match="adapt is a folder; name a file in it"):
        output_file(saved["some-1"], "adapt")
    toy.experiment("some", "grid: {ewc.strength: [1, 3]}\nruns: [{name: x, params: {asr.seed: 2}}]\ntargets: [adapt]\n")
    assert finished_runs(toy.load(path), root=toy.root) == {}


@pytest.mark.usefixtures("warm")
def test_a_damaged_result_of_a_finished_run_is_refused_and_not_read(toy):
    path = toy.experiment("damaged", "grid: {ewc.strength: [0]}\n")
    toy.sweep(path)
    (run,) = finished_runs(toy.load(path), root=toy.root).values()
    file = output_file(run, "adapt/model.txt")
    file.chmod(0o644)
    file.write_text("x")
    file.chmod(0o444)
    with pytest.raises(
        PipelineError, match=r"adapt/model.txt is damaged in DVC's cache \(../\w+\); remove .*dvc fetch"
    ):
        output_file(run, "adapt/model.txt")


def test_the_plan_knows_what_runs_share_and_what_is_finished(toy):
    path = toy.experiment("plan", "grid: {ewc.strength: [1, 2, 3]}\nseeds: {asr.seed: [1, 2]}\n")
    plan = toy.plan_sweep(path)
    first, second, *_ = (run.run for run in plan.runs)
    assert {job for job in plan.leading if job.endswith("/base")} == {job_name(first, "base"), job_name(second, "base")}
    assert len(plan.leading) == 2 * (1 + 3 + 1)
    jobs = {job.name: job for job in plan.jobs.stages}
    assert {name for name, job in jobs.items() if not job.cores} == {job_name(run.run, SAVE) for run in plan.runs}
    assert job_name(first, "base") in jobs["plan-2-1/base"].needs
    assert job_name(first, "base") not in jobs["plan-2-2/base"].needs
    assert [run.finished for run in plan.runs] == [False] * 6


def test_uncommitted_changes_are_refused_but_not_those_that_a_run_makes(toy):
    path = toy.experiment("dirty", "grid: {ewc.strength: [1]}\n")
    toy.write("dvc.lock", "schema: '2.0'\nstages: {}\n")
    toy.commit()
    toy.write("dvc.lock", "schema: '2.0'\nstages: {}\n\n")
    toy.write("metrics.json", "{}")
    assert len(toy.plan_sweep(path).unfinished) == 1
    toy.replace("params.yaml", "100.0", "30.0")
    with pytest.raises(PipelineError, match=r"params\.yaml has uncommitted changes; experiments start from a commit"):
        toy.plan_sweep(path)


def test_a_repository_without_a_commit_and_a_wrong_target_are_one_sentence(new_toy, toy):
    empty = new_toy(name="empty")
    with pytest.raises(PipelineError, match="has no commit HEAD"):
        empty.plan_sweep(empty.experiment("x", "grid: {ewc.strength: [1]}\n"))
    path = toy.experiment("x", "targets: [adapd]\n")
    with pytest.raises(PipelineError, match=r"x\.yaml: run x: dvc\.yaml has no stage 'adapd'; did you mean 'adapt'"):
        toy.plan_sweep(path)


def test_a_sweep_and_a_run_in_one_clone_wait_for_each_other(toy):
    code = "import sys; from pathlib import Path; from isogloss.pipeline.host.run_lock import run_lock\n"
    code += "with run_lock(Path('.')): print('held', flush=True); sys.stdin.read()"
    path = toy.experiment("x", "grid: {ewc.strength: [1]}\n")
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=toy.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(PipelineError, match="another run is at work"):
            toy.sweep(path)
        other.communicate("")
    with run_lock(toy.root):
        pass


def test_a_table_of_runs_that_differ_in_many_params_has_one_line_a_run(toy, monkeypatch):
    options = {"asr.seed": 1, "ewc.strength": 1.0, "l2.strength": 1.0, "arw.learning_rate_factor": 1.0}
    more = {f"{name}.learning_rate_factor": 1.0 for name in ("finetune", "oversample", "group_dro")}
    runs = [{"name": f"run{n}", "params": {key: n * value for key, value in (options | more).items()}} for n in (1, 2)]
    toy.experiment("many", f"runs: {json.dumps(runs)}\ntargets: [adapt]\n")
    monkeypatch.chdir(toy.root)
    shown = CliRunner().invoke(main, ["sweep", "experiments/many.yaml", "--dry-run"])
    assert [line.split() for line in shown.output.splitlines()] == [
        ["run", "state", "stages", "of", "its", "own"],
        ["many-run1", "to", "do", "2", "2"],
        ["many-run2", "to", "do", "2", "2"],
        ["7", "params", "differ", "between", "runs;", "experiments/many.yaml", "has", "their", "values."],
    ]
