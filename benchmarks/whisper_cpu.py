"""Features and decoding of Whisper with a short window, against `transformers` utterance by utterance, on a CPU.

    python benchmarks/whisper_cpu.py --utterances 24 --window 8

Utterances of speechocean762 that fit in the window. Theirs: `WhisperProcessor` and `generate` of one utterance at a
time with the full window of 30 s. Ours: `isogloss.recognizers.whisper` with the short window, in batches, and with the
full window, in batches. All decode greedily and stop after `TOKENS` tokens at the latest, about as many as an utterance
has: a checkpoint that has not been adapted to the short window would repeat itself, which an adapted one does not, and
what is measured is the work for an utterance. Times are CPU seconds of the
process, since the machine may be busy with other work, and wall seconds beside them; the three ways take turns, and the
best of the rounds counts. Results go to `benchmarks/results/whisper_cpu.{json,md}`.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.samples import Samples
from isogloss.inference.hearing import torch_hearing
from isogloss.inference.recordings import AudioColumns, read_recordings
from isogloss.recognizers.pretrained import checkpoint_digest, resolve_checkpoint
from isogloss.recognizers.whisper import WhisperRecognizer

RESULTS = Path(__file__).parent / "results"
CHECKPOINT = "$ISOGLOSS_MODELS/whisper-tiny.en"
TOKENS = 11
"""What `WhisperRecognizer` allows an utterance beside those that its duration brings."""


def main() -> None:
    """Measure, check that the texts are comparable, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=24)
    parser.add_argument("--window", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    folder = resolve_checkpoint(CHECKPOINT)
    audio = recorded(options.utterances, options.window)
    ways = {
        "transformers, one utterance, 30 s": theirs(folder),
        "isogloss, batches, 30 s": ours(folder, None),
        f"isogloss, batches, {options.window} s": ours(folder, options.window),
    }
    rows = {name: {"cpu_s": float("inf"), "wall_s": float("inf"), "same": 0.0} for name in ways}
    reference: list[str] = []
    for _ in range(options.rounds):
        for name, hear in ways.items():
            cpu, wall = time.process_time(), time.perf_counter()
            texts = hear(audio)
            row = rows[name]
            row["cpu_s"] = min(row["cpu_s"], (time.process_time() - cpu) / len(audio))
            row["wall_s"] = min(row["wall_s"], (time.perf_counter() - wall) / len(audio))
            texts = [text.strip() for text in texts]
            reference = reference or texts
            row["same"] = sum(map(str.__eq__, texts, reference)) / len(texts)
    write(rows, options, digest=checkpoint_digest(folder), seconds=sum(map(len, audio)) / 16_000)


def recorded(count: int, window: int) -> list[Samples]:
    """Samples of utterances that fit in the window, spread over the corpus."""
    data = Path(os.environ.get("ISOGLOSS_DATA") or "../shared/data") / "speechocean762"
    rows = pd.read_csv(data / "recordings.csv", dtype=str)
    fitting = rows[rows["num_samples"].astype(int) <= window * 16_000]
    chosen = fitting.iloc[:: max(1, len(fitting) // count)][:count]
    columns = AudioColumns(audio="file", start="start", duration="num_samples", unit="samples")
    with tempfile.TemporaryDirectory() as folder:
        chosen.to_csv(Path(folder) / "chosen.csv", index=False)
        recordings = read_recordings(Path(folder) / "chosen.csv", columns, root=data)
        return [recording.samples() for recording in recordings]


def theirs(folder: Path) -> Callable[[list[Samples]], list[str]]:
    """`transformers` as its documentation has it, one utterance at a time."""
    from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForSpeechSeq2Seq.from_pretrained(folder, dtype=torch.float32).eval()

    def hear(audio: list[Samples]) -> list[str]:
        texts = []
        for samples_S in audio:
            inputs = processor(samples_S, sampling_rate=16_000, return_tensors="pt")
            with torch.no_grad():
                found = model.generate(inputs.input_features, max_new_tokens=TOKENS, do_sample=False, num_beams=1)
            texts.append(processor.batch_decode(found, skip_special_tokens=True)[0])
        return texts

    return hear


def ours(folder: Path, window: int | None) -> Callable[[list[Samples]], list[str]]:
    """The recogniser behind the port, as stages and `isogloss transcribe` call it."""
    recognizer = WhisperRecognizer.from_checkpoint(folder, window_seconds=window, max_tokens_per_second=1e-6)
    return torch_hearing(recognizer, decoding=DecodingParams())


def write(rows: dict[str, dict[str, float]], options: argparse.Namespace, *, digest: str, seconds: float) -> None:
    """The table and its numbers."""
    first = next(iter(rows.values()))
    command = (
        f"python benchmarks/whisper_cpu.py --utterances {options.utterances} --window {options.window} "
        f"--threads {options.threads} --rounds {options.rounds}"
    )
    lines = [
        "# Whisper tiny.en on a CPU",
        "",
        f"    {command}",
        "",
        f"{options.utterances} utterances of speechocean762 ({seconds:.0f} s of speech), greedy, at most {TOKENS} "
        f"tokens each, {options.threads} threads on {os.cpu_count()} cores; seconds an utterance for features and "
        "decoding together. Other work ran on the machine meanwhile, so that CPU seconds are what compares.",
        "",
        "| way | CPU s | wall s | times faster (CPU) | same text |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        faster = first["cpu_s"] / row["cpu_s"]
        lines.append(f"| {name} | {row['cpu_s']:.3f} | {row['wall_s']:.3f} | {faster:.1f} | {row['same']:.0%} |")
    lines += [
        "",
        "The checkpoint has not been adapted to the short window here, so that its text is another one; a model that "
        "is used with one is adapted to it first (docs/recognisers.md).",
    ]
    RESULTS.joinpath("whisper_cpu.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    content = {"command": command, "checkpoint_sha256": digest, "torch": torch.__version__, "rows": rows}
    RESULTS.joinpath("whisper_cpu.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
