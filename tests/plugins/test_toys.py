"""An installed package with one component of each kind runs through the project's own pipeline like our own."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from isogloss.config import overridden_text
from isogloss.tables import read_parquet

TOYS = Path(__file__).with_name("isogloss_toys")
PARAMS = {
    "corpus.source": "toy",
    "asr.encoder": "toy_stack",
    "asr.ctc_epochs": 1,
    "asr.transducer_epochs": 1,
    "cohorts.rules": ["toy_parallel"],
    "mitigation.rule": "toy_parallel",
    "mitigation.methods": ["toy_biases"],
    "verification.methods": [],
    "toy_stack": {"version": "1.0", "dim": 48},
    "toy_parallel": {"version": "1.0"},
    "toy_biases": {"version": "1.0"},
}


def install(site: Path, version: str) -> None:
    """What pip would leave in a folder of the module search path."""
    if not (site / TOYS.name).exists():
        shutil.copytree(TOYS, site / TOYS.name, ignore=shutil.ignore_patterns("__pycache__"))
    for old in site.glob("*.dist-info"):
        shutil.rmtree(old)
    information = site / f"{TOYS.name}-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: isogloss-toys\nVersion: {version}\n")
    points = "".join(f"{path.stem} = isogloss_toys.{path.stem}\n" for path in sorted(TOYS.glob("[!_]*.py")))
    (information / "entry_points.txt").write_text(f"[isogloss.plugins]\n{points}")


def write_params(root: Path, overrides) -> None:
    path = root / "params.yaml"
    path.write_text(overridden_text(path.read_text(), overrides, where="params.yaml"))


@pytest.fixture
def site(tmp_path, monkeypatch):
    """The folder in which the package is installed, in version 1.0."""
    folder = tmp_path / "site"
    install(folder, "1.0")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")])))
    return folder


def test_one_toy_of_each_kind_runs_from_corpus_to_report(micro, site, warm_start, tmp_path):
    toys = micro.copy(tmp_path / "toys")
    write_params(toys.root, PARAMS)
    (toys.root / "corpora/toy.yaml").write_text("kind: toy_atlas\nversion: '1.0'\nlike: atlas\n")
    pipeline = toys.root / "dvc.yaml"
    line = "      - data/cohort_inputs/geographic.parquet\n"
    pipeline.write_text(pipeline.read_text().replace(line, f"{line}      - data/cohort_inputs/toy_parallel.parquet\n"))
    assert "Nothing stops a run." in toys.command("isogloss", "check").stdout
    toys.command("dvc", "repro", "report", warm=warm_start())

    assert "path: corpora/toy.yaml" in (toys.root / "dvc.lock").read_text()
    model = json.loads((toys.root / "models/asr/base/model.json").read_text())
    assert model["encoder"] == "toy_stack" and model["encoder_options"] == {"subsampling": 4, "dim": 48}
    summary = json.loads((toys.root / "cohorts/toy_parallel/summary.json").read_text())
    assert {cohort["label"] for cohort in summary["cohorts"]} == {"north of 38° N", "south of 38° N"}
    page = (toys.root / "reports/fairness.html").read_text()
    assert all(word in page for word in ("toy_biases", "toy_parallel", "North and south of 38.0 degrees.", "toy_stack"))
    assert "Nothing to do" in toys.command("isogloss", "run", "report").stdout

    # A saved model says of which kind it is.
    shutil.rmtree(toys.root / "models/asr/base")
    (toys.root / "models/asr/base").mkdir()
    (toys.root / "models/asr/base/model.json").write_text('{"kind": "toy_parrot", "word": "up"}')
    toys.command(sys.executable, "stages/transcribe.py", warm=warm_start())
    assert set(read_parquet(toys.root / "results/asr/base/utterances.parquet")["hyp"]) == {"up"}

    install(site, "1.1")
    with pytest.raises(RuntimeError, match=r"toy_stack, of the plug-in isogloss-toys, has version '1\.0', but 1\.1 is"):
        toys.command("isogloss", "status")
    write_params(toys.root, {f"{name}.version": "1.1" for name in ("toy_stack", "toy_parallel", "toy_biases")})
    status = toys.command("isogloss", "status").stdout
    assert "toy_stack.version: 1.0 → 1.1" in status and "toy_parallel.version: 1.0 → 1.1" in status
