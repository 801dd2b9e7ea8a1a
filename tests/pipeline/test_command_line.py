"""The command line as its users call it: in processes of its own.

In this process stands what another call of the same command has shown to be light, and to end as a process should.
"""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from isogloss import __version__
from isogloss.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own

HEAVY = ("dvc", "prefect", "torch", "lhotse", "pandas", "pydantic", "sklearn")


@pytest.fixture
def clone(new_toy):
    """The root of the diamond, with the flows."""
    return new_toy(name="clone").root


@pytest.fixture
def clone_with_database(new_toy, with_database):
    """The same, in which a Prefect server starts in half the time."""
    return with_database(new_toy(name="clone")).root


def isogloss(root, *arguments, loaded=()):
    """Run a command; after its own output stand those of the modules `loaded` that it has imported."""
    code = "import sys, atexit; from isogloss.cli import main\n"
    code += f"atexit.register(lambda: print('loaded:', *(m for m in {loaded!r} if m in sys.modules)))\n"
    code += f"sys.argv = ['isogloss', *{arguments!r}]; main()"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DVC_"))}
    environment |= {"HOME": str(root.parent / "home")}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, timeout=300
    )


def here(root, *arguments):
    """Run a command in this process."""
    with contextlib.chdir(root):
        return CliRunner().invoke(main, arguments)


def test_help_and_version_answer_without_importing_anything_heavy(tmp_path):
    shown = isogloss(tmp_path, "--help", loaded=HEAVY)
    assert shown.returncode == 0
    assert "run " in shown.stdout
    assert "status " in shown.stdout
    assert shown.stdout.endswith("loaded:\n")
    assert isogloss(tmp_path, "--version").stdout.startswith(f"isogloss, version {__version__}")


@pytest.mark.parametrize("command", ["run", "status"])
def test_a_wrong_param_is_one_sentence_before_dvc_is_even_imported(clone, command):
    (clone / "params.yaml").write_text("ewc: {strenght: 3.0}\n")
    result = isogloss(clone, command, loaded=("dvc", "prefect"))
    assert result.returncode == 2
    assert "unknown key 'ewc.strenght'; did you mean 'strength'?" in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == "loaded:\n"


def test_an_unknown_stage_or_command_exits_2(clone):
    unknown = isogloss(clone, "run", "mitigate@ewk")
    assert unknown.returncode == 2
    assert "did you mean 'mitigate@ewc'" in unknown.stderr
    assert here(clone, "runn").exit_code == 2


def test_what_looks_like_markup_is_shown_as_it_is(new_toy):
    toy = new_toy()
    toy.replace("dvc.yaml", "[words.txt]", "[words.txt, 'a[red].txt']")
    toy.write("a[red].txt", "")
    toy.dvc("repro", "--quiet", "corpus")
    toy.write("a[red].txt", "other")
    assert "a[red].txt changed" in here(toy.root, "status").stdout


def test_away_from_the_root_it_says_so(clone):
    result = isogloss(clone / "flows", "run")
    assert result.returncode == 2
    assert "run from the repository's root" in result.stderr


