"""A corpus as its source reads it, and a corpus that has passed every check."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from isogloss.corpus.description import TableDescription
from isogloss.corpus.ingest.audio import AudioHeader
from isogloss.corpus.ingest.content import Channel
from isogloss.corpus.ingest.spans import Span
from isogloss.corpus.ingest.utterances import Utterance
from isogloss.io.source import Source


@dataclass(frozen=True)
class Ingested:
    """A corpus that has passed every check. `spans` and `channels` are those of `utterances`, `headers` are by path."""

    utterances: list[Utterance]
    spans: list[Span]
    channels: list[Channel]
    headers: dict[str, AudioHeader]
    zips: pd.DataFrame = field(compare=False)
    """One row per ZIP code; empty if the description names no such table."""
    warnings: list[str] = field(default_factory=list)
    """Sentences about recordings that can be used but should be looked at."""
    left_out: list[str] = field(default_factory=list)
    """A sentence about each utterance that was left out because it cannot be used (`skip_bad`)."""

    @property
    def hours(self) -> float:
        """Speech in hours."""
        return sum(span.duration for span in self.spans) / 3600

    @property
    def speakers(self) -> int:
        """The number of speakers."""
        return len({utterance.speaker_id for utterance in self.utterances})

    def table(self) -> pd.DataFrame:
        """One row per utterance, with the columns that splits and cohort rules use; `split` is None where not given.

        Columns: utterance_id, speaker_id, split, ref, duration_s (seconds), words_per_s, weight, and the attributes.
        """
        rows = zip(self.utterances, self.spans, strict=True)
        return pd.DataFrame(
            [
                {
                    "weight": 1.0,
                    **u.attributes,
                    "utterance_id": u.utterance_id,
                    "speaker_id": u.speaker_id,
                    "split": u.split,
                    "ref": u.text,
                    "duration_s": span.duration,
                    "words_per_s": len(u.text.split()) / span.duration,
                }
                for u, span in rows
            ]
        )

    def __str__(self) -> str:
        size = f"{len(self.utterances)} utterances of {self.speakers} speakers"
        return f"{size}, {self.hours:.2f} h in {len(self.headers)} files"


@dataclass(frozen=True)
class Rows:
    """The result of reading a source: a table of utterances, its description, and the folders of its files."""

    table: Source
    description: TableDescription
    root: Path
    """Folder to which paths of tables are relative."""
    audio_root: Path
    """Folder to which paths of audio are relative."""
