"""Whole runs in throw-away repositories, on plain threads instead of Prefect."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest
from ruamel.yaml import YAML

from isogloss.errors import PipelineError
from isogloss.pipeline.host.run_lock import run_lock
from isogloss.pipeline.reproduce import plan_run

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own


def states(outcomes):
    return {outcome.stage: outcome.state for outcome in outcomes}


@pytest.mark.usefixtures("warm")
def test_a_run_gives_the_dvc_lock_of_a_plain_dvc_repro(new_toy, reproduced_diamond, capsys):
    toy = new_toy()
    assert states(toy.run()) == dict.fromkeys(["corpus", "mitigate@finetune", "mitigate@ewc", "report"], "executed")
    ours, dvcs = (YAML(typ="safe").load(root / "dvc.lock") for root in (toy.root, reproduced_diamond))
    assert ours == dvcs
    assert toy.stale() == {}
    printed = capsys.readouterr().out
    assert re.search(r"^mitigate@ewc +│ started: never run$", printed, re.MULTILINE)
    assert re.search(r"^mitigate@ewc +│ executed in [\d.]+ s$", printed, re.MULTILINE)
    assert "git add" not in printed


@pytest.mark.usefixtures("warm")
def test_a_changed_param_runs_its_stage_and_what_follows(diamond):
    diamond.replace("params.yaml", "100.0", "30.0")
    assert states(diamond.run()) == {"mitigate@ewc": "executed", "report": "executed"}
    assert "30.0" in diamond.read("report.txt")
    diamond.replace("params.yaml", "30.0", "100.0")
    assert states(diamond.run()) == {"mitigate@ewc": "cached", "report": "cached"}
    assert "100.0" in diamond.read("report.txt")


@pytest.mark.usefixtures("warm")
def test_force_runs_what_is_up_to_date_and_looks_again_at_what_follows_it_in_the_plan(diamond):
    lock = diamond.read("dvc.lock")
    alone = plan_run(diamond.root, ["mitigate@ewc"], force=True)
    assert {stage.name: stage.why for stage in alone.stale} == {"mitigate@ewc": "forced"}
    assert [(o.stage, o.state) for o in diamond.run(alone)] == [("mitigate@ewc", "executed")]
    followed = plan_run(diamond.root, ["corpus", "report"], force=True)
    whys = {stage.name: stage.why for stage in followed.stale}
    assert whys["corpus"] == "forced" and whys["report"] == "forced; after mitigate@finetune, mitigate@ewc"
    states = {outcome.stage: outcome.state for outcome in diamond.run(followed)}
    assert states == {"corpus": "executed", **dict.fromkeys(["mitigate@finetune", "mitigate@ewc"], "unchanged")} | {
        "report": "executed"
    }
    assert all(stage.forced for stage in plan_run(diamond.root, force=True).stages)
    assert diamond.read("dvc.lock") == lock


@pytest.mark.usefixtures("warm")
def test_an_unchanged_output_stops_the_wave_and_provenance_tells_it(diamond):
    diamond.replace("params.yaml", "seed: 1", "seed: 2")  # corpus reads it, but its output does not depend on it
    outcomes = diamond.run()
    assert states(outcomes) == {
        "corpus": "executed",
        "mitigate@finetune": "unchanged",
        "mitigate@ewc": "unchanged",
        "report": "unchanged",
    }
    text = diamond.read("reports/provenance.json")
    record = json.loads(text)
    assert record["ended"] == "succeeded"
    assert {name: stage["state"] for name, stage in record["stages"].items()} == states(outcomes)
    assert record["revision"] is None
    assert record["packages"]["dvc"].startswith("3.")
    for private in (os.uname().nodename, os.environ.get("USER") or "isogloss-test-user", str(diamond.root)):
        assert private not in text


UNREAD = """
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from isogloss.entry import entry
from isogloss.pipeline.reproduce import plan_run, reproduce

@entry
def main():
    with ThreadPoolExecutor() as pool:
        reproduce(Path.cwd(), plan_run(Path.cwd()), submit=lambda _, job: pool.submit(job))

main()
"""


def test_a_run_whose_output_nobody_reads_any_more_stops_as_after_an_interrupt(new_toy):
    """As in `isogloss run | head -2`. The stage that runs is not said to have failed."""
    toy = new_toy("stages: {one: {cmd: 'echo one; sleep 60', outs: [one.txt]}}")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", UNREAD], cwd=toy.root, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=50
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "isogloss: interrupted\n")
    record = json.loads(toy.read("reports/provenance.json"))
    assert (record["ended"], record["stages"]["one"]["state"]) == ("interrupted", "interrupted")


FAILING = """
stages:
  broken:
    cmd: echo about to break; python -c "import os; os.kill(os.getpid(), 9)"
    deps: [words.txt]
    outs: [broken.txt]
  sibling:
    cmd: cp words.txt sibling.txt
    deps: [words.txt]
    outs: [sibling.txt]
  after:
    cmd: cat broken.txt sibling.txt > after.txt
    deps: [broken.txt, sibling.txt]
    outs: [after.txt]
