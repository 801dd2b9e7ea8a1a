"""speechocean762 from Lhotse's manifests and from a table, each through every stage to the report: the same outputs?

    python benchmarks/two_sources.py [--utterances 3]       # six minutes on two cores; needs $ISOGLOSS_DATA

Both are written here from the corpus' own tables and read by `isogloss ingest` under one name, each in a repository
of its own with the project's pipeline and micro params (tests/micro): nothing is shared between the two, so that every
stage runs twice. The recogniser is far too small to be judged; what is compared are the files that dvc.lock names.
Written to `benchmarks/results/two_sources.json`: how many files each wrote, and which differ.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import soundfile
from output_hashes import differences, hashes

from isogloss.config import overridden_text, read_yaml
from isogloss.corpus.frontend.audio_root import data_folder
from isogloss.tables import write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "two_sources.json"
CORPUS = data_folder(ROOT).resolve() / "speechocean762"
sys.path[:0] = [str(ROOT / "tests" / "micro")]
from workspace import make_workspace  # noqa: E402

LONGEST = 5.0
LETTERS = "abcdefghijklmnopqrstuvwxyz'"
SOURCES = {
    "lhotse": ["manifests"],
    "table": [
        *("table.csv", "--audio", "file", "--text", "transcript", "--start", "start", "--duration", "num_samples"),
        *("--unit", "samples", "--sample-rate", "sample_rate", "--attribute", "age_band"),
    ],
}
"""Arguments of `isogloss ingest` for each."""


def main() -> None:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=3, help="most of a speaker (prepare.speaker_utterances)")
    utterances = parser.parse_args().utterances
    written, runs = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for source, arguments in SOURCES.items():
            begun = time.monotonic()
            written[source] = run(Path(folder) / source, arguments, utterances=utterances)
            stages = len(read_yaml(Path(folder) / source / "dvc.lock")["stages"])
            runs[source] = {"stages": stages, "files": len(written[source]), "s": round(time.monotonic() - begun)}
            print(f"{source}: {runs[source]}", flush=True)
    changed = differences(written["lhotse"], written["table"])
    found: dict[str, Any] = {"utterances": utterances, "runs": runs, "differences": changed}
    write_json(found, RESULTS)
    print("\n".join(changed) or f"all {len(written['table'])} files are the same")


def run(workspace: Path, arguments: list[str], *, utterances: int) -> dict[str, str]:
    """From the source to the report; the digest of every output by its path."""
    make_workspace(workspace)
    write_sources(workspace)
    params = workspace / "params.yaml"
    overrides = {
        "corpus.source": "mine",
        "prepare.max_duration_s": LONGEST,
        "prepare.speaker_utterances": utterances,
        "cohorts.rules": ["automatic", "attribute"],
        "mitigation.rule": "attribute",
        "verification.methods": [],
        "multitalker.systems": [],
        "multitalker.sets": [],
    }
    params.write_text(overridden_text(params.read_text(encoding="utf-8"), overrides, where="params.yaml"), "utf-8")
    for command in (
        ["ingest", *arguments, "--audio-root", str(CORPUS), "--name", "mine", "--keep", LETTERS],
        ["run"],
    ):
        program = [sys.executable, "-c", "from isogloss.cli import main; main()", *command]
        subprocess.run(program, cwd=workspace, check=True)
    return hashes(workspace)


def write_sources(folder: Path) -> None:
    """The corpus as `manifests`, as Lhotse has it, and as `table.csv`."""
    speakers = {row["speaker_id"]: row for row in _rows("speakers.csv")}
    rows = _rows("recordings.csv")
    (folder / "manifests").mkdir()
    with (folder / "manifests/recordings.jsonl").open("w", encoding="utf-8") as file:
        for name in dict.fromkeys(row["file"] for row in rows):
            info = soundfile.info(CORPUS / name)
            source = {"type": "file", "channels": [0], "source": str(CORPUS / name)}
            recording = {"id": Path(name).stem, "sources": [source], "sampling_rate": info.samplerate}
            recording |= {"num_samples": info.frames, "duration": info.duration}
            file.write(json.dumps(recording) + "\n")
    with (folder / "manifests/supervisions.jsonl").open("w", encoding="utf-8") as file:
        for row in rows:
            speaker, rate = speakers[row["speaker_id"]], int(row["sample_rate"])
            said: dict[str, Any] = {"id": row["utterance_id"], "recording_id": Path(row["file"]).stem, "channel": 0}
            said |= {"start": int(row["start"]) / rate, "duration": int(row["num_samples"]) / rate}
            said |= {"text": row["transcript"], "speaker": row["speaker_id"], "gender": speaker["gender"]}
            said["custom"] = {"age": float(speaker["age"]), "age_band": speaker["age_band"]}
            file.write(json.dumps(said) + "\n")
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "gender", "age", "age_band"])
        writer.writeheader()
        writer.writerows(speakers[row["speaker_id"]] | row for row in rows)


def _rows(name: str) -> list[dict[str, str]]:
    with (CORPUS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
