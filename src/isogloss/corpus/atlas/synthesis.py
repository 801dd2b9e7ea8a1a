"""The parent's side of synthesis: one server process a core, jobs handed out as servers become free."""

import difflib
import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from isogloss.corpus.atlas.description import Description
from isogloss.corpus.atlas.jobs import Job
from isogloss.errors import CorpusError

Segments = list[tuple[int, int]]
"""For each utterance of a recording: its first sample and its number of samples, at 16 kHz."""

_POLL_S = 0.1


@contextmanager
def start_server(folder: Path) -> Iterator[Callable[[Job], dict[str, Segments]]]:
    """A synthesis server that records into `folder`, as a function of a job; leaving the block waits for its end.

    The function raises a `CorpusError` where the server refuses the job (an unknown voice, a full disk) or has ended.
    """
    # A separate process group, so that Ctrl-C reaches only the parent, which then closes the servers in order.
    process = subprocess.Popen(
        [sys.executable, "-m", "isogloss.corpus.atlas.server", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    requests, answers = cast(IO[str], process.stdin), cast(IO[str], process.stdout)

    def perform(job: Job) -> dict[str, Segments]:
        try:
            requests.write(job.to_line())
            requests.flush()
            line = answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise CorpusError(f"the synthesis server ended at speaker {job.speaker_id}; its message is above")
        answer = json.loads(line)
        if "error" in answer:
            raise CorpusError(f"speaker {job.speaker_id} ({job.voice}): {answer['error']}")
        return {
            recording: [(start, count) for start, count in found] for recording, found in answer["segments"].items()
        }

    try:
        yield perform
    finally:
        process.communicate()


def check_voices(description: Description) -> None:
    """Raise a `CorpusError` where espeak-ng is not installed, or lacks a variant (it would ignore that silently)."""
    if importlib.util.find_spec("espeakng_loader") is None:
        raise CorpusError(
            "Atlas is spoken by espeak-ng, which is not installed: `pip install 'isogloss[atlas]'`, "
            "or set corpus.source to a corpus of recorded speech"
        )
    import espeakng_loader

    known = sorted(path.name for path in (Path(espeakng_loader.get_data_path()) / "voices" / "!v").iterdir())
    tables = {"variants": description.variants} | {
        f"dialects.{name}.variants": dialect.variants
        for name, dialect in description.dialects.items()
        if dialect.variants
    }
    for key, variants in tables.items():
        for variant in (*variants.female, *variants.male):
            if variant not in known:
                near = difflib.get_close_matches(variant, known, n=1, cutoff=0.3)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
                raise CorpusError(f"{key} names {variant!r}, a voice variant that espeak-ng lacks; {hint}")


def synthesise(
    jobs: Sequence[Job],
    folder: Path,
    *,
    workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Segments]:
    """Record every job's speaker into `folder`, on `workers` cores (all that this process may use by default).

    The files do not depend on the number of workers. `progress` is told now and then how many speakers are done.

    Returns
    -------
    dict
        The segments of each recording.

    Raises
    ------
    CorpusError
        espeak-ng refuses a voice or crashes. No server is left behind, nor on Ctrl-C.
    """
    if not jobs:
        return {}
    pending: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        pending.put(job)
    results: dict[str, dict[str, Segments]] = {}
    stop = threading.Event()

    def serve() -> None:
        with start_server(folder) as perform:
            while not stop.is_set():
                try:
                    job = pending.get_nowait()
                except queue.Empty:
                    return
                results[job.speaker_id] = perform(job)

    workers = min(workers or _available_cores(), len(jobs))
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(serve) for _ in range(workers)]
        try:
            while running:
                done, waiting = wait(running, timeout=_POLL_S)
                for finished in done:
                    finished.result()
                running = list(waiting)
                if progress:
                    progress(len(results))
        finally:
            stop.set()
    return {recording: found for segments in results.values() for recording, found in segments.items()}


def _available_cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
