"""Time and memory of `isogloss audit` on a table of a million utterances, as its users run it.

    python benchmarks/audit.py [--rows 1000000] [--speakers 20000] [--times 10]

Makes a synthetic CSV table and one of a second system (nobody's speech: words of a small vocabulary, a rate of errors
that depends on speaker and region), then runs the command in processes of its own: with one system by two columns and
their intersection, with two systems, with discovery of regions, on a larger table, and on sums by speaker. Wall clock
and CPU time are those of the whole process and those that it starts, from its start to the written page; memory is its
own peak (Linux). `--help` and a hundred rows show what starting costs, a tenth of the rows and the larger table whether
memory grows with them. Other work on the machine lengthens the wall clock, not so much the CPU time.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isogloss.tables import atomic_path, write_json

RESULTS = Path(__file__).parent / "results"
WORDS = 7
"""Mean words of an utterance."""


def make_table(rows: int, speakers: int, folder: Path) -> None:
    """Write before.csv and after.csv."""
    rng = np.random.default_rng(1)
    vocabulary = np.array([f"word{number}" for number in range(300)], dtype=object)
    phrases = [vocabulary[rng.integers(0, 300, rng.poisson(WORDS - 1) + 1)].tolist() for _ in range(20_000)]
    speaker = rng.integers(0, speakers, rows)
    latitude, longitude = rng.uniform(26, 48, speakers), rng.uniform(-122, -72, speakers)
    rate = 0.08 * rng.gamma(3.0, 1 / 3.0, speakers) * np.where(longitude < -110, 1.6, 1.0)
    chosen = rng.integers(0, len(phrases), rows)
    table = pd.DataFrame(
        {
            "utterance_id": [f"u{number:07d}" for number in range(rows)],
            "speaker_id": [f"s{number:06d}" for number in speaker],
            "ref": [" ".join(phrases[index]).capitalize() + "." for index in chosen],
            "latitude": latitude[speaker].round(4),
            "longitude": longitude[speaker].round(4),
            "gender": rng.choice(["f", "m", "x"], speakers, p=[0.5, 0.49, 0.01])[speaker],
            "age_band": rng.choice(["18-24", "25-44", "45-64", "65+"], speakers)[speaker],
        }
    )
    for name, factor in (("before", 1.0), ("after", 0.9)):
        draws = rng.random(rows)
        hyp = []
        for index, draw, probability in zip(chosen, draws, factor * rate[speaker], strict=True):
            words = phrases[index]
            wrong = draw < probability * len(words)
            position = int(1e6 * draw) % len(words)
            hyp.append(" ".join([*words[:position], "other", *words[position + 1 :]] if wrong else words))
        columns = ["utterance_id", "hyp"] if name == "after" else [*table.columns, "hyp"]
        table.assign(hyp=hyp)[columns].to_csv(folder / f"{name}.csv", index=False)


def repeat_table(folder: Path, times: int) -> None:
    """Write many.csv: the rows of before.csv several times, each time with other utterance ids."""
    with (folder / "before.csv").open() as file, (folder / "many.csv").open("w") as many:
        many.write(file.readline())
        start = file.tell()
        for number in range(times):
            file.seek(start)
            many.writelines(f"{number}{line}" for line in file)


def sum_table(folder: Path, utterances: int) -> None:
    """Write sums.csv: a row a speaker with counts, as if a cluster had counted so many utterances."""
    rng = np.random.default_rng(1)
    speakers = pd.read_csv(folder / "before.csv", usecols=["speaker_id", "gender", "age_band"]).drop_duplicates()
    words = np.full(len(speakers), WORDS * utterances // len(speakers))
    rates = 0.08 * rng.gamma(3.0, 1 / 3.0, len(speakers))
    errors = rng.binomial(words, np.minimum(rates, 1.0))
    speakers.assign(words=words, errors=errors, utterances=utterances // len(speakers)).to_csv(
        folder / "sums.csv", index=False
    )


def run(*arguments: str) -> dict[str, Any]:
    """Run `isogloss` with arguments; seconds of wall clock and CPU, peak memory in GiB."""
    program = [sys.executable, "-c", "from isogloss.cli import main; main()", *arguments]
    started = time.perf_counter()
    process = os.posix_spawn(
        sys.executable, program, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, used = os.wait4(process, 0)
    if status:
        raise SystemExit(f"isogloss {' '.join(arguments)} failed")
    return {
        "wall_s": round(time.perf_counter() - started, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_gib": round(used.ru_maxrss / (1 << 20), 2),
        "load": round(os.getloadavg()[2], 1),
    }


def main() -> None:
    """Measure, and write results/audit.{json,md}."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--speakers", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=10, help="rows of the largest table, in tables of --rows")
    parser.add_argument(
        "--only", action="append", metavar="CASE", help="a case by its beginning; repeatable; default all"
    )
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: a child's peak is at least the memory that its parent holds.
        maker = multiprocessing.get_context("spawn").Process(
            target=make_table, args=(options.rows, options.speakers, folder)
        )
        maker.start()
        maker.join()
        repeat_table(folder, options.times)
        sum_table(folder, 100 * options.rows)
        small = folder / "small.csv"
        pd.read_csv(folder / "before.csv", nrows=100).to_csv(small, index=False)
        before, after = str(folder / "before.csv"), str(folder / "after.csv")
        tenth = folder / "tenth.csv"
        with (folder / "before.csv").open() as file, tenth.open("w") as part:
            part.writelines(itertools.islice(file, 1 + options.rows // 10))
        common = ("--normalise", "lower,punctuation")
        by = ("--by", "gender", "--by", "age_band", "--by", "gender+age_band")
        cases = {
            "--help": ("audit", "--help"),
            "100 rows": ("audit", str(small), *common, "--by", "age_band"),
            "a tenth of the rows, one system": ("audit", str(tenth), *common, *by),
            "one system": ("audit", before, *common, *by, "--out", str(folder / "one")),
            f"one system, {options.times} times the rows": ("audit", str(folder / "many.csv"), *common, *by),
            "sums by speaker of 100 times the utterances": ("audit", str(folder / "sums.csv"), *by),
            "regions found, one system": ("audit", before, *common, *by, "--discover", "geographic"),
            "two systems": ("audit", before, "--after", after, *common, *by, "--out", str(folder / "two")),
            "regions found, two systems": ("audit", before, "--after", after, *common, *by, "--discover", "geographic"),
        }
        wanted = tuple(options.only or [""])
        found = {case: run(*arguments) for case, arguments in cases.items() if case.startswith(wanted)}
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    content = {"rows": options.rows, "speakers": options.speakers, "machine": machine}
    earlier = json.loads((RESULTS / "audit.json").read_text()) if (RESULTS / "audit.json").exists() else {}
    if options.only and all(earlier.get(key) == value for key, value in content.items()):
        known = {**earlier["cases"], **found}  # the cases that were not asked for keep their figures
        found = {case: known[case] for case in cases if case in known}
    write_json({**content, "cases": found}, RESULTS / "audit.json")
    lines = ["# `isogloss audit` on a million utterances", ""]
    lines += [f"`python benchmarks/audit.py`, {machine}; the load is that of 15 minutes, ours included."]
    lines += [f"{options.rows:,} rows of {options.speakers:,} speakers; CSV,"]
    lines += ["normalised by lower and punctuation; by gender, age_band and their intersection.", ""]
    if max(measured["load"] for measured in found.values()) > (os.cpu_count() or 1) + 1:
        lines += ["Other work ran beside it, which lengthens the wall clock and, less, the CPU time.", ""]
    lines += ["| case | wall s | CPU s | peak GiB | load |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {case} | {m['wall_s']} | {m['cpu_s']} | {m['peak_gib']} | {m['load']} |" for case, m in found.items()]
    with atomic_path(RESULTS / "audit.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
