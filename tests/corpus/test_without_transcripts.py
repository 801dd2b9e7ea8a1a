"""A corpus without transcripts goes from `isogloss ingest` to a report about verifiers, as a user would type it."""

import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

ROOT = Path(__file__).parents[2]
SPEAKERS = 60
SMALLEST = ("speaker.epochs=1", "verification.epochs=1", "statistics.resamples=200", "statistics.permutations=200")


def workspace(folder: Path) -> None:
    """A repository with the project's pipeline and the smallest params."""
    spec = importlib.util.spec_from_file_location("workspace", ROOT / "tests/micro/workspace.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make_workspace(folder)


def tones(folder: Path) -> pd.DataFrame:
    """Speakers who hum at a pitch of their own, twice; a table of them, and the table as it is."""
    folder.mkdir()
    time, rows = np.arange(8000) / 16000, []
    for speaker in range(SPEAKERS):
        for take in range(2):
            name = f"{speaker}-{take}.wav"
            soundfile.write(folder / name, 0.3 * np.sin(2 * np.pi * (150 + 10 * speaker + take) * time), 16000)
            rows.append((name, f"s{speaker:02d}", ["female", "male"][speaker % 2]))
    table = pd.DataFrame(rows, columns=["audio", "speaker_id", "gender"])
    table.to_csv(folder / "table.csv", index=False)
    return table


@pytest.fixture(scope="module")
def typed(warm_start, tmp_path_factory):
    """Runs a command in the repository, and its table of speech."""
    root = tmp_path_factory.mktemp("without") / "workspace"
    workspace(root)
    environment = (
        os.environ
        | warm_start()
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ISOGLOSS_LOCKS": str(root.parent / "locks"),
            "DVC_NO_ANALYTICS": "true",
            "DVC_SITE_CACHE_DIR": str(root / ".dvc/tmp/site"),
        }
    )

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(arguments, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{shlex.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stderr if code else done.stdout

    return root, run, tones(root / "speech")


def test_what_ingest_prints_leads_to_a_report_of_verifiers_by_attribute(typed):
    root, run, table = typed
    said = run("isogloss", "ingest", "speech/table.csv", "--name", "mine", "--without-transcripts").splitlines()
    checking, running = (
        shlex.split(line.partition(": ")[2]) for line in said if ": isogloss check" in line or "dvc exp" in line
    )
    assert "Nothing stops a run." in run(*checking)
    assert running[:4] == ["dvc", "exp", "run", "report_speaker"]
    run(*running, *(part for setting in SMALLEST for part in ("-S", setting)))

    assert (root / "reports/verification/continued/audit.html").exists()
    assert not (root / "models/asr").exists() and not (root / "results/asr").exists()
    document = json.loads((root / "results/speaker/continued/fairness.json").read_text())
    (grouping,) = document["groupings"]
    assert grouping["name"] == "gender"
    assert {one["cohort"] for one in grouping["cohorts"]} == {"female", "male"}
    trials = pd.read_parquet(root / "results/speaker/continued/trials.parquet")
    gender = table.drop_duplicates("speaker_id").set_index("speaker_id")["gender"]
    assert (trials["enrol_gender"] == trials["enrol_speaker"].map(gender)).all()
    assert (trials["test_gender"] == trials["test_speaker"].map(gender)).all()
    assert document["speakers"] == trials["enrol_speaker"].nunique() >= 15

    assert "no recogniser can be trained" in run("isogloss", "run", code=2)
