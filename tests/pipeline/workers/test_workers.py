"""Stages in other clones, results through a DVC remote: workers without Prefect, which only carries the request."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from isogloss.errors import PipelineError
from isogloss.pipeline.host import execute
from isogloss.pipeline.host.execute import Leashed
from isogloss.pipeline.repo.lock_entries import read_entries, write_entries
from isogloss.pipeline.workers.stage_run import StageRequest, StageRun
from isogloss.pipeline.workers.view import workers_view

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own


@pytest.fixture
def site(new_toy, tmp_path):
    """The diamond with a remote, committed; and a worker's clone of it."""
    toy = new_toy(name="coordinator")
    (tmp_path / "remote").mkdir()
    toy.write(".dvc/config", f"[core]\n    remote = shared\n['remote \"shared\"']\n    url = {tmp_path / 'remote'}\n")
    toy.write(".gitignore", "/corpus.txt\n/finetune.txt\n/ewc.txt\n/report.txt\n/reports\n")
    toy.commit()
    toy.git("clone", "--quiet", str(toy.root), str(tmp_path / "worker"))
    toy.worker = tmp_path / "worker"
    return toy


def exchange(toy, *arguments):
    command = [sys.executable, "-m", "isogloss.pipeline.repo.exchange", *arguments]
    return subprocess.run(command, cwd=toy.root, capture_output=True, text=True)


def on_worker(toy, name, needs=()):
    """What `isogloss run --pools` does with a stage, without the server between."""
    prepared = exchange(toy, "prepare", name, *needs)
    assert prepared.returncode == 0, prepared.stderr
    if state := prepared.stdout.split("\n")[-2]:
        return state
    view = workers_view(toy.root, toy.plan())
    request = StageRequest(name, view.revision, view.params, read_entries(toy.root, needs))
    outcome = StageRun(toy.worker, request).do(lambda line: None)
    assert outcome.succeeded, outcome.message
    assert exchange(toy, "take", name).stdout.splitlines()[-1] == "cached"
    return outcome.state


@pytest.fixture
def started(monkeypatch):
    """Each process of a stage that is started, and the files that it inherits."""
    started = []

    class Watched(Leashed):
        def __init__(self, command, *, inherited=(), **given):
            places = [Path(f"/proc/self/fd/{descriptor}").readlink() for descriptor in inherited]
            started.append((command, [place.name for place in places]))
            super().__init__(command, inherited=inherited, **given)

    monkeypatch.setattr(execute, "Leashed", Watched)
    return started


@pytest.mark.usefixtures("warm")
def test_two_clones_and_a_remote_give_the_lock_of_a_plain_repro(site, reproduced_diamond, started):
    """One story: all stages in the worker's clone, then nothing again, then with other params, uncommitted.

    Every process of a stage inherits open locks alone: the number of a closed file is soon another file's, a pipe that
    must not stay open, or none at all.
    """
    assert on_worker(site, "corpus") == "executed"
    assert on_worker(site, "mitigate@ewc", ["corpus"]) == "executed"
    commands = [next((word for word in ("bring", "give") if word in command), "repro") for command, _ in started]
    assert [one for one in commands if one != "repro"] == ["give", "bring", "give"]
    for name, (_, files) in zip(commands, started, strict=True):
        assert files[0] == "0.lock"
        assert all(file.startswith("core-") for file in files[1:]) and len(files) == 1 + (name == "repro")

    assert on_worker(site, "mitigate@finetune", ["corpus"]) == "executed"
    shutil.rmtree(site.worker / ".dvc" / "tmp")  # a worker that has lost everything but the remote
    shutil.rmtree(site.worker / ".dvc" / "cache")
    site.git("-C", str(site.worker), "worktree", "prune")
    assert on_worker(site, "report", ["mitigate@finetune", "mitigate@ewc"]) == "executed"
    ours, dvcs = (YAML(typ="safe").load(root / "dvc.lock") for root in (site.root, reproduced_diamond))
    assert ours == dvcs
    assert site.stale() == {}
    assert on_worker(site, "report", ["mitigate@finetune", "mitigate@ewc"]) == "unchanged"

    site.replace("params.yaml", "100.0", "30.0")
    assert on_worker(site, "mitigate@ewc", ["corpus"]) == "executed"
    assert "30.0" in site.read("ewc.txt")


