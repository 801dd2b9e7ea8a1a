"""Mutated inputs by entry point: each is read, or refused in one sentence, within ten seconds and 2 GB of memory.

    python benchmarks/fuzzing.py params 5000      # one entry point; `faults.py fuzz` does all of them: 29,500 cases

Cases are valid files in which bytes, lines and tokens have been changed, removed, doubled or replaced by what has
broken readers before; one in fifty is an odd file: empty, cut short, a folder, a link to itself, a line of 10 MB. Each
entry point is a process of its own, so that one that crashes is noticed.
"""

import io
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from fault_clone import Case

from isogloss.errors import IsoglossError

ROOT = Path(__file__).parents[1]
_MOST_SECONDS, _BUDGET_SECONDS, _MOST_MEGABYTES = 10, 900, 2000
_ODD_SHARE = 0.02
_LONGEST_SENTENCE = 4000
_NASTY = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"'", b"\t", b"\r", b"\n\n", b",,", b"&a [*a]", b"*a", b"!!float abc",
    b"2001-02-30", b"9" * 5000, b"1e999", b"-1", b"nan", b"\\ud800", b'"\\ud800"', b"[" * 3000, b"{" * 50, b": ", b"- ",
    b"? ", b"%YAML 9.9\n---\n", b"<<: *x", b"null", b"true", b"0x" + b"f" * 3000, "\u202e\u0301é".encode(), b"x" * 5000,
]  # fmt: skip


def mutated(drawn: random.Random, seeds: list[bytes]) -> bytes:
    """One of the valid files after one to four changes."""
    content = bytearray(drawn.choice(seeds))
    for _ in range(drawn.randint(1, 4)):
        place = drawn.randrange(len(content) + 1)
        end = min(len(content), place + drawn.choice([1, 2, 8, 40]))
        change = drawn.randrange(5)
        if change == 0:
            content[place:place] = drawn.choice(_NASTY)
        elif change == 1:
            content[place:end] = drawn.choice(_NASTY)
        elif change == 2:
            del content[place:end]
        elif change == 3:
            content[place:place] = content[place:end]
        elif content:
            content[place % len(content)] ^= 1 << drawn.randrange(8)
    return bytes(content)