"""


@pytest.mark.usefixtures("warm")
def test_a_failing_stage_leaves_its_sibling_and_ends_in_one_sentence(new_toy, capsys):
    toy = new_toy(FAILING)
    with pytest.raises(PipelineError) as caught:
        toy.run()
    message = str(caught.value)
    assert message.startswith("stage broken was ended by SIGKILL")
    assert message.endswith("(not run because of it: after)")
    assert "\n" not in message
    log = re.search(r"its output is in (\S+),", message)[1]
    assert "about to break" in toy.read(log)
    assert "broken  │ about to break" in capsys.readouterr().out
    assert toy.stale() == {"broken": "never run", "after": "never run"}
    record = json.loads(toy.read("reports/provenance.json"))
    assert record["ended"] == "failed"
    assert {n: s["state"] for n, s in record["stages"].items()} == {
        "broken": "failed",
        "sibling": "executed",
        "after": "skipped",
    }


MEETING = """
stages:
  meet:
    foreach: [a, b]
    do:
      cmd: python meet.py ${item} a b
      deps: [meet.py]
      outs: ["${item}.out"]
"""
MEET = """
import pathlib, sys, time
me, *everybody = sys.argv[1:]
here = [pathlib.Path("here." + name) for name in everybody]
pathlib.Path("here." + me).touch()
deadline = time.monotonic() + 60
while not all(path.exists() for path in here):
    if time.monotonic() > deadline:
        sys.exit("nobody came")
    time.sleep(0.02)
pathlib.Path(me + ".out").write_text(me)
"""


def test_siblings_overlap_even_though_they_share_a_dependency(new_toy, monkeypatch):
    """Each waits for the file that the other one writes when it starts."""
    monkeypatch.setattr("isogloss.pipeline.host.slots.usable_cores", lambda: (0, 1))
    toy = new_toy(MEETING, **{"meet.py": MEET})
    assert states(toy.run()) == {"meet@a": "executed", "meet@b": "executed"}


@pytest.mark.usefixtures("warm")
def test_git_and_the_machine_are_recorded_and_the_lock_is_no_change(diamond):
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    diamond.write(".gitignore", "/*.txt\n/reports\n/.dvc/tmp\n/.dvc/cache\n")
    subprocess.run([*git, "add", "."], cwd=diamond.root, check=True)
    subprocess.run([*git, "commit", "-qm", "toy"], cwd=diamond.root, check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], cwd=diamond.root, capture_output=True, text=True).stdout
    lock = diamond.read("dvc.lock")
    diamond.write("dvc.lock", lock + "\n")
    diamond.run(diamond.plan())
    record = json.loads(diamond.read("reports/provenance.json"))
    assert (record["revision"], record["dirty"]) == (head.strip(), False)
    diamond.write("dvc.yaml", diamond.read("dvc.yaml") + "\n")
    diamond.run(diamond.plan())
    assert json.loads(diamond.read("reports/provenance.json"))["dirty"] is True


RUNNER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from isogloss.entry import entry
from isogloss.pipeline.reproduce import plan_run, reproduce

@entry
def main():
    with ThreadPoolExecutor() as pool:
        reproduce(Path.cwd(), plan_run(Path.cwd()), submit=lambda _, job: pool.submit(job))

main()
"""
LONG = """
stages:
  first: {cmd: cp words.txt first.txt, deps: [words.txt], outs: [first.txt]}
  long: {cmd: python long.py, deps: [long.py, first.txt], outs: [long.txt]}
"""
LONG_CODE = """
import os, pathlib, subprocess, time
child = subprocess.Popen(["sleep", "600"])
print("processes", os.getpid(), child.pid, flush=True)
if not pathlib.Path("be quick").exists():
    time.sleep(600)
child.kill()
pathlib.Path("long.txt").write_text("done")
"""


def test_an_interrupt_leaves_no_process_and_the_next_run_continues(new_toy, gone):
    toy = new_toy(LONG, **{"long.py": LONG_CODE, "runner.py": textwrap.dedent(RUNNER)})
    command = [sys.executable, "runner.py"]
    with subprocess.Popen(
        command, cwd=toy.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        line = next(line for line in process.stdout if "processes" in line)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "isogloss: interrupted\n"
    assert "Traceback" not in rest
    for pid in re.findall(r"\d+", line):
        assert gone(int(pid))
    assert toy.stale() == {"long": "never run"}
    assert json.loads(toy.read("reports/provenance.json"))["ended"] == "interrupted"
    toy.write("be quick", "")
    assert states(toy.run()) == {"long": "executed"}


def test_two_runs_in_one_clone_are_refused(diamond):
    code = "import sys; from pathlib import Path; from isogloss.pipeline.host.run_lock import run_lock\n"
    code += "with run_lock(Path('.')): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=diamond.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(PipelineError, match=f"another run is at work in .* \\(process {other.pid}\\)"):
            diamond.run()
        other.communicate("")
    with run_lock(diamond.root), run_lock(diamond.root):
        pass


def test_a_run_waits_for_the_ending_stages_of_a_run_that_was_killed(diamond, tmp_path):
    """The dead run's stage has inherited the lock."""
    code = "import os, subprocess; from pathlib import Path; from isogloss.pipeline.host.run_lock import run_lock\n"
    code += "with run_lock(Path('.')) as lock: subprocess.Popen(['sleep', '1'], pass_fds=[lock]); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], cwd=diamond.root, check=True)
    with run_lock(diamond.root):
        pass
    subprocess.run([sys.executable, "-c", code.replace("'1'", "'5'")], cwd=diamond.root, check=True)
    with pytest.raises(PipelineError, match="another run is at work"), run_lock(diamond.root, patience_seconds=0.1):
        pass
