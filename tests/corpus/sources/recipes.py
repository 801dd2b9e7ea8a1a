"""Tiny corpora that Lhotse's recipes read, in the layouts in which the real ones are distributed.

Twelve speakers hum two utterances each, as in `layouts`. Each function writes one corpus below a folder and returns the
folder of the corpus.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .layouts import SPEAKERS, TEXTS, every, hum, rows, save

L2_ARCTIC_SPEAKERS = ("ABA", "SKA", "BWC", "LXC", "ASI", "SVBI", "HKK", "HJK", "EBVS", "NJS", "HQTV", "PNV")
AMI_MEETINGS = ("ES2002a", "ES2004a", "ES2011a")
"""One of train, of test and of dev."""
LIBRICSS_SESSIONS = ("0L", "0S", "OV10", "OV20", "OV30", "OV40")


def l2_arctic(root: Path) -> Path:
    """A folder a speaker with `wav` and `transcript`, and the stories of the suitcase corpus as one more folder."""
    for s, take, text, _ in every():
        speaker = L2_ARCTIC_SPEAKERS[s]
        name = f"arctic_a{take:04d}"
        save(root / speaker / "wav" / f"{name}.wav", hum(pitch=200 + 20 * s, rate=44100), 44100)
        rows(root / speaker / "transcript" / f"{name}.txt", [text])
    return root


def librispeech(root: Path) -> Path:
    """A folder a part, reader and chapter, with a file of transcripts; readers in a table with comments."""
    table = [";", "; pipe-separated", "; ID  |SEX| SUBSET           |MINUTES| NAME"]
    for s in range(SPEAKERS):
        reader, part = 100 + s, "test-clean" if s < 3 else "train-clean-100"
        table.append(f"{reader:<5}| {'FM'[s % 2]} | {part:<17}| 25.03 | Some Reader | the {s}th")
        chapter = root / part / str(reader) / "9000"
        for take in range(2):
            save(chapter / f"{reader}-9000-{take:04d}.flac", hum(pitch=200 + 20 * s))
        rows(
            chapter / f"{reader}-9000.trans.txt",
            [f"{reader}-9000-{take:04d} {text.upper()}" for take, text in enumerate(TEXTS)],
        )
    rows(root / "SPEAKERS.TXT", table)
    return root


def ami(root: Path) -> Path:
    """Three meetings of four with a headset each: a WAV a headset, and words, segments and meetings as XML."""
    head = '<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>\n'
    space = 'xmlns:nite="http://nite.sourceforge.net/"'
    notes, meetings = root / "ami_public_manual_1.6.2", []
    for m, meeting in enumerate(AMI_MEETINGS):
        meetings.append(f'  <meeting nite:id="m_{m}" observation="{meeting}" type="scenario">')
        for headset, agent in enumerate("ABCD"):
            s = 4 * m + headset
            path = root / "wav_db" / meeting / "audio" / f"{meeting}.Headset-{headset}.wav"
            save(path, hum(2.0, pitch=200 + 20 * s))
            meetings.append(
                f'    <speaker nite:id="s_{s}" nxt_agent="{agent}" channel="{headset}" '
                f'global_name="{"FM"[s % 2]}EE{s:03d}"/>'
            )
            words, segments = [], []
            for take, text in enumerate(TEXTS):
                said = text.replace("what's", "what is").split()
                for n, word in enumerate(said):
                    start = take + 0.1 * (n + 1)
                    words.append(
                        f'  <w nite:id="w{s}.{take}.{n}" starttime="{start:.2f}" endtime="{start + 0.1:.2f}">{word}</w>'
                    )
                segments.append(
                    f'  <segment nite:id="g{s}.{take}" transcriber_start="{take:.2f}" '
                    f'transcriber_end="{take + 0.9:.2f}"/>'
                )
            for kind, lines in (("words", words), ("segments", segments)):
                file = notes / kind / f"{meeting}.{agent}.{kind}.xml"
                rows(file, [f'{head}<nite:root nite:id="{file.stem}" {space}>', *lines, "</nite:root>"])
        meetings.append("  </meeting>")
    rows(
        notes / "corpusResources" / "meetings.xml",
        [f'{head}<nite:root nite:id="meetings" {space}>', *meetings, "</nite:root>"],
    )
    return root


def libricss(root: Path) -> Path:
    """`for_release`: a session of two talkers a share of overlap, recorded by seven microphones in one WAV."""
    for n, overlap in enumerate(LIBRICSS_SESSIONS):
        session = root / "for_release" / overlap / f"overlap_ratio_0.0_sil0.1_0.5_session{n}_actual0.0"
        tones = np.stack([hum(4.0, pitch=200 + 40 * n + 5 * channel) for channel in range(7)], axis=1)
        save(session / "record" / "raw_recording.wav", tones)
        lines = ["start_time\tend_time\tspeaker\tutterance_id\ttranscription"]
        for talker in range(2):
            reader = 1000 + 2 * n + talker
            for take, text in enumerate(TEXTS):
                start = 2.0 * talker + take
                cells = [f"{start:.3f}", f"{start + 0.9:.3f}", str(reader), f"{reader}-1-{take:04d}", text.upper()]
                lines.append("\t".join(cells))
        rows(session / "transcription" / "meeting_info.txt", lines)
    return root


def sbcsae(root: Path) -> Path:
    """Six conversations of two in stereo, transcripts in the corpus' notation, tables of segments and of speakers."""
    people: dict[int, list[str]] = {part: [] for part in (1, 2, 3, 4)}
    segments: dict[int, list[str]] = {part: [] for part in (1, 2, 3, 4)}
    for c in range(SPEAKERS // 2):
        conversation, part = f"SBC{c + 1:03d}", [1, 2, 4][c % 3]
        both = np.stack([hum(5.0, pitch=200 + 40 * c, rate=22050)] * 2, axis=1)
        save(root / "WAV" / f"{conversation}.wav", both, 22050)
        lines = []
        for side in range(2):
            s = 2 * c + side
            name, number = f"Name{'abcdefghijkl'[s]}", f"{s + 1:04d}"
            town = [("Pasadena", "CA"), ("Boston", "MA"), ("?", "?")][s % 3]
            people[part].append(
                f"{number},{name},{'FM'[s % 2]},{['34', '?'][s % 2]},{town[0]},{town[1]},CA,BA,16,teacher,white,n/a"
            )
            segments[part].append(f"sbc{c + 1:04d} 0.00 5.00 speaker: {name} {number}")
            start = 2.5 * side
            lines += [
                f"{start:.2f}\t{start + 0.8:.2f}\t{name.upper()}:\t... (H) Turn on the= li[ght].",
                f"{start + 1.0:.2f}\t{start + 1.8:.2f}\t\t@@ What's the [2time2],",
                f"{start + 1.9:.2f}\t{start + 2.0:.2f}\t\tXX a.",
                f"{start + 2.0:.2f}\t{start + 2.1:.2f}\t\t(SNIFF)",
            ]
        rows(root / "TRN" / f"{conversation}.trn", lines)
    for part in people:
        rows(root / "docs" / f"Part_{part}" / "speaker.tbl", people[part])
        rows(root / "docs" / f"Part_{part}" / "segment.tbl", segments[part])
    return root


RECIPES: dict[str, Callable[[Path], Path]] = {
    "l2_arctic": l2_arctic,
    "librispeech": librispeech,
    "ami": ami,
    "libricss": libricss,
    "sbcsae": sbcsae,
}
"""By what stands before the folder on the command line."""
