"""What becomes of runs in Prefect: skipped stages, a run that is cancelled there, a server that is killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

CHAIN = """
stages:
  broken: {cmd: "echo 'isogloss: no such accent' && exit 2", deps: [words.txt], outs: [broken.txt]}
  second: {cmd: cp broken.txt second.txt, deps: [broken.txt], outs: [second.txt]}
  third: {cmd: cp second.txt third.txt, deps: [second.txt], outs: [third.txt]}
  fourth: {cmd: cat third.txt long.txt > fourth.txt, deps: [third.txt, long.txt], outs: [fourth.txt]}
  long: {cmd: python long.py, deps: [long.py], params: [corpus], outs: [long.txt]}
"""
LONG = """
import pathlib, time
print("long is at work", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.1)
pathlib.Path("long.txt").write_text("done")
"""
PARAMS = "corpus: {source: atlas, seed: 1}\n"
SERVER = """
from pathlib import Path
from isogloss.pipeline.prefect_api.server import free_port, prefect_server, quiet_environment
quiet_environment()
with prefect_server(Path("."), port=free_port(), interface=False) as server:
    server.wait_until_up()
    print(server.url, flush=True)
    input()
"""


@pytest.fixture
def chain(new_toy, with_database, tmp_path):
    (tmp_path / "home").mkdir()
    return with_database(new_toy(CHAIN, params=PARAMS, **{"long.py": LONG}))


@pytest.fixture(scope="module")
def server(put_database, tmp_path_factory):
    """A server that several runs report to: its address, and the path of its database."""
    folder = tmp_path_factory.mktemp("servers")
    (folder / "home").mkdir()
    put_database(folder / "server")
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=folder / "server",
        env=environment(folder / "server"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process.stdout.readline().strip(), folder / "server/.dvc/tmp/isogloss/prefect/prefect.db"
        process.communicate("\n")


def environment(root, **more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "DVC_"))}
    return {**kept, "HOME": str(root.parent / "home"), "no_proxy": "example.org", "NO_PROXY": "", **more}


def start(root, **more):
    """`isogloss run`, with its lines."""
    return subprocess.Popen(
        [sys.executable, "-c", "import sys; from isogloss.cli import main; sys.argv = ['isogloss', 'run']; main()"],
        cwd=root,
        env=environment(root, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def server_of(run):
    """The process of a run's private server: a child of a child (the leash) of it."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            above = parent(Path(f"/proc/{parent(folder)}"))
        except (OSError, ValueError):
            continue
        if b"isogloss.pipeline.prefect_api.serve" in command and above == run.pid:
            return int(folder.name)
    raise AssertionError("no server")


def parent(folder):
    """The parent of a process."""
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def test_what_depends_on_a_failed_stage_is_skipped_in_the_terminal_the_record_and_prefect(chain, server):
    url, database = server
    chain.write("go", "")
    with start(chain.root, PREFECT_API_URL=url, no_proxy="127.0.0.1") as run:
        printed, errors = run.communicate(timeout=300)
    assert run.returncode == 2
    (last,) = errors.splitlines()
    assert last.startswith("isogloss: stage broken failed with exit code 2: no such accent; its output is in ")
    assert last.endswith("(not run because of it: second, third, fourth)")
    assert "stage third was skipped, because it needs second" in printed
    assert "could not be run" not in printed
    assert chain.read("long.txt") == "done"
    states = {"broken": "failed", "long": "executed", **dict.fromkeys(["second", "third", "fourth"], "skipped")}
    record = json.loads(chain.read("reports/provenance.json"))["stages"]
    assert {name: stage["state"] for name, stage in record.items()} == states
    last = "(select id from flow_run order by created desc limit 1)"
    deadline = time.monotonic() + 60  # the server writes what it is told of tasks some seconds later
    while True:
        with sqlite3.connect(database) as opened:
            tasks = dict(opened.execute(f"select name, state_name from task_run where flow_run_id = {last}").fetchall())
        if tasks == {name: state.capitalize() for name, state in states.items()}:
            return
        assert time.monotonic() < deadline, tasks
        time.sleep(0.2)


def test_a_run_whose_server_is_killed_starts_it_again_and_goes_on(chain):
    """What the server was told in the seconds before it was killed may be missing in Prefect; the record has it all."""
    with start(chain.root) as run:
        lines = []
        for line in run.stdout:
            lines.append(line)
            if "long is at work" in line:
                os.kill(server_of(run), signal.SIGKILL)
                time.sleep(2)
                chain.write("go", "")
        errors = run.stderr.read()
        assert run.wait(timeout=300) == 2
    (last,) = errors.splitlines()
    assert "\nPrefect's server ended; starting it again, the stages go on.\n" in "".join(lines)
    assert last.startswith("isogloss: stage broken failed with exit code 2: no such accent; its output is in ")
    assert json.loads(chain.read("reports/provenance.json"))["stages"]["long"]["state"] == "executed"
    assert json.loads(chain.read("reports/provenance.json"))["stages"]["fourth"]["state"] == "skipped"


def test_a_run_whose_server_does_not_come_up_again_ends_at_once_in_one_sentence(chain):
    with start(chain.root) as run:
        for line in run.stdout:
            if "long is at work" in line:
                database = chain.root / ".dvc/tmp/isogloss/prefect/prefect.db"
                os.kill(server_of(run), signal.SIGKILL)
                for path in database.parent.glob("prefect.db*"):
                    path.unlink()
                database.mkdir()
                begun = time.monotonic()
        seconds = time.monotonic() - begun
        errors = run.stderr.read()
        assert run.wait(timeout=300) == 2
    assert errors.startswith("isogloss: Prefect's server ended and did not start again")
    assert errors.count("\n") == 1
    assert seconds < 300, seconds  # half of the patience with a server that starts; most of it is one start


def test_a_run_that_is_cancelled_in_prefect_ends_as_after_an_interrupt(chain, server):
    url, _ = server

    def ask(path, content):
        request = urllib.request.Request(url + path, json.dumps(content).encode(), {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=120) as answer:
            return json.load(answer)

    with start(chain.root, PREFECT_API_URL=url, no_proxy="127.0.0.1") as run:
        next(line for line in run.stdout if "long is at work" in line)
        (flow,) = ask("/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}})
        assert (flow["name"], flow["tags"]) == ("atlas: broken (never run)", ["atlas"])
        assert flow["parameters"] == {"targets": [], "pools": False}
        ask(f"/flow_runs/{flow['id']}/set_state", {"state": {"type": "CANCELLING"}, "force": True})
        output, errors = run.communicate(timeout=120)
    (flow,) = ask("/flow_runs/filter", {"flow_runs": {"id": {"any_": [flow["id"]]}}})
    assert run.returncode == 130, errors
    assert errors == "isogloss: interrupted; finished stages are kept, the next run continues\n"
    assert "Traceback" not in output
    assert flow["state_name"] == "Cancelled"
    assert json.loads(chain.read("reports/provenance.json"))["ended"] == "interrupted"
