"""Data preparation at scale: the gate over a million rows, Atlas per core, features by one and two Dask workers.

    python benchmarks/scale.py                # all, ten minutes on two quiet cores
    python benchmarks/scale.py gate atlas     # some; the others keep their figures

CPU seconds are those of a part's process and all its children, so they tell of a core also where other work runs
beside it; wall seconds do not. Results: benchmarks/results/scale.md.
"""

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isogloss.config import ValidationParams, load_params
from isogloss.config.overrides import overridden
from isogloss.config.params import Params
from isogloss.config.reading import read_yaml
from isogloss.corpus.build import build_corpus
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.corpus.gate import validate
from isogloss.corpus.prepare import prepare
from isogloss.pipeline.prefect_api.server import prefect_api
from isogloss.pipeline.prefect_api.shards import run_shards
from isogloss.tables import METADATA_COLUMNS, SPLITS, atomic_path, conform, write_json, write_parquet

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
ROWS, ROWS_A_SPEAKER = 1_000_000, 50
ATLAS = {"train_speakers": 60, "adapt_speakers": 60, "discovery_speakers": 60, "dev_speakers": 60, "test_speakers": 60}


def gate(folder: Path) -> dict[str, float]:
    """The gate over a million rows of 20,000 speakers."""
    number = np.arange(ROWS)
    speaker = number // ROWS_A_SPEAKER
    table = pd.DataFrame(
        {
            "utterance_id": [f"u{n:07}" for n in number],
            "speaker_id": [f"s{n:05}" for n in speaker],
            "split": np.array(SPLITS)[speaker % len(SPLITS)],
            "weight": 1.0,
            "ref": [f"turn the {'radio' if n % 2 else 'light'} on" for n in number],
            "words": 4,
            "duration_s": 2.0 + number % 7,
            "latitude": 30.0 + speaker % 15,
            "longitude": -120.0 + speaker % 40,
            "zip": None,
            "gender": np.array(["female", "male"])[speaker % 2],
            "age": 20.0 + speaker % 50,
            "accent": None,
        }
    )
    sound = {"level_db": -20.0, "peak": 0.5, "dc_offset": 0.0, "clipped_share": 0.0, "non_finite": 0}
    write_parquet(conform(table, METADATA_COLUMNS, where="the benchmark's table"), folder / "utterances.parquet")
    write_parquet(table[["utterance_id"]].assign(**sound), folder / "sound.parquet")
    Tokens.of(table["ref"].head(10)).write(folder / "tokens.txt")
    begun = time.monotonic()
    found = validate(ValidationParams(), data=folder, output=folder / "validation.json", columns=["gender"])
    return {"wall_s": time.monotonic() - begun, "rows": ROWS, "expectations": len(found["expectations"])}


def atlas(folder: Path) -> dict[str, float]:
    """Synthesis and features of 300 speakers of Atlas."""
    params, corpus = _atlas_params(), folder / "corpus"
    before, begun = _cpu_s(), time.monotonic()
    build_corpus(params, ROOT / "corpora", output=corpus, truth=folder / "truth")
    synthesis_s = _cpu_s() - before
    utterances = prepare(corpus, folder / "data", params.prepare)
    cpu_s, audio_s = _cpu_s() - before, float(utterances["duration_s"].sum())
    return {
        "wall_s": time.monotonic() - begun,
        "audio_s": audio_s,
        "synthesis_cpu_s": synthesis_s,
        "cpu_s": cpu_s,
        "times_real_time_a_core": audio_s / cpu_s,
    }


def dask(folder: Path) -> dict[str, Any]:
    """Features of the same corpus by the pool of processes, and by one and two workers of Dask."""
    params, corpus, found, hashes = _atlas_params(), folder / "corpus", {}, {}
    build_corpus(params, ROOT / "corpora", output=corpus, truth=folder / "truth")
    os.chdir(folder)
    with prefect_api(folder):  # one server for all: a process has one for good
        import prefect_dask  # noqa: F401  # not in the time of whoever comes first

        for workers in (0, 1, 2):
            begun = time.monotonic()

            def run(function: Any, shards: Any, workers: int = workers) -> Any:
                return run_shards(function, shards, engine="dask", workers=workers, root=folder)

            prepare(Path("corpus"), Path("data"), params.prepare, run=run if workers else None)
            found[f"wall_s_{workers}_workers" if workers else "wall_s_processes"] = time.monotonic() - begun
            files = sorted(path for path in Path("data").rglob("*") if path.is_file())
            hashes[workers] = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    found["ratio"] = found["wall_s_2_workers"] / found["wall_s_1_workers"]
    found["same_bytes"] = len(set(hashes.values())) == 1
    return found


PARTS = {part.__name__: part for part in (gate, atlas, dask)}


def _atlas_params() -> Params:
    settings = {f"atlas.{name}": count for name, count in ATLAS.items()}
    content = overridden(read_yaml(ROOT / "params.yaml"), settings, where="the benchmark")
    return load_params(ROOT / "params.yaml").model_validate(content)


def _cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(part: str) -> None:
    """Do one part in this process; its figures are the last line."""
    with tempfile.TemporaryDirectory(prefix="isogloss-scale-") as name:
        found = PARTS[part](Path(name))
    found["peak_mb"] = (
        max(resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    )
    found["load"] = os.getloadavg()[0]
    print(json.dumps({key: value if isinstance(value, bool) else round(value, 2) for key, value in found.items()}))


def main() -> None:
    """Do parts in processes of their own, and write what they needed."""
    path = RESULTS / "scale.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for part in sys.argv[1:] or PARTS:
        command = [sys.executable, __file__, "--measure", part]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        known[part] = json.loads(done.stdout.strip().splitlines()[-1])
        print(part, known[part], flush=True)
        write_json(known, path)
    lines = ["# Data preparation at scale", "", "`python benchmarks/scale.py`; its head says what is measured."]
    lines += ["`load`: processes that wanted a core in the last minute, this benchmark's among them.", ""]
    for part in known:
        lines += [f"## {PARTS[part].__doc__}", "", "| figure | value |", "|---|---|"]
        lines += [*(f"| {name} | {value} |" for name, value in known[part].items()), ""]
    with atomic_path(RESULTS / "scale.md") as page:
        page.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2])
    else:
        main()
