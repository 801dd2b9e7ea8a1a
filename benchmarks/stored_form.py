"""Features as they are stored, archives of Lhotse with a list of cuts, beside Lhotse Shar: files, reading, memory.

    python benchmarks/stored_form.py [--utterances 10000]

Utterances of 3 s, 40 filters, 4,000 a shard, in both forms. They are written, then read by a process of its own: all in
their order, and a thousand in random order, which only archives can do without a buffer. CPU seconds hold on a machine
that has other work beside it. Memory is what holding the list of cuts takes, after a tenth of it has been
read once; Shar reads its lists as it goes. Results: benchmarks/results/stored_form.md.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from lhotse import CutSet, Features, LilcomChunkyWriter, MonoCut, SupervisionSegment

from isogloss.tables import atomic_path, write_json

RESULTS = Path(__file__).parent / "results"
SECONDS, FRAMES, FILTERS, SHARD = 3.0, 300, 40, 4000
RANDOM_READS = 1000
FORMS = ("archive", "shar")


def made_cuts(folder: Path, utterances: int) -> CutSet:
    """Cuts whose features lie in archives of `SHARD` cuts, as `prepare` stores them."""
    rng = np.random.default_rng(0)
    cuts = []
    for first in range(0, utterances, SHARD):
        with LilcomChunkyWriter(folder / f"shard-{first // SHARD}") as storage:
            for number in range(first, min(first + SHARD, utterances)):
                features_TF = rng.normal(size=(FRAMES, FILTERS)).cumsum(axis=0).astype(np.float32)
                key = storage.write(f"u{number}", features_TF)
                features = Features(
                    type="fbank", num_frames=FRAMES, num_features=FILTERS, frame_shift=0.01, sampling_rate=16000,
                    start=0, duration=SECONDS, storage_type=storage.name, storage_path=str(storage.storage_path),
                    storage_key=key, recording_id=f"r{number}", channels=0,
                )  # fmt: skip
                said = SupervisionSegment(
                    id=f"u{number}", recording_id=f"r{number}", start=0, duration=SECONDS, text="turn on the light",
                    speaker=f"s{number % 997}",
                )  # fmt: skip
                cuts.append(
                    MonoCut(id=f"u{number}", start=0, duration=SECONDS, channel=0, features=features,
                            supervisions=[said])
                )  # fmt: skip
    return CutSet.from_cuts(cuts)


def write(folder: Path, utterances: int) -> dict[str, Any]:
    """Both forms of the same features."""
    for form in FORMS:
        (folder / form).mkdir()
    began = time.process_time()
    cuts = made_cuts(folder / "archive", utterances)
    cuts.to_file(folder / "archive" / "cuts.jsonl")
    CutSet.from_cuts(list(cuts)[: utterances // 10]).to_file(folder / "tenth.jsonl")
    between = time.process_time()
    cuts.to_shar(folder / "shar", fields={"features": "lilcom"}, shard_size=SHARD)
    found: dict[str, Any] = {"archive_write_cpu_s": between - began, "shar_write_cpu_s": time.process_time() - between}
    for form in FORMS:
        files = [path for path in (folder / form).rglob("*") if path.is_file()]
        found |= {f"{form}_files": len(files), f"{form}_mb": sum(path.stat().st_size for path in files) / 1e6}
    return found


def read_archive(folder: Path) -> dict[str, Any]:
    """The list of cuts in memory, as training holds it, and every utterance from it."""
    CutSet.from_file(folder / "tenth.jsonl").to_eager()
    before = _held_mb()
    cuts = CutSet.from_file(folder / "archive" / "cuts.jsonl").to_eager()
    found = {"archive_kb_a_cut": 1000 * (_held_mb() - before) / len(cuts)}
    found |= {"archive_in_order_cpu_ms": _read(cuts) / len(cuts) * 1000}
    chosen = random.Random(0).sample(list(cuts), min(RANDOM_READS, len(cuts)))
    return found | {"archive_random_cpu_ms": _read(chosen) / len(chosen) * 1000}


def read_shar(folder: Path) -> dict[str, Any]:
    """Every utterance in the order of the shards; nothing is held."""
    cuts = CutSet.from_shar(in_dir=folder / "shar")
    before = _held_mb()
    count = sum(1 for _ in cuts)
    spent = _read(cuts)
    return {"shar_in_order_cpu_ms": spent / count * 1000, "shar_grows_mb": _held_mb() - before}


def _read(cuts: Any) -> float:
    """CPU seconds in which the features of cuts are read."""
    began = time.process_time()
    for cut in cuts:
        cut.load_features()
    return time.process_time() - began


def _held_mb() -> float:
    """The memory that this process holds (Linux only)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


PARTS = {"write": write, "read_archive": read_archive, "read_shar": read_shar}


def main() -> None:
    """Do each part in a process of its own, and write what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=10_000)
    parser.add_argument("--measure", nargs=2, metavar=("PART", "FOLDER"))
    said = parser.parse_args()
    if said.measure:
        part, folder = said.measure
        found = write(Path(folder), said.utterances) if part == "write" else PARTS[part](Path(folder))
        print(json.dumps({key: round(value, 3) for key, value in found.items()}))
        return
    figures: dict[str, Any] = {"utterances": said.utterances}
    with tempfile.TemporaryDirectory(prefix="isogloss-stored-") as folder:
        for part in PARTS:
            command = [sys.executable, __file__, "--utterances", str(said.utterances), "--measure", part, folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            figures |= json.loads(done.stdout.strip().splitlines()[-1])
            print(part, figures, flush=True)
    figures["load"] = round(os.getloadavg()[0], 1)
    write_json(figures, RESULTS / "stored_form.json")
    lines = ["# Archives of Lhotse beside Lhotse Shar", "", "`python benchmarks/stored_form.py`; its head says what is"]
    lines[-1] += " measured. Milliseconds are of one utterance of 3 s."
    lines += ["", "| figure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in figures.items()), ""]
    with atomic_path(RESULTS / "stored_form.md") as page:
        page.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
