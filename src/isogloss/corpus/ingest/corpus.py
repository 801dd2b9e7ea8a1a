"""From a description to a corpus folder: everything is read and checked before anything is written."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from isogloss.corpus.description import TableDescription
from isogloss.corpus.frontend.audio_root import resolve_root
from isogloss.corpus.ingest.audio import AudioHeader, read_headers
from isogloss.corpus.ingest.spans import Span, locate
from isogloss.corpus.ingest.utterances import Utterance, read_utterances
from isogloss.corpus.ingest.writing import write_corpus
from isogloss.corpus.ingest.zips import read_zips
from isogloss.errors import CorpusError


@dataclass(frozen=True)
class Ingested:
    """A corpus that has passed every check; `spans` belong to `utterances`, `headers` are by audio path."""

    utterances: list[Utterance]
    spans: list[Span]
    headers: dict[str, AudioHeader]
    zips: pd.DataFrame = field(compare=False)
    """One row a ZIP; empty where the description names no table of them."""

    @property
    def hours(self) -> float:
        """Speech in hours."""
        return sum(span.duration for span in self.spans) / 3600

    def __str__(self) -> str:
        speakers = len({utterance.speaker_id for utterance in self.utterances})
        size = f"{len(self.utterances)} utterances of {speakers} speakers"
        return f"{size}, {self.hours:.2f} h in {len(self.headers)} files"


def check(description: TableDescription, *, repository: Path | str = ".") -> Ingested:
    """Read a corpus and check every row and every audio file; nothing is written.

    Raises
    ------
    CorpusError, TableError
        In one sentence with file and row, for the first problem.
    """
    root = resolve_root(description.root, repository)
    table, utterances = read_utterances(description, root)
    mentions: dict[str, str] = {}
    for utterance in utterances:
        mentions.setdefault(utterance.audio, table.place(utterance.row))
    headers = read_headers(root, mentions)
    for audio, header in headers.items():
        _require_channel(header, description.channel, f"{mentions[audio]}: audio file {root / audio}")
    spans = [locate(u, headers[u.audio], description=description, table=table) for u in utterances]
    zips = pd.DataFrame({"zip": pd.Series(dtype="str")})
    if description.zips is not None:
        zips = read_zips(description.zips, utterances, repository=repository)
    return Ingested(utterances=utterances, spans=spans, headers=headers, zips=zips)


def ingest(description: TableDescription, output: Path | str, *, source: str, repository: Path | str = ".") -> Ingested:
    """Write the corpus folder that a description stands for: manifests, speakers, ZIPs, `corpus.json`.

    Sampling rates are left as they are; features are computed at 16 kHz, after resampling. The same tables
    and audio give the same bytes.

    Parameters
    ----------
    description
        A corpus of kind `table`.
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
    ingested = check(description, repository=repository)
    write_corpus(
        Path(output),
        ingested.utterances,
        ingested.spans,
        ingested.headers,
        ingested.zips,
        channel=description.channel or 0,
        source=source,
        audio_root=description.root,
    )
    return ingested


def _require_channel(header: AudioHeader, channel: int | None, where: str) -> None:
    """Refuse audio of several channels unless the description chooses one that it has."""
    if channel is None and header.channels > 1:
        raise CorpusError(f"{where} has {header.channels} channels; name the one to read in `channel` (0 is the first)")
    if channel is not None and channel >= header.channels:
        raise CorpusError(f"{where} has {header.channels} channels, so no channel {channel}; correct `channel`")