@pytest.mark.usefixtures("warm")
def test_run_then_status_then_nothing_to_do_then_a_failure(clone_with_database):
    """One story, because each start of Prefect's server takes seconds."""
    clone = clone_with_database
    first = isogloss(clone, "run", loaded=("pandas",))
    assert first.returncode == 0, first.stderr
    assert first.stdout.endswith("loaded:\n")  # pandas, which is slow to import and of no use here
    assert first.stderr == ""
    assert "4 executed" in first.stdout
    assert "mitigate@ewc      │ executed in" in first.stdout
    assert (clone / "report.txt").read_text().count("turn on the light\n") == 2
    assert [path.name for path in clone.parent.iterdir()] == ["clone"]  # nothing in HOME
    assert (clone / ".dvc/tmp/isogloss/site").is_dir()

    second = isogloss(clone, "run", loaded=("dvc", "prefect"))
    assert second.stdout == "Nothing to do: all 4 stages are up to date.\nloaded: dvc\n"
    assert second.returncode == 0
    assert not left_over(clone)  # such as the server, which starts while the plan is made

    (clone / "params.yaml").write_text("corpus: {seed: 1}\nfinetune: {}\newc: {strength: 30.0}\n")
    dvc_yaml = clone / "dvc.yaml"
    dvc_yaml.write_text(dvc_yaml.read_text().replace("cmd: (cat corpus.txt;", "cmd: test ${item} = finetune && (true;"))
    shown = isogloss(clone, "status", loaded=("prefect",))
    assert "ewc.strength: 100.0 → 30.0" in " ".join(shown.stdout.split())
    assert shown.stdout.endswith("loaded:\n")

    forced = here(clone, "run", "--force", "--dry-run", "mitigate@finetune")
    assert [line.split() for line in forced.stdout.splitlines()[1:]] == [
        ["mitigate@finetune", "stale", "command", "changed;", "forced"]
    ]
    refused = here(clone, "run", "--force", "--pools")
    assert refused.exit_code == 2 and "drop --pools" in refused.stderr

    told = json.loads(here(clone, "status", "report", "--json").stdout)
    by_name = {line["stage"]: line for line in told["stages"]}
    assert by_name["mitigate@ewc"] == {"stage": "mitigate@ewc", "stale": True, "why": by_name["mitigate@ewc"]["why"]}
    assert "ewc.strength: 100.0 → 30.0" in by_name["mitigate@ewc"]["why"]
    assert not by_name["corpus"]["stale"]

    told = json.loads(here(clone, "status", "--times", "--json").stdout)
    record = json.loads((clone / "reports/provenance.json").read_text())["stages"]
    seconds = {name: one["last_execution"]["seconds"] for name, one in record.items()}
    slower = max(["mitigate@finetune", "mitigate@ewc"], key=seconds.__getitem__)
    assert told["seconds"] == seconds
    assert told["critical_path"] == ["corpus", slower, "report"]
    shown = here(clone, "status", "--times").stdout
    assert {line.split()[0] for line in shown.splitlines()[1:-1]} == {*seconds}
    assert shown.splitlines()[-1].endswith("on the critical path, whose stages run one after the other.")

    before = (clone / "dvc.lock").read_bytes()
    planned = here(clone, "run", "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert "mitigate@ewc" in planned.stdout
    assert "corpus" not in planned.stdout
    assert (clone / "dvc.lock").read_bytes() == before

    failed = isogloss(clone, "run")
    assert failed.returncode == 2
    assert failed.stderr.startswith("isogloss: stage mitigate@ewc failed with exit code 1; its output is in ")
    assert failed.stderr.endswith("(not run because of it: report)\n")
    assert failed.stderr.count("\n") == 1
    assert "prefect" not in failed.stdout.lower()
    with sqlite3.connect(clone / ".dvc/tmp/isogloss/prefect/prefect.db") as database:
        flows = database.execute("select state_name, name, tags from flow_run order by created").fetchall()
        tasks = database.execute(
            "select name from task_run where flow_run_id = (select id from flow_run order by created desc limit 1)"
        ).fetchall()
    assert [state for state, *_ in flows] == ["Completed", "Failed"]
    assert [name for _, name, _ in flows] == ["corpus (never run)", "ewc.strength=30.0"]
    assert [json.loads(tags) for *_, tags in flows] == [[], ["ewc.strength=30.0"]]
    assert {name for (name,) in tasks} == {"mitigate@finetune", "mitigate@ewc", "report"}
    assert not left_over(clone)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["run", "mit"], ["mitigate", "mitigate@finetune", "mitigate@ewc"]),
        (["run", "--force", "mitigate@finetune", "mitigate@"], ["mitigate@ewc"]),
        (["status", "rep"], ["report"]),
    ],
)
def test_the_shell_completes_the_names_of_stages(clone, monkeypatch, words, found):
    monkeypatch.chdir(clone)
    *given, last = words
    completions = ShellComplete(main, {}, "isogloss", "_ISOGLOSS_COMPLETE").get_completions(given, last)
    assert [item.value for item in completions] == found


def test_bash_is_told_the_names_and_nothing_without_a_repository(clone, tmp_path):
    assert completed(clone, "run mit") == ["mitigate", "mitigate@finetune", "mitigate@ewc"]
    assert completed(tmp_path, "run mit") == []


