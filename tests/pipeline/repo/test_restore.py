"""Results that DVC's cache knows, brought back without running a command."""

import shutil

import pytest
from ruamel.yaml import YAML

from isogloss.pipeline.repo.exchange import main

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # DVC's own


@pytest.fixture(autouse=True)
def within(diamond, monkeypatch):
    """DVC makes the stages of its run cache relative to the working directory."""
    monkeypatch.chdir(diamond.root)


def test_a_result_that_only_the_run_cache_knows_is_restored_whatever_the_lock_says(diamond):
    """dvc.lock came from a host where the same inputs gave other bytes, which are not here."""
    before = diamond.read("dvc.lock")
    lock = YAML(typ="safe").load(before)
    for stage in lock["stages"].values():
        for out in stage["outs"]:
            out["md5"] = "0" * 32
    YAML().dump(lock, diamond.root / "dvc.lock")
    (diamond.root / "corpus.txt").unlink()
    assert main("restore", ["corpus"]) == "corpus"
    assert diamond.read("corpus.txt") == "turn on the light\n"
    restored = YAML(typ="safe").load(diamond.root / "dvc.lock")["stages"]["corpus"]
    assert restored == YAML(typ="safe").load(before)["stages"]["corpus"]


def test_what_the_cache_has_lost_is_not_restored(diamond):
    (diamond.root / "corpus.txt").unlink()
    shutil.rmtree(diamond.root / ".dvc" / "cache" / "files")
    assert main("restore", ["corpus"]) == ""


def test_a_result_of_other_inputs_is_not_taken_for_that_of_these(diamond):
    diamond.write("words.txt", "turn off the light\n")
    assert main("restore", ["corpus"]) == ""
    assert main("restore", ["corpus"]) == ""
