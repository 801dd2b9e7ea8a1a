"""Small corpora of a user's own, from a table to the report, or to the sentence that says why not.

    python benchmarks/small_corpora.py            # ten minutes on two cores; needs espeak-ng, git and no network

Speakers are voices of espeak-ng; a native language is the language whose sounds the voice has, as in an accent. Each
corpus is a table beside its audio, in a repository with the project's pipeline and micro params (tests/micro). The
commands are those of a newcomer: `isogloss ingest`, `isogloss check`, and then what `ingest` printed, word by word.
Speaker verification and conversations are off, as they are unless asked for. What was typed, how long it took and how
it ended is in benchmarks/results/small_corpora.{json,md}; what was printed goes to the terminal.
"""

import csv
import multiprocessing
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import resample_poly

from isogloss.config import overridden_text
from isogloss.tables import atomic_path, write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
sys.path[:0] = [str(ROOT / "tests" / "micro")]
from workspace import make_workspace  # noqa: E402

WORDS = ("up", "we", "is", "no")
VOICES = {"English": "en-us", "German": "de", "Hindi": "hi"}
FORMATS = ("wav", "flac", "ogg", "mp3")
RATES = (8000, 16000, 22050, 44100, 48000)


def make_corpus(folder: Path, *, speakers: int, utterances: int = 6, seed: int = 1) -> Path:
    """Write `folder`/speech: audio of mixed formats, rates and channels, and `recordings.csv`, a row an utterance."""
    process = multiprocessing.get_context("spawn").Process(target=_speak, args=(folder, speakers, utterances, seed))
    process.start()  # espeak-ng is GPL-3.0: in a process of its own, as the synthesis of Atlas is
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the synthesis ended with {process.exitcode}")
    return folder / "speech" / "recordings.csv"


def _speak(folder: Path, speakers: int, utterances: int, seed: int) -> None:
    """The body of the process that synthesises."""
    from isogloss.corpus.atlas.espeak import SAMPLE_RATE, Espeak

    drawn, engine = np.random.default_rng(seed), Espeak()
    speech = folder / "speech"
    speech.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for number in range(speakers):
        language = list(VOICES)[number % len(VOICES)]
        gender = ("f", "m")[number // len(VOICES) % 2]
        voice = f"{VOICES[language]}+{gender}{number % 4 + 1}"
        engine.set_voice(voice, pitch=int(drawn.integers(20, 80)), pitch_range=50, rate=160, seed=number)
        rate, suffix = RATES[number % len(RATES)], FORMATS[number % len(FORMATS)]
        for utterance in range(utterances):
            text = " ".join(drawn.choice(WORDS, size=drawn.integers(2, 4)))
            samples_S = resample_poly(np.frombuffer(engine.say(text), np.int16) / 32768, rate, SAMPLE_RATE)
            channels_SC = np.stack([samples_S, 0.5 * samples_S], axis=1) if number % 3 == 2 else samples_S
            name = f"{number:02}-{utterance}.{suffix}"
            soundfile.write(speech / name, 0.8 * channels_SC, rate)
            row = {"audio": name, "text": text.capitalize() + ".", "speaker_id": f"s{number:02}"}
            rows.append(row | {"native_language": language, "gender": {"f": "female", "m": "male"}[gender]})
    with (speech / "recordings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


class Newcomer:
    """Types commands in a repository, and keeps them with their minutes and ends."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.steps: list[dict[str, Any]] = []

    def types(self, command: str) -> tuple[int, str]:
        """The exit code and what was printed."""
        words, begun = shlex.split(command), time.monotonic()
        module = {"isogloss": "from isogloss.cli import main; main()", "dvc": "from dvc.cli import main; exit(main())"}
        done = subprocess.run(
            [sys.executable, "-c", module[words[0]], *words[1:]],
            cwd=self.repository, env=dict(os.environ, DVC_NO_ANALYTICS="1"), check=False,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        minutes = round((time.monotonic() - begun) / 60, 2)
        printed = done.stdout.replace(str(self.repository), ".")
        self.steps.append({"command": command, "code": done.returncode, "minutes": minutes, "printed": printed})
        print(f"$ {command}\n{printed}\n[{done.returncode}, {minutes} min]\n", flush=True)
        return done.returncode, printed


def use(folder: Path, *, speakers: int) -> dict[str, Any]:
    """From a table to the report, or to the command that says why not."""
    make_workspace(folder)
    params = folder / "params.yaml"
    off = {"verification.methods": [], "multitalker.systems": [], "multitalker.sets": []}
    params.write_text(overridden_text(params.read_text(encoding="utf-8"), off, where="params.yaml"), encoding="utf-8")
    make_corpus(folder, speakers=speakers)
    newcomer = Newcomer(folder)
    ingest = "isogloss ingest speech/recordings.csv --name mine --attribute native_language"
    code, printed = newcomer.types(ingest)
    if code and "channel" in printed:
        code, printed = newcomer.types(f"{ingest} --channel mix")
    for what in ("cannot do: ", "the pipeline on it: "):
        named = [line.partition(what)[2] for line in printed.splitlines() if what in line]
        if not code and named:
            code, _ = newcomer.types(named[0])
    report = folder / "reports" / "fairness.html"
    return {"speakers": speakers, "report": report.is_file(), "steps": newcomer.steps}


def write(found: list[dict[str, Any]]) -> None:
    """The results, with the last line of what each command printed."""
    lines = [
        "# Small corpora from a table to the report",
        "",
        "`python benchmarks/small_corpora.py`; its head says what is in them and how they are used.",
        f"{os.cpu_count()} cores; other work may have run beside it.",
    ]
    for one in found:
        minutes = sum(step["minutes"] for step in one["steps"])
        ended = "a report" if one["report"] else "no report"
        lines += [
            "",
            f"## {one['speakers']} speakers: {ended} after {len(one['steps'])} commands, {minutes:.1f} minutes",
        ]
        lines += ["", "| command | exit code | minutes | its last line |", "|---|---:|---:|---|"]
        for step in one["steps"]:
            last = (
                step["printed"].strip().splitlines()[-1].strip().replace("|", "\\|") if step["printed"].strip() else ""
            )
            lines.append(f"| `{step['command']}` | {step['code']} | {step['minutes']} | {last} |")
    write_json({"corpora": found}, RESULTS / "small_corpora.json")
    with atomic_path(RESULTS / "small_corpora.md") as page:
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Use a corpus of each number of speakers on the command line."""
    found = []
    for speakers in map(int, sys.argv[1:] or (6, 70)):
        folder = Path(tempfile.mkdtemp(prefix="isogloss-small-")) / "w"
        print(folder)
        found.append(use(folder, speakers=speakers))
        commands = len(found[-1]["steps"])
        print(f"{speakers} speakers, {commands} commands, report: {found[-1]['report']}", flush=True)
    write(found)


if __name__ == "__main__":
    main()
