"""Tiny corpora in the layouts in which the real ones are distributed: twelve speakers who hum, two utterances each.

Each function writes one corpus below a folder and returns what `isogloss ingest` is given.
"""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

SPEAKERS = 12
TEXTS = ("turn on the light", "what's the time")
GENDERS = ("female", "male")


def hum(seconds: float = 0.5, *, pitch: float = 200.0, rate: int = 16000) -> np.ndarray:
    """A tone, at -10 dB of full scale."""
    return 0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)


def save(path: Path, samples: np.ndarray, rate: int = 16000, **how: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **how)
    return path


def rows(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def every() -> list[tuple[int, int, str, str]]:
    """Speaker, take, text and gender of each utterance."""
    return [(s, take, TEXTS[take], GENDERS[s % 2]) for s in range(SPEAKERS) for take in range(2)]


def commonvoice(root: Path) -> Path:
    """A locale: TSV without quoting, clips as MP3 at 32 kHz in `clips/`."""
    header = "client_id path sentence_id sentence sentence_domain up_votes down_votes age gender accents variant locale"
    lines = ["\t".join([*header.split(), "segment"])]
    for s, take, text, gender in every():
        clip = f"common_voice_en_{s}{take}.mp3"
        save(root / "clips" / clip, hum(0.6, pitch=200 + 20 * s, rate=32000), 32000, format="MP3")
        said = f'"{text.capitalize()}, she said.' if take else text.capitalize() + "."
        age = ["twenties", "thirties", ""][s % 3]
        cells = [f"{s:0128x}", clip, "x" * 64, said, "", "2", "0", age, f"{gender}_x" if s else "", "", "", "en", ""]
        lines.append("\t".join(cells))
    rows(root / "validated.tsv", lines)
    return root / "validated.tsv"


def voxceleb(root: Path) -> Path:
    """VoxCeleb1: people in a table separated by tabs, `wav/<person>/<video>/<number>.wav`."""
    lines = ["VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet"]
    for s in range(SPEAKERS):
        lines.append(
            f"id1{s:04d}\tSome_Body{s}\t{'fm'[s % 2]}\t{['USA', 'India'][s % 2]}\t{'test' if s < 3 else 'dev'}"
        )
        for take in range(2):
            save(root / "wav" / f"id1{s:04d}" / f"vid{take}" / "00001.wav", hum(pitch=200 + 20 * s))
    rows(root / "vox1_meta.csv", lines)
    return root


def voxceleb2(root: Path) -> Path:
    """VoxCeleb2, converted: a table with commas and trailing spaces, `dev/aac/<person>/<video>/<number>.flac`."""
    lines = ["VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set "]
    for s in range(SPEAKERS):
        lines.append(f"id0{s:04d} ,n00000{s} ,{'fm'[s % 2]} ,dev ")
        for take in range(2):
            save(root / "dev" / "aac" / f"id0{s:04d}" / f"vid{take}" / "00001.flac", hum(pitch=200 + 20 * s))
    rows(root / "vox2_meta.csv", lines)
    return root


def coraal(root: Path) -> Path:
    """One component: audio, text files with interviewers, pauses and marks, and metadata, each in a folder."""
    meta = ["CORAAL.Spkr\tCORAAL.File\tGender\tAge\tAge.Group\tEdu.Group\tOccupation"]
    for s in range(SPEAKERS):
        speaker, file = f"ATL_se0_ag1_f_{s:02d}", f"ATL_se0_ag1_f_{s:02d}_1"
        meta.append(f"{speaker}\t{file}\t{'Female' if s % 2 else 'Male'}\t{20 + s}\t-29\tEdu2\tN/A")
        save(root / "ATL_audio_part01" / f"{file}.wav", hum(4.0, pitch=200 + 20 * s, rate=44100), 44100)
        said = [
            ("ATL_int_01", 0.0, "Where did you grow up?", 0.5),
            (speaker, 0.5, "Turn [on] the <laugh> light", 1.0),
            (speaker, 1.0, "(pause 0.52)", 1.5),
            (speaker, 1.5, "/unintelligible/ and then", 2.0),
            (speaker, 2.0, "What's /the/ time?", 2.5),
        ]
        lines = ["Line\tSpkr\tStTime\tContent\tEnTime"]
        lines += [f"{n}\t{who}\t{start}\t{text}\t{end}" for n, (who, start, text, end) in enumerate(said, start=1)]
        rows(root / "ATL_textfiles_2020.05" / f"{file}.txt", lines)
    rows(root / "ATL_metadata_2020.05.txt", meta)
    return root


def edacc(root: Path) -> Path:
    """`edacc_v1.0`: conversations as WAV at 32 kHz, parts in Kaldi's form without wav.scp, a table of backgrounds."""
    folder = root / "edacc_v1.0"
    questions = [
        "PARTICIPANT_ID",
        "What is your gender?",
        "What’s your ethnic background? ",
        "What is your higher level of education?",
        "How would you describe your accent in English? (e.g. Italian, Glaswegian)",
        "What’s your year of birth? (e.g., 1992)",
    ]
    lines = [",".join(f'"{question}"' for question in questions)]
    parts: dict[str, dict[str, list[str]]] = {
        part: {name: [] for name in ("segments", "text", "utt2spk", "conv.list")} for part in ("dev", "test")
    }
    for call in range(SPEAKERS // 2):
        recording, part = f"EDACC-C{call:02d}", ["dev", "test"][call % 2]
        save(folder / "data" / f"{recording}.wav", hum(4.0, pitch=200 + 20 * call, rate=32000), 32000)
        of = parts[part]
        of["conv.list"].append(recording)
        for side in "AB":
            speaker = f"{recording}-{side}"
            lines.append(f"{speaker},{GENDERS[side == 'B'].capitalize()},x,MSc,Scottish English,1990")
            for take, text in enumerate(TEXTS):
                utterance, start = f"{speaker}-{take}", 0.25 + take + 2.0 * (side == "B")
                of["segments"].append(f"{utterance} {recording} {start:.2f} {start + 0.7:.2f}")
                of["text"].append(f"{utterance} {text.upper()} <laugh>" if take else f"{utterance} {text.upper()}")
                of["utt2spk"].append(f"{utterance} {speaker}")
        of["segments"].append(f"{recording}-ignored {recording} 3.90 4.00")
        of["text"].append(f"{recording}-ignored IGNORE_TIME_SEGMENT_IN_SCORING")
        of["utt2spk"].append(f"{recording}-ignored {recording}-A")
    for part, files in parts.items():
        for name, content in files.items():
            rows(folder / part / name, content)
    rows(folder / "linguistic_background.csv", lines)
    return root


def fairspeech(root: Path) -> Path:
    """One TSV of demography, one WAV a hash; no speakers."""
    names = "hash_name transcription age gender first_language socioeconomic_bkgd ethnicity"
    lines = ["\t".join(names.split())]
    for s, take, text, gender in every():
        name = f"{1000 + 2 * s + take:016d}"
        save(root / "asr_fairness_audio" / f"{name}.wav", hum(pitch=200 + 20 * s))
        lines.append("\t".join([name, text, "18 - 22", gender, ["English", "Hindi"][s % 2], "Medium", "Asian"]))
    rows(root / "asr_fairness_transcriptions.tsv", lines)
    return root


def kaldi(root: Path) -> Path:
    """Telephone calls: SPHERE with a speaker a side, behind a command that decodes it; segments and genders."""
    folder, lines = root / "data" / "train", {name: [] for name in ("wav.scp", "segments", "text", "utt2spk")}
    sides, genders = [], []
    for call in range(SPEAKERS // 2):
        both = np.stack(
            [hum(2.0, pitch=200 + 40 * call, rate=8000), hum(2.0, pitch=220 + 40 * call, rate=8000)], axis=1
        )
        path = save(root / "audio" / f"call{call}.sph", both, 8000, format="NIST")
        for channel, side in enumerate("AB"):
            recording = f"call{call}-{side}"
            lines["wav.scp"].append(f"{recording} sph2pipe -f wav -p -c {channel + 1} {path} |")
            genders.append(f"spk{call}{side} {'mf'[channel]}")
            sides.append(f"{recording} call{call} {side}")
            for take, text in enumerate(TEXTS):
                utterance = f"spk{call}{side}-{take}"
                lines["segments"].append(f"{utterance} {recording} {take:.2f} {take + 0.75:.2f}")
                lines["text"].append(f"{utterance} {text}")
                lines["utt2spk"].append(f"{utterance} spk{call}{side}")
    for name, content in lines.items():
        rows(folder / name, content)
    rows(folder / "spk2gender", genders)
    rows(folder / "reco2file_and_channel", sides)
    return folder


def nemo(root: Path) -> Path:
    """A manifest with absolute paths and offsets into long Ogg/Opus files elsewhere."""
    lines = []
    for s in range(SPEAKERS):
        path = save(root / "elsewhere" / f"{s}.opus", hum(2.0, pitch=200 + 20 * s), format="OGG", subtype="OPUS")
        for take, text in enumerate(TEXTS):
            entry = {"audio_filepath": str(path), "offset": 1.0 * take, "duration": 0.5, "text": text}
            lines.append(json.dumps(entry | {"speaker": f"s{s}", "accent": ["Bengali", "Scots"][s % 2]}))
    rows(root / "manifests" / "train.json", lines)
    return root / "manifests" / "train.json"


def lhotse(root: Path) -> Path:
    """Manifests of Lhotse, made by Lhotse and gzipped, in two parts with several rates."""
    from lhotse import Recording, RecordingSet, SupervisionSegment, SupervisionSet

    for part in ("train-clean", "test-other"):
        recordings, supervisions = [], []
        for s in range(SPEAKERS):
            if (s < 3) != (part == "test-other"):
                continue
            rate = [16000, 22050][s % 2]
            path = save(root / "audio" / f"r{s}.flac", hum(2.0, pitch=200 + 20 * s, rate=rate), rate)
            recordings.append(Recording.from_file(path, recording_id=f"rec-{s}"))
            for take, text in enumerate(TEXTS):
                supervisions.append(
                    SupervisionSegment(
                        id=f"u{s}-{take}",
                        recording_id=f"rec-{s}",
                        start=1.0 * take,
                        duration=0.5,
                        text=text.upper(),
                        speaker=f"s{s}",
                        gender=GENDERS[s % 2],
                        language="English",
                        custom={"accent": "Irish", "shoe_size": 42},
                    )
                )
        (root / "manifests").mkdir(parents=True, exist_ok=True)
        RecordingSet.from_recordings(recordings).to_file(root / f"manifests/mine_recordings_{part}.jsonl.gz")
        SupervisionSet.from_segments(supervisions).to_file(root / f"manifests/mine_supervisions_{part}.jsonl.gz")
    return root / "manifests"


def table(root: Path) -> Path:
    """A gzipped CSV by other names for its columns, beside WAV of two channels with a speaker a side."""
    lines = ["file,transcript,speaker,channel,native_language"]
    for call in range(SPEAKERS // 2):
        both = np.stack([hum(pitch=200 + 40 * call), hum(pitch=220 + 40 * call)], axis=1)
        for take, text in enumerate(TEXTS):
            save(root / "audio" / f"{call}-{take}.wav", both)
            for side in "AB":
                lines.append(f"audio/{call}-{take}.wav,{text},s{call}{side},{side},{['Urdu', 'Thai'][call % 2]}")
    (root / "mine.csv.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return root / "mine.csv.gz"


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "commonvoice": commonvoice,
    "voxceleb": voxceleb,
    "coraal": coraal,
    "edacc": edacc,
    "fairspeech": fairspeech,
    "kaldi": kaldi,
    "nemo": nemo,
    "lhotse": lhotse,
    "table": table,
}
"""By the kind that has to be recognised."""
