"""The synthesis server: `python -m isogloss.corpus.atlas.server FOLDER` reads jobs from stdin, writes FLAC files.

One line of JSON a job in, one line a result out. The server initialises espeak-ng and never speaks; each speaker is
spoken by a freshly forked child, so the sound depends on the job alone (see `espeak`). It has no threads, imports
neither torch nor lhotse, and ends after the job at hand when its stdin closes, which also happens when its parent
dies in whatever way.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import soundfile

from isogloss.corpus.atlas.channel import DOWN, SAMPLE_RATE, UP, FloatArray, resample, transmit, tremble
from isogloss.corpus.atlas.espeak import Espeak
from isogloss.corpus.atlas.jobs import Job
from isogloss.errors import CorpusError

_AUDIBLE = 0.003
"""Amplitude, relative to full scale, up to which samples at the edges of an utterance are silence."""
_LEAD_S = (0.06, 0.2)
_TAIL_S = (0.12, 0.25)
"""Ranges in seconds of the silence before (`_LEAD_S`) and after (`_TAIL_S`) the words of an utterance."""


def main() -> None:
    """Serve until stdin closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Only the parent decides when to stop.
    folder = Path(sys.argv[1])
    engine = Espeak()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _serve_and_exit(line, folder, engine)
        _, status = os.waitpid(child, 0)
        if status != 0:
            _answer({"error": f"the process that speaks died (status {status}) on {line.strip()}"})


def _serve_and_exit(line: str, folder: Path, engine: Espeak) -> None:
    """One job, in the child."""
    job = Job.from_line(line)
    try:
        _answer({"segments": perform(job, folder, engine)})
    except (CorpusError, OSError, soundfile.LibsndfileError) as error:
        _answer({"error": str(error)})
    os._exit(0)


def _answer(content: dict[str, object]) -> None:
    """One line to the parent."""
    line = json.dumps(content) + "\n"
    os.write(sys.stdout.fileno(), line.encode())


def perform(job: Job, folder: Path, engine: Espeak) -> dict[str, list[list[int]]]:
    """Speak and record one speaker, each recording into `<folder>/<recording_id>.flac` (16 kHz, 16 bit).

    Returns
    -------
    dict
        By recording, first sample and number of samples of each utterance; together they make the whole recording.
    """
    rng = np.random.default_rng([*job.seed, 1])
    breath = int(rng.integers(2**31))
    engine.set_voice(job.voice, pitch=job.pitch, pitch_range=job.pitch_range, rate=job.rate, seed=breath)
    segments = {}
    for take in job.takes:
        pieces = [_with_silence(_trim(engine.say(text), text), rng) for text in take.texts]
        lengths = [len(piece) // DOWN * UP for piece in pieces]
        starts = np.cumsum([0, *lengths[:-1]])
        spoken = tremble(resample(np.concatenate(pieces)), depth=job.tremor, hertz=job.tremor_hz, rng=rng)
        recording = transmit(spoken, take.channel)
        soundfile.write(folder / f"{take.recording_id}.flac", recording, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        segments[take.recording_id] = [[int(start), length] for start, length in zip(starts, lengths, strict=True)]
    return segments


def _trim(samples: np.ndarray, text: str) -> FloatArray:
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
