"""The synthesis server: `python -m isogloss.corpus.atlas.server FOLDER` reads jobs from stdin, writes FLAC files.

One line of JSON a job in, one line a result out. Another process speaks (see `talker`); this one cuts, resamples and
records, so the files depend on the job alone. It imports neither torch nor lhotse, and ends after the job at hand when
its stdin closes, which also happens when its parent dies in whatever way.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from isogloss.corpus.atlas.channel import DOWN, SAMPLE_RATE, UP, FloatArray, resample, transmit, tremble
from isogloss.corpus.atlas.jobs import Job
from isogloss.errors import CorpusError

_AUDIBLE = 0.003
"""Amplitude, relative to full scale, up to which samples at the edges of an utterance are silence."""
_LEAD_S = (0.06, 0.2)
_TAIL_S = (0.12, 0.25)
"""Ranges in seconds of the silence before (`_LEAD_S`) and after (`_TAIL_S`) the words of an utterance."""


class Talker:
    """The process that speaks for this server; leaving the block ends it."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "isogloss.corpus.atlas.talker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def say(self, job: Job, texts: list[str], *, breath: int) -> list[NDArray[np.int16]]:
        """The samples of each sentence at 22.05 kHz, said by the speaker of a job.

        Raises
        ------
        CorpusError
            espeak-ng has no such voice, or has crashed.
        """
        requests, answers = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        voice = {"voice": job.voice, "pitch": job.pitch, "pitch_range": job.pitch_range, "rate": job.rate}
        try:
            requests.write(json.dumps({**voice, "seed": breath, "texts": texts}).encode() + b"\n")
            requests.flush()
            head = json.loads(answers.readline() or "{}")
        except (BrokenPipeError, json.JSONDecodeError):
            head = {}
        if "error" in head:
            raise CorpusError(head["error"])
        spoken = [answers.read(length) for length in head.get("bytes", [])]
        if [len(samples) for samples in spoken] != head.get("bytes"):
            raise CorpusError(
                f"the process that speaks died (status {self._process.wait()}) on {job.to_line().strip()}"
            )
        return [np.frombuffer(samples, dtype=np.int16) for samples in spoken]


def main() -> None:
    """Serve until stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Only the parent decides when to stop.
    folder = Path(sys.argv[1])
    with Talker() as talker:
        for line in sys.stdin:
            try:
                _answer({"segments": perform(Job.from_line(line), folder, talker)})
            except (CorpusError, OSError, soundfile.LibsndfileError) as error:
                _answer({"error": str(error)})


def _answer(content: dict[str, object]) -> None:
    """One line to the parent."""
    line = json.dumps(content) + "\n"
    os.write(sys.stdout.fileno(), line.encode())


def perform(job: Job, folder: Path, talker: Talker) -> dict[str, list[list[int]]]:
    """Speak and record one speaker, each recording into `<folder>/<recording_id>.flac` (16 kHz, 16 bit).

    Returns
    -------
    dict
        By recording, first sample and number of samples of each utterance; together they make the whole recording.
    """
    rng = np.random.default_rng([*job.seed, 1])
    breath = int(rng.integers(2**31))
    said = iter(talker.say(job, [text for take in job.takes for text in take.texts], breath=breath))
    segments = {}
    for take in job.takes:
        pieces = [_with_silence(_trim(next(said), text), rng) for text in take.texts]
        lengths = [len(piece) // DOWN * UP for piece in pieces]
        starts = np.cumsum([0, *lengths[:-1]])
        spoken = tremble(resample(np.concatenate(pieces)), depth=job.tremor, hertz=job.tremor_hz, rng=rng)
        recording = transmit(spoken, take.channel)
        soundfile.write(folder / f"{take.recording_id}.flac", recording, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        segments[take.recording_id] = [[int(start), length] for start, length in zip(starts, lengths, strict=True)]
    return segments


def _trim(samples: NDArray[np.int16], text: str) -> FloatArray:
    """Samples between -1 and 1 without the engine's own silence at the edges."""
    signal_T = samples.astype(np.float32) / np.float32(32768)
    audible = np.flatnonzero(np.abs(signal_T) > _AUDIBLE)
    if len(audible) == 0:
        raise CorpusError(f"espeak-ng says nothing for {text!r}; correct the grammar or the dialect's voices")
    return signal_T[audible[0] : audible[-1] + 1]


def _with_silence(samples: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Silence around an utterance, to a whole number of 20 ms blocks, so that 16 kHz has whole samples."""
    rate = DOWN * SAMPLE_RATE // UP
    lead, tail = (int(rate * rng.uniform(*bounds)) for bounds in (_LEAD_S, _TAIL_S))
    return np.pad(samples, (lead, tail + -(lead + len(samples) + tail) % DOWN))


if __name__ == "__main__":
    main()