def _write_odd(drawn: random.Random, content: bytes, path: Path) -> None:
    """Put what is no such file at all where it should be."""
    kind = drawn.choice(["empty", "cut", "folder", "loop", "dangling", "long line", "non-UTF-8"])
    if kind == "folder":
        path.mkdir()
    elif kind in ("loop", "dangling"):
        path.symlink_to(path if kind == "loop" else path.with_name("nowhere"))
    else:
        odd = {"empty": b"", "cut": content[: len(content) // 2], "long line": content.strip() + b"x" * 10_000_000}
        path.write_bytes(odd.get(kind, content.replace(b"e", b"\xe9")))


def _remove(path: Path) -> None:
    """Remove whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _params() -> tuple[list[bytes], Callable[[Path], object], str]:
    from isogloss.config import load_params

    return [(ROOT / "params.yaml").read_bytes(), b"asr: {seed: 1}\newc: {strength: 1e3}\n"], load_params, "params.yaml"


def _experiments() -> tuple[list[bytes], Callable[[Path], object], str]:
    from isogloss.config import load_sweep

    seeds = [path.read_bytes() for path in sorted((ROOT / "experiments").glob("*.yaml"))[:4]]
    return seeds, lambda path: load_sweep(path, params=ROOT / "params.yaml"), "study.yaml"


def _records() -> list[dict[str, object]]:
    texts = ["turn on the light", "what is the time", "play some music"]
    return [
        {
            "utterance_id": f"u{number}",
            "speaker_id": f"s{number // 3}",
            "ref": texts[number % 3],
            "hyp": texts[number % 3][:-2],
            "words": 4,
            "age": 20 + number,
        }
        for number in range(12)
    ]


def _table(suffix: str) -> tuple[list[bytes], Callable[[Path], object], str]:
    import pandas as pd

    from isogloss.judging.intake import Request
    from isogloss.judging.intake.utterances import read_utterances

    table, buffer = pd.DataFrame(_records()), io.BytesIO()
    if suffix == "parquet":
        table.to_parquet(buffer)
    elif suffix == "jsonl":
        buffer.write("".join(json.dumps(record) + "\n" for record in _records()).encode())
    elif suffix == "json":
        buffer.write(json.dumps(_records()).encode())
    else:
        table.to_csv(buffer, index=False, sep="\t" if suffix == "tsv" else ",")
    return [buffer.getvalue()], lambda path: read_utterances(Request(table=path)), f"table.{suffix}"


def _gate(file: str) -> tuple[list[bytes], Callable[[Path], object], str]:
    """A gate, of whose three files one is mutated."""
    from isogloss.gate import read_gate, run_gate

    candidate = [{**record, "hyp": record["ref"]} for record in _records()]
    files = {
        f"{name}.jsonl": "".join(json.dumps(record) + "\n" for record in records).encode()
        for name, records in (("base", _records()), ("new", candidate))
    }
    files["gate.yaml"] = (
        b"baseline: base.jsonl\ncandidate: {table: new.jsonl, name: new}\nmargin: {relative: 0.1}\n"
        b"cohorts: [{by: speaker_id, required: [s1]}]\nmin_speakers: 2\n"
        b"statistics: {resamples: 200, permutations: 200, min_speakers: 2}\nunjudged: allowed\n"
    )

    def read(path: Path) -> object:
        for name, content in files.items():
            if name != path.name:
                path.with_name(name).write_bytes(content)
        return run_gate(read_gate(path.with_name("gate.yaml")), path.parent)

    return [files[file]], read, file


def _transcripts() -> tuple[list[bytes], Callable[[Path], object], str]:
    from isogloss.io.transcripts import read_transcripts

    seeds = [b";; x\nf 1 s1 0.0 1.5 <o,f> turn on\nf 1 s2 1.5 2.5 <o,m> the light\n"]
    return seeds, read_transcripts, "ref.stm"


def _stage_tables() -> tuple[list[bytes], Callable[[Path], object], str]:
    import pandas as pd

    from isogloss.tables import read_parquet

    buffer = io.BytesIO()
    pd.DataFrame(_records()).to_parquet(buffer)
    return [buffer.getvalue()], lambda path: read_parquet(path, ["utterance_id"]), "utterances.parquet"


def _stage_json() -> tuple[list[bytes], Callable[[Path], object], str]:
    from isogloss.tables import read_json

    return [json.dumps(_records(), indent=2).encode()], read_json, "fairness.json"


def _locks() -> tuple[list[bytes], Callable[[Path], object], str]:
    from isogloss.pipeline.repo.mending import lock_entries, mend_locks

    def read(path: Path) -> object:
        mend_locks(path.parent)
        return lock_entries(path.read_bytes()) if path.exists() else None

    return [(ROOT / "dvc.lock").read_bytes()[:4000]], read, "dvc.lock"


def _checkpoints() -> tuple[list[bytes], Callable[[Path], object], str]:
    import torch

    from isogloss.training.checkpoints import read_checkpoint, write_checkpoint

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "last.ckpt"
        write_checkpoint({"epoch": 1, "state": {0: torch.ones(20)}}, path)
        return [path.read_bytes()], read_checkpoint, "last.ckpt"


def _source(kind: str) -> tuple[list[bytes], Callable[[Path], object], str]:
    """A corpus of one kind beside the mutated file: its tables are read and checked, its audio too."""
    import numpy as np
    import soundfile

    from isogloss.corpus.ingest import describe

    wav = io.BytesIO()
    soundfile.write(wav, 0.3 * np.sin(np.arange(8000) / 5), 16000, format="WAV")
    entry = {"audio_filepath": "a.wav", "offset": 0.0, "duration": 0.4, "text": "turn on", "speaker": "s1"}
    tables = {
        "table.csv": b"audio,text,speaker_id,age\na.wav,turn on,s1,30\n",
        "manifest.jsonl": json.dumps(entry).encode() + b"\n",
        "validated.tsv": b"client_id\tpath\tsentence\tage\tgender\na1\ta.wav\tTurn on\ttwenties\tmale\n",
        "wav.scp": b"r1 a.wav\n",
    }

    def read(path: Path) -> object:
        folder = path.parent
        place = folder / "clips" if path.name == "validated.tsv" else folder
        place.mkdir(exist_ok=True)
        if kind == "a.wav":
            (folder / "table.csv").write_bytes(tables["table.csv"])
            return describe(folder / "table.csv", "mine", corpora=folder / "corpora", overwrite=True)
        (place / "a.wav").write_bytes(wav.getvalue())
        for name, line in {"text": "r1 turn on", "utt2spk": "r1 s1"}.items():
            (folder / name).write_text(f"{line}\n")
        given = folder if path.name == "wav.scp" else path
        return describe(given, "mine", corpora=folder / "corpora", overwrite=True)

    return [wav.getvalue() if kind == "a.wav" else tables[kind]], read, kind


def _manifests(file: str) -> tuple[list[bytes], Callable[[Path], object], str]:
    """A folder of Lhotse's manifests, of which one is mutated."""
    import numpy as np
    import soundfile

    from isogloss.corpus.ingest import describe

    recording = {
        "id": "r1", "sources": [{"type": "file", "channels": [0], "source": "a.wav"}],
        "sampling_rate": 16000, "num_samples": 8000, "duration": 0.5, "channel_ids": [0],
    }  # fmt: skip
    said = {
        "id": "u1", "recording_id": "r1", "start": 0.0, "duration": 0.5, "channel": 0, "text": "turn on",
        "speaker": "s1", "gender": "f", "custom": {"age": 30},
    }  # fmt: skip
    files = {"recordings.jsonl": recording, "supervisions.jsonl": said}
    wav = io.BytesIO()
    soundfile.write(wav, 0.3 * np.sin(np.arange(8000) / 5), 16000, format="WAV")

    def read(path: Path) -> object:
        folder = path.parent
        (folder / "a.wav").write_bytes(wav.getvalue())
        for name, content in files.items():
            if name != path.name:
                (folder / name).write_text(json.dumps(content) + "\n", encoding="utf-8")
        options = {"kind": "lhotse", "corpora": folder / "corpora", "overwrite": True}
        return describe(folder, "mine", **options)

    return [json.dumps(files[file]).encode() + b"\n"], read, file


def _descriptions() -> tuple[list[bytes], Callable[[Path], object], str]:
    from isogloss.corpus.description import read_description

    seeds = [path.read_bytes() for path in sorted((ROOT / "corpora").glob("*.yaml"))]
    return seeds, lambda path: read_description(path.stem, path.parent), "mine.yaml"


ENTRIES: dict[str, tuple[int, Callable[[], tuple[list[bytes], Callable[[Path], object], str]]]] = {
    "params": (5000, _params),
    "experiments": (1500, _experiments),
    "csv": (3000, lambda: _table("csv")),
    "tsv": (1500, lambda: _table("tsv")),
    "jsonl": (2000, lambda: _table("jsonl")),
    "json": (1500, lambda: _table("json")),
    "parquet": (1500, lambda: _table("parquet")),
    "corpus descriptions": (1500, _descriptions),
    "corpora: table": (1000, lambda: _source("table.csv")),
    "corpora: NeMo": (1000, lambda: _source("manifest.jsonl")),
    "corpora: Common Voice": (1000, lambda: _source("validated.tsv")),
    "corpora: Kaldi": (1000, lambda: _source("wav.scp")),
    "corpora: recordings of Lhotse": (1000, lambda: _manifests("recordings.jsonl")),
    "corpora: supervisions of Lhotse": (1000, lambda: _manifests("supervisions.jsonl")),
    "audio headers": (1500, lambda: _source("a.wav")),
    "gate.yaml": (500, lambda: _gate("gate.yaml")),
    "gate candidates": (500, lambda: _gate("new.jsonl")),
    "transcripts": (1000, _transcripts),
    "stage tables": (1000, _stage_tables),
    "stage JSON": (500, _stage_json),
    "dvc.lock": (500, _locks),
    "checkpoints": (1000, _checkpoints),
}
"""Entry point -> how many cases, and a function for valid files, the reader and a file's name."""


def fuzz() -> Iterator[Case]:
    """Mutated inputs by entry point: read, or refused in one sentence, within ten seconds and 2 GB of memory."""
    for name, (count, _) in ENTRIES.items():
        yield Case(f"{name}, {count} cases", lambda _, name=name, count=count: _fuzzed(name, count), in_clone=False)


def _fuzzed(name: str, count: int) -> str:
    """What became of the cases of one entry point."""
    command = [sys.executable, __file__, name, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise RuntimeError((lines or [done.stderr])[-1][-400:])
    return lines[-1]


class TooLongError(BaseException):
    """A case took longer than it may; no reader may catch this."""


def main(name: str, count: int) -> int:
    """Do the cases of one entry point; the last line says what became of them."""
    seeds, read, file = ENTRIES[name][1]()
    drawn, counts, broken = random.Random(f"{name} 1"), Counter[str](), []
    signal.signal(signal.SIGALRM, _too_long)
    begun, slowest = time.monotonic(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        for _ in range(count):
            if time.monotonic() - begun > _BUDGET_SECONDS:
                break
            _remove(path)
            if odd := drawn.random() < _ODD_SHARE:
                _write_odd(drawn, content := drawn.choice(seeds), path)
            else:
                path.write_bytes(content := mutated(drawn, seeds))
            started = time.monotonic()
            signal.alarm(_MOST_SECONDS)
            try:
                read(path)
                counts["read"] += 1
            except IsoglossError as error:
                counts["refused"] += 1
                if "\n" in str(error) or len(str(error)) > _LONGEST_SENTENCE:
                    broken.append(f"a sentence of {len(str(error))} characters: {str(error)[:80]!r}")
            except (Exception, TooLongError) as error:
                broken.append(f"{type(error).__name__}{' of an odd file' * odd}: {str(error)[:120]!r}")
                if len(sys.argv) > 3:
                    Path(sys.argv[3]).write_bytes(content)
                    raise
            finally:
                signal.alarm(0)
            slowest = max(slowest, time.monotonic() - started)
    if broken:
        kinds = Counter(each.partition(":")[0] for each in broken)
        print(f"{len(broken)} of {counts.total() + len(broken)}: {dict(kinds)}; for instance {broken[0]}")
        return 1
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if megabytes > _MOST_MEGABYTES:
        print(f"{megabytes:.0f} MB of memory at most")
        return 1
    print(
        f"{counts['read']} read, {counts['refused']} refused in one sentence; the slowest took {slowest:.1f} s; "
        f"{megabytes:.0f} MB of memory at most"
    )
    return 0


def _too_long(*_: object) -> None:
    raise TooLongError(f"longer than {_MOST_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