def test_what_workers_cannot_see_is_refused_in_one_sentence(site):
    site.replace("params.yaml", "100.0", "30.0")
    assert list(workers_view(site.root, site.plan()).params) == ["params.yaml"]
    site.write("words.txt", "turn off the light\n")
    with pytest.raises(PipelineError, match=r"^words\.txt has uncommitted changes, which workers cannot see"):
        workers_view(site.root, site.plan())
    site.commit()
    site.write(".gitignore", site.read(".gitignore") + "/more.txt\n")
    site.replace("dvc.yaml", "deps: [words.txt]", "deps: [words.txt, more.txt]")
    site.write("more.txt", "more\n")
    site.commit()
    with pytest.raises(PipelineError, match=r"a stage reads more\.txt, which git does not have"):
        workers_view(site.root, site.plan())


def test_without_a_remote_there_are_no_pools(diamond):
    with pytest.raises(PipelineError, match="dvc remote add --default"):
        workers_view(diamond.root, diamond.plan())


def test_a_commit_that_the_worker_does_not_get_is_refused(site):
    site.git("-C", str(site.worker), "remote", "remove", "origin")
    site.write("words.txt", "turn off the light\n")
    outcome = StageRun(site.worker, StageRequest("corpus", site.commit())).do(lambda line: None)
    assert (outcome.state, outcome.cause) == ("failed", "refused")
    assert "push the commit to where the workers' clones fetch from" in outcome.message


@pytest.mark.parametrize(
    ("revision", "path"),
    [
        ("--help", "params.yaml"),
        ("main", "params.yaml"),
        ("0" * 40, "../params.yaml"),
        ("0" * 40, ".git/config"),
        ("0" * 40, ""),
        ("0" * 40, "."),
    ],
)
def test_a_request_that_reaches_out_of_the_workspace_is_refused(revision, path):
    with pytest.raises(PipelineError):
        StageRequest("corpus", revision, {path: "x"})


def test_a_request_brings_params_files_and_no_code(site):
    head = site.git("rev-parse", "HEAD").strip()
    outcome = StageRun(site.worker, StageRequest("corpus", head, {"dvc.yaml": "stages: {}"})).do(lambda line: None)
    assert (outcome.state, outcome.cause) == ("failed", "refused")
    assert "dvc.yaml is no params file of dvc.yaml" in outcome.message


@pytest.mark.usefixtures("warm")
def test_a_failure_says_where_its_log_is(site, tmp_path):
    site.replace("dvc.yaml", "cat words.txt > corpus.txt", "sh -c 'exit 3' corpus.txt words.txt")
    outcome = StageRun(site.worker, StageRequest("corpus", site.commit())).do(lambda line: None)
    assert "failed with exit code 3" in outcome.message
    assert outcome.message.endswith(f" (in {site.worker} of the host {socket.gethostname()})")
    log = re.search(r"its output is in (\S+),", outcome.message)[1]
    assert (site.worker / log).is_file()


def test_an_entry_of_dvc_lock_that_reaches_out_of_the_workspace_is_refused(tmp_path):
    with pytest.raises(PipelineError, match="does not lie in the repository"):
        read_entries(tmp_path, ["../elsewhere/dvc.yaml:corpus"])


def test_a_stage_name_reaches_no_shell(site):
    name = "corpus; touch hacked"
    outcome = StageRun(site.worker, StageRequest(name, site.git("rev-parse", "HEAD").strip())).do(lambda line: None)
    assert "dvc.yaml has no stage" in outcome.message
    assert not list(site.worker.rglob("hacked"))


@pytest.mark.usefixtures("warm")
def test_a_remote_that_is_away_is_one_sentence(site, tmp_path):
    site.dvc("repro", "corpus")
    shutil.rmtree(tmp_path / "remote")
    (tmp_path / "remote").write_text("no folder")
    result = exchange(site, "give", "corpus")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("the DVC remote cannot be used: ")


def test_entries_of_dvc_lock_come_over_whole(diamond, tmp_path):
    entries = read_entries(diamond.root, ["corpus", "report", "unknown"])
    assert set(entries) == {"corpus", "report"}
    subprocess.run(["git", "init", "-q", str(tmp_path / "other")], check=True)
    write_entries(tmp_path / "other", entries)
    lock = YAML(typ="safe").load(diamond.root / "dvc.lock")
    assert YAML(typ="safe").load(tmp_path / "other" / "dvc.lock")["stages"] == {
        name: lock["stages"][name] for name in entries
    }
