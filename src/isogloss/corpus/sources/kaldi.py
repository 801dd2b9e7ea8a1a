"""A data directory of Kaldi: `wav.scp`, `text`, `utt2spk`, perhaps `segments`, `reco2file_and_channel`, `spk2gender`.

Maps of speakers and utterances that are named `spk2<attribute>` and `utt2<attribute>` become attributes. `wav.scp` may
hold commands; none is ever run. Those that only decode one file (sph2pipe, flac, sox, cat) stand for that file.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.attributes import with_age_band
from isogloss.corpus.ingest.folders import common_folder
from isogloss.corpus.ingest.records import Records, decimal, numbered_lines
from isogloss.corpus.ingest.source import Options, RecordedSource, as_table, checksums
from isogloss.errors import TableError
from isogloss.io.source import Source

COMPONENT = SourceComponent(name="kaldi", implementation="Kaldi")
NEEDED = ("wav.scp", "utt2spk")
NO_ATTRIBUTES = {"utt", "spk", "dur", "num_frames", "uniq", "lang_int"}
"""Suffixes of `spk2...` and `utt2...` files that are not attributes."""
DECODERS = ("sph2pipe", "flac", "sox", "cat", "ffmpeg")
SOX_EFFECTS = ("rate", "dither")
"""Effects of sox that change neither what is heard nor when."""
CHANGING = {
    "sph2pipe": ("-t", "-s"),
    "flac": ("--skip", "--until"),
    "ffmpeg": ("-ss", "-sseof", "-t", "-to", "-af", "-filter:a", "-filter_complex", "-map", "-map_channel"),
}
"""Options of a decoder that choose a part of the audio, or change it."""
AUDIO_SUFFIXES = (".wav", ".flac", ".sph", ".wv1", ".wv2", ".mp3", ".ogg", ".opus", ".aiff")
Lines = dict[str, tuple[int, str]]
"""First word of a line -> number of the line, and the rest of it."""


class KaldiDescription(RecordedCorpus):
    """A data directory of Kaldi."""

    kind: Literal["kaldi"]


class Kaldi(RecordedSource):
    """A folder with the files that Kaldi's recipes prepare."""

    title = "a data directory of Kaldi"
    description = KaldiDescription
    takes = frozenset({"audio_root", "attributes"})

    def recognises(self, location: Path) -> bool:
        """A folder with the files that are needed, whether there are transcripts or not."""
        return location.is_dir() and all((location / name).is_file() for name in NEEDED)

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The folder with checksums, its maps of attributes, and the folder that its paths have in common."""
        files = [location / name for name in (*NEEDED, "text", "segments", "reco2file_and_channel")]
        found = _attribute_files(location)
        paths = [_audio(rest, f"{location / 'wav.scp'}, line {line}")[0] for line, rest in wav_scp(location).values()]
        audio_root = options.audio_root or common_folder(paths, location)
        ages = [age for _, age in read_map(found["age"]).values()] if "age" in found else []
        wanted = with_age_band({name: name for name in found}, ages, options.attributes) | dict(options.attributes)
        return {
            "root": portable_root(location, options.repository),
            "audio_root": None if audio_root is None else portable_root(audio_root, options.repository),
            "files": checksums(location, [path for path in [*files, *found.values()] if path.is_file()]),
            "channel": options.channel,
            "attributes": wanted,
        }

    def read(self, description: KaldiDescription, root: Path) -> tuple[Source, TableDescription]:
        """One row a line of `segments`, or of `wav.scp` where there are no segments."""
        transcripts = "transcripts" not in description.without
        return kaldi_table(root, wav_scp(root), transcripts=transcripts), as_table(description)


def wav_scp(folder: Path) -> Lines:
    """The recordings of a data directory."""
    return read_map(folder / "wav.scp")


def kaldi_table(folder: Path, recordings: Lines, *, transcripts: bool = True) -> Source:
    """The utterances of a data directory.

    Parameters
    ----------
    folder, recordings
        The directory, and the lines of its `wav.scp`.
    transcripts
        Whether `text` is read.

    Raises
    ------
    TableError
        A file is missing or malformed, or an utterance has no recording, transcript or speaker.
    """
    records = Records(folder)
    speakers = read_map(folder / "utt2spk")
    if transcripts and not (folder / "text").is_file():
        raise TableError(
            f"{folder / 'text'} does not exist; add it, or say --without-transcripts, for speaker verification alone"
        )
    texts = read_map(folder / "text") if transcripts else {}
    listed = [(speakers, folder / "utt2spk"), *([(texts, folder / "text")] if transcripts else [])]
    segments = _segments(folder, recordings)
    sides = _optional_map(folder / "reco2file_and_channel")
    maps = {name: read_map(path) for name, path in _attribute_files(folder).items()}
    by_speaker = {name for name in maps if (folder / f"spk2{name}").is_file()}
    for utterance, (file, line, recording, start, duration) in segments.items():
        where = f"{file}, line {line}"
        if recording not in recordings:
            raise TableError(f"{where}: recording {recording!r} is not in {folder / 'wav.scp'}; add it")
        for other, path in listed:
            if utterance not in other:
                raise TableError(f"{where}: utterance {utterance!r} is not in {path}; add it, or leave it out")
        scp_line, command = recordings[recording]
        audio, channel = _audio(command, f"{folder / 'wav.scp'}, line {scp_line}")
        speaker = speakers[utterance][1]
        keys = {name: speaker if name in by_speaker else utterance for name in maps}
        records.add(
            file,
            line,
            {
                "utterance_id": utterance,
                "speaker_id": speaker,
                "audio": audio,
                "text": texts[utterance][1] or None if transcripts else None,
                "start": start,
                "duration": duration,
                "channel": sides[recording][1].split()[-1] if recording in sides else channel,
                **{name: of.get(keys[name], (0, None))[1] for name, of in maps.items()},
            },
        )
    return records.table()


def read_map(path: Path) -> Lines:
    """A file of lines that begin with a key, as a dictionary.

    Raises
    ------
    TableError
        The file is missing or no text, or a word begins two lines.
    """
    found: Lines = {}
    for number, line in numbered_lines(path):
        key, *rest = re.split(r"[ \t]+", line.strip(), maxsplit=1)
        if key in found:
            raise TableError(f"{path}, line {number}: {key!r} is already in line {found[key][0]}; keep one line of it")
        found[key] = (number, rest[0].strip() if rest else "")
    return found


def _optional_map(path: Path) -> Lines:
    """As `read_map`; empty if there is no such file."""
    return read_map(path) if path.is_file() else {}


def _attribute_files(folder: Path) -> dict[str, Path]:
    """The maps that are attributes, by their name: `spk2gender` is gender."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*2*")):
        match = re.fullmatch(r"(?:spk|utt)2([A-Za-z][A-Za-z0-9_]*)", path.name)
        if match is not None and match[1] not in NO_ATTRIBUTES and path.is_file():
            found.setdefault(match[1], path)
    return found