def completed(root, words):
    """What bash is told when the last word is to be completed."""
    told = {
        "_ISOGLOSS_COMPLETE": "bash_complete",
        "COMP_WORDS": f"isogloss {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    code = "import sys; from isogloss.cli import main; sys.argv = ['isogloss']; main()"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={**os.environ, **told}, capture_output=True, text=True
    )
    assert shown.stderr == ""
    return [line.removeprefix("plain,") for line in shown.stdout.split()]


@pytest.mark.usefixtures("warm")
def test_a_sweep_is_a_flow_whose_results_compare_lists(clone_with_database):
    """One story again: dry run, sweep, nothing to do, comparisons, a name that is none."""
    clone = clone_with_database
    for command in (["add", "--all"], ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "toy"]):
        subprocess.run(["git", *command], cwd=clone, check=True)
    study = clone / "experiments" / "study.yaml"
    study.parent.mkdir()
    study.write_text("description: How strong?\ngrid: {ewc.strength: [1.0, 2.0]}\ntargets: [mitigate@ewc]\n")

    dry = isogloss(clone, "sweep", "experiments/study.yaml", "--dry-run", loaded=("prefect",))
    assert [line.split() for line in dry.stdout.splitlines()[1:3]] == [
        ["study-1", "1.0", "to", "do", "2", "2"],
        ["study-2", "2.0", "to", "do", "2", "1"],
    ]
    assert dry.stdout.endswith("loaded:\n")
    assert "none of its 2 runs is finished" in here(clone, "compare", "experiments/study.yaml").stderr

    swept = isogloss(clone, "sweep", "experiments/study.yaml", "--jobs", "2")
    assert swept.returncode == 0, swept.stderr
    assert "2 of 2 runs to do, 3 different stages." in swept.stdout
    assert swept.stdout.count("corpus       │ executed in") == 1
    assert "of 2 runs 2 finished." in swept.stdout
    with sqlite3.connect(clone / ".dvc/tmp/isogloss/prefect/prefect.db") as database:
        tasks = {name for (name,) in database.execute("select name from task_run")}
        ((*names, parameters),) = database.execute(
            "select flow.name, flow_run.name, parameters from flow join flow_run"
        )
    assert names == ["sweep", "study (ewc.strength)"]
    # No plan, which may be larger than Prefect allows.
    assert {*json.loads(parameters)} == {"experiment", "most_at_once", "environment"}
    assert {"study-1/corpus", "study-2/mitigate@ewc", "study-2/(save)"} <= tasks
    assert not left_over(clone)

    again = isogloss(clone, "sweep", "experiments/study.yaml", loaded=("prefect",))
    assert again.stdout == "Nothing to do: all 2 runs are finished.\nloaded:\n"
    shown = isogloss(clone, "compare", "experiments/study.yaml", loaded=("torch", "prefect"))
    assert [line.split() for line in shown.stdout.splitlines()[1:3]] == [["study-1", "1"], ["study-2", "2"]]
    assert shown.stdout.endswith("loaded:\n")
    everything = here(clone, "compare").stdout
    assert [line.split()[-1] for line in everything.splitlines()[1:5]] == ["100", "100", "1", "2"]
    assert [" ".join(line.split()[:-1]) for line in everything.splitlines()[1:5]] == [
        "workspace (stale)",  # nothing has run there
        "last commit",
        "study-1",
        "study-2",
    ]
    assert "workspace is stale: corpus would run (never run)." in everything
    written = here(clone, "compare", "experiments/study.yaml", "--html", "page.html")
    assert written.stdout.startswith("page.html compares 2 runs.\n")
    assert "study-2" in (clone / "page.html").read_text()
    wrong = here(clone, "compare", "study-3")
    assert wrong.exit_code == 2
    assert "there is no experiment 'study-3'; did you mean 'study-" in wrong.stderr


def left_over(clone):
    """Processes that still work in the clone."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.joinpath("cwd").resolve() == clone.resolve():
                found.append(folder.joinpath("cmdline").read_text())
        except OSError:
            continue
    return found
