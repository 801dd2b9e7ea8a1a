"""Features are the same bytes whoever computes the shards, and shards that are finished are not computed again."""

import hashlib
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, MonoCut, Recording

from isogloss.corpus.frontend import features
from isogloss.corpus.frontend.features import compute_features
from isogloss.errors import CorpusError, ParamsError


@pytest.fixture
def cuts(tmp_path: Path) -> CutSet:
    """Ten cuts of half a second at two rates."""
    made = []
    for number in range(10):
        rate = [16000, 22050][number % 2]
        samples = np.random.default_rng(number).normal(0, 0.1, rate // 2)
        soundfile.write(tmp_path / f"{number}.flac", samples, rate)
        recording = Recording.from_file(tmp_path / f"{number}.flac")
        made.append(MonoCut(id=f"c{number}", start=0, duration=recording.duration, channel=0, recording=recording))
    return CutSet.from_cuts(made)


def computed(cuts: CutSet, folder: Path, run=None) -> dict[str, str]:
    (folder / "features").mkdir(parents=True)
    how = {"stored_as": Path("features"), "num_filters": 20, "work": folder / "work"}
    compute_features({"train": cuts}, folder / "features", **how, run=run)
    files = sorted((folder / "features").rglob("*.lca"))
    assert len(files) == 8 and not (folder / "work").exists()
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def server(tmp_path_factory, put_database):
    """One for all engines: a process that has used one server goes on asking it after it has ended."""
    from isogloss.pipeline.prefect_api.server import prefect_api

    folder = tmp_path_factory.mktemp("server")
    put_database(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        with prefect_api(folder):
            yield folder


@pytest.mark.parametrize("engine", ["threads", "dask", "ray"])
def test_prefect_tasks_write_what_one_process_writes(cuts, tmp_path, server, engine):
    if engine == "ray":
        pytest.importorskip("prefect_ray", reason="prefect-ray is not installed; pip install 'isogloss[ray]'")
    from isogloss.pipeline.prefect_api.shards import run_shards

    alone = computed(cuts, tmp_path / "alone", run=map)
    workers = 2 if engine == "threads" else 1  # each process takes seconds to start
    run = partial(run_shards, engine=engine, workers=workers, root=server)
    assert computed(cuts, tmp_path / engine, run=run) == alone


def test_an_engine_whose_library_is_missing_is_one_sentence(tmp_path, monkeypatch):
    from isogloss.pipeline.prefect_api.shards import run_shards

    for engine in ("dask", "ray"):
        monkeypatch.setitem(sys.modules, f"prefect_{engine}.task_runners", None)
        with pytest.raises(ParamsError, match=rf"prepare\.engine is '{engine}', .* pip install 'isogloss\[{engine}\]'"):
            list(run_shards(len, [""], engine=engine, workers=1, root=tmp_path))


def test_a_run_that_was_killed_goes_on_with_the_shards_that_are_missing(cuts, tmp_path, monkeypatch):
    expected = computed(cuts, tmp_path / "whole", run=map)
    calls: list[str] = []

    def dies_at_the_fourth(function, shards):
        for shard in shards:
            if len(calls) == 3:
                raise KeyboardInterrupt
            calls.append(shard.name)
            yield function(shard)

    folder = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        computed(cuts, folder, run=dies_at_the_fourth)
    (folder / "features" / "train").rmdir() if (folder / "features" / "train").exists() else None
    (folder / "features").rmdir()
    extracted: list[str] = []
    original = features._computed
    monkeypatch.setattr(features, "_computed", lambda cut, *rest: extracted.append(cut.id) or original(cut, *rest))
    assert computed(cuts, folder, run=map) == expected
    assert len(extracted) == 5  # shards 0 and 1 have two cuts each, shard 2 has one: the other five are new


def test_audio_that_vanishes_after_ingest_is_one_sentence(cuts, tmp_path):
    (tmp_path / "3.flac").write_bytes(b"no audio")
    with pytest.raises(CorpusError, match=r"the audio of utterance 'c3' cannot be read \([^\n]*\); run the corpus"):
        computed(cuts, tmp_path / "broken", run=map)