def _segments(
    folder: Path, recordings: Mapping[str, tuple[int, str]]
) -> dict[str, tuple[Path, int, str, float | None, float | None]]:
    """File, line, recording, start and duration in seconds of each utterance."""
    path = folder / "segments"
    if not path.is_file():
        return {key: (folder / "wav.scp", line, key, None, None) for key, (line, _) in recordings.items()}
    found: dict[str, tuple[Path, int, str, float | None, float | None]] = {}
    for utterance, (line, rest) in read_map(path).items():
        where, fields = f"{path}, line {line}", rest.split()
        if len(fields) < 3:
            raise TableError(f"{where} has {len(fields) + 1} fields; give utterance, recording, start and end")
        start, end = decimal(fields[1], f"{where}: start"), decimal(fields[2], f"{where}: end")
        # Times are decimals, since a difference of binary floats would have more digits.
        duration = None if end == -1 else round(end - start, 6)
        found[utterance] = (path, line, fields[0], start, duration)
    return found


def _audio(entry: str, where: str) -> tuple[str, str | None]:
    """The file that an entry of wav.scp stands for, and its channel if a command chooses one."""
    if not entry.endswith("|"):
        if not entry:
            raise TableError(f"{where} names no file; give one")
        return entry, None
    try:
        words = shlex.split(entry.rstrip("| "))
    except ValueError:
        words = []
    files = [word for word in words if word.lower().endswith(AUDIO_SUFFIXES)]
    program = Path(words[0]).name if words else ""
    if program not in DECODERS or len(files) != 1 or "|" in words or _changes_audio(program, words[1:]):
        raise TableError(
            f"{where} is a command, and commands are not run; decode it to a file, or name a file that is only decoded "
            f"({', '.join(DECODERS)})"
        )
    option = {"sph2pipe": "-c", "sox": "remix"}.get(program)
    channel = words[words.index(option) + 1] if option in words[:-1] else None
    return files[0], str(int(channel) - 1) if channel is not None and channel.isdecimal() else None


def _changes_audio(program: str, arguments: list[str]) -> bool:
    """Whether a decoder's arguments ask for more than decoding: a part, an effect, another speed or another channel."""
    if program == "sox":
        effects = arguments[arguments.index("-") + 1 :] if "-" in arguments else []
        one_channel = effects[:1] == ["remix"] and len(effects) == 2 and effects[1].isdecimal()
        return "-p" in arguments or bool(effects and effects[0] not in SOX_EFFECTS and not one_channel)
    return any(word.split("=")[0] in CHANGING.get(program, ()) for word in arguments)
