"""From a description to a corpus folder; everything is read and checked before anything is written."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from isogloss.config.components import SourceComponent
from isogloss.config.registry import implementation
from isogloss.corpus.description import RecordedCorpus, TableDescription
from isogloss.corpus.frontend.sound import SoundMeasures
from isogloss.corpus.ingest.audio import AudioHeader, read_headers
from isogloss.corpus.ingest.content import Channel, Stretch, listen_to, warnings
from isogloss.corpus.ingest.ingested import Ingested, Rows
from isogloss.corpus.ingest.left_out import LeftOut
from isogloss.corpus.ingest.spans import locate
from isogloss.corpus.ingest.utterances import Utterance, read_utterances
from isogloss.corpus.ingest.writing import write_corpus
from isogloss.corpus.ingest.zips import read_zips
from isogloss.errors import CorpusError, IsoglossError


def check(description: RecordedCorpus, *, repository: Path | str = ".", listen: bool = True) -> Ingested:
    """Read a corpus of any kind and check every row and, unless `listen` is False, every sample; nothing is written.

    Raises
    ------
    CorpusError, TableError
        As `check_rows`, or the corpus cannot be read.
    """
    return check_rows(_rows(description, repository), repository=repository, listen=listen)


def ingest(description: RecordedCorpus, output: Path | str, *, source: str, repository: Path | str = ".") -> Ingested:
    """Write the corpus folder of a description: manifests, speakers, ZIPs, `corpus.json`.

    Sampling rates are left as they are; features are computed at 16 kHz, after resampling. The same tables
    and audio give the same bytes.

    Parameters
    ----------
    description
        A corpus of recorded speech, of any kind.
    output
        The folder to write (`data/corpus`); it appears whole or not at all.
    source
        The name of the description.
    repository
        What a relative root is relative to.

    Raises
    ------
    CorpusError, TableError
        As `check`, before anything is written.
    """
    rows = _rows(description, repository)
    ingested = check_rows(rows, repository=repository)
    write_corpus(Path(output), ingested, rows.description, source=source)
    return ingested


def _rows(description: RecordedCorpus, repository: Path | str) -> Rows:
    """The rows that the source of the description's kind reads."""
    rows: Rows = implementation(SourceComponent, description.kind)().rows(description, repository)
    return rows


def check_rows(rows: Rows, *, repository: Path | str = ".", listen: bool = True) -> Ingested:
    """Check every row and every sample of a corpus; nothing is written.

    Raises
    ------
    CorpusError, TableError
        In one sentence with file and row, for the first problem; where the description says `skip_bad`, for a problem
        of the whole corpus.
    """
    description, left_out = rows.description, LeftOut(skip=rows.description.skip_bad)
    utterances = read_utterances(rows.table, description, root=rows.root, audio_root=rows.audio_root, left_out=left_out)
    headers, placed = _placed(rows, utterances, left_out)
    found, sounds = _with_sound(rows, placed, headers, left_out) if listen else (placed, [])
    if not found:
        raise CorpusError(f"{rows.table.path}: no utterance can be used, the first: {left_out.sentences[0]}")
    utterances = [utterance for utterance, _ in found]
    zips = pd.DataFrame({"zip": pd.Series(dtype="str")})
    if description.zips is not None:
        zips = read_zips(description.zips, utterances, repository=repository)
    used = {utterance.audio for utterance in utterances}
    return Ingested(
        utterances=utterances,
        spans=[stretch.span for _, stretch in found],
        channels=[stretch.channel for _, stretch in found],
        headers={audio: header for audio, header in headers.items() if audio in used},
        zips=zips,
        warnings=warnings(sounds),
        left_out=left_out.sentences,
    )


def _placed(
    rows: Rows, utterances: Sequence[Utterance], left_out: LeftOut
) -> tuple[dict[str, AudioHeader], list[tuple[Utterance, Stretch]]]:
    """The headers of the files that can be read, and the utterances that lie within them, with their positions."""
    mentions: dict[str, str] = {}
    for utterance in utterances:
        mentions.setdefault(utterance.audio, rows.table.place(utterance.row))
    found = read_headers(rows.audio_root, mentions)
    placed = []
    for utterance in utterances:
        header, place = found[utterance.audio], rows.table.place(utterance.row)
        if isinstance(header, CorpusError):  # It names the first row of the file; so each row has its own sentence.
            left_out.refuse(CorpusError(f"{place}{str(header).removeprefix(mentions[utterance.audio])}"))
            continue
        try:
            where = f"{place}: audio file {rows.audio_root / utterance.audio}"
            channel = _channel(utterance, header, rows.description, where)
            span = locate(utterance, header, description=rows.description, table=rows.table)
        except IsoglossError as error:
            left_out.refuse(error)
        else:
            placed.append((utterance, Stretch(place, span, channel)))
    return {audio: one for audio, one in found.items() if isinstance(one, AudioHeader)}, placed


def _with_sound(
    rows: Rows, placed: list[tuple[Utterance, Stretch]], headers: dict[str, AudioHeader], left_out: LeftOut
) -> tuple[list[tuple[Utterance, Stretch]], list[tuple[str, SoundMeasures]]]:
    """The utterances whose audio can be used, in their order, and the measures of each by its place."""
    of_file: dict[str, list[int]] = {}
    for number, (utterance, _) in enumerate(placed):
        of_file.setdefault(utterance.audio, []).append(number)
    stretches = {audio: [placed[number][1] for number in numbers] for audio, numbers in of_file.items()}
    measures: dict[int, SoundMeasures] = {}
    for numbers, heard in zip(of_file.values(), listen_to(rows.audio_root, stretches, headers), strict=True):
        for number, one in zip(numbers, heard, strict=True):
            if isinstance(one, SoundMeasures):
                measures[number] = one
            else:
                left_out.refuse(one)
    kept = sorted(measures)
    return [placed[number] for number in kept], [(placed[number][1].place, measures[number]) for number in kept]


def _channel(utterance: Utterance, header: AudioHeader, description: TableDescription, where: str) -> Channel:
    """The channel to read: the row's, else the description's, else the only one."""
    chosen: Channel | None = description.channel if utterance.channel is None else utterance.channel
    if chosen is None and header.channels > 1:
        raise CorpusError(
            f"{where} has {header.channels} channels; choose one by --channel (0 is the first), or their mean by "
            "--channel mix (`channel` in the description)"
        )
    if isinstance(chosen, int) and chosen >= header.channels:
        raise CorpusError(
            f"{where} has {header.channels} channels, so no channel {chosen}; correct --channel "
            "(`channel` in the description) or the row"
        )
    if chosen is None or header.channels == 1:
        return 0
    return chosen
