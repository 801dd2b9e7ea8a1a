"""Fair-Speech (Veliche et al. 2024, 2408.12734) as distributed: one TSV of transcripts and demography, WAV beside it.

The corpus names no speakers. So each utterance counts as a speaker of its own, which is said wherever it matters.
"""

from pathlib import Path
from typing import Any, Literal

from isogloss.config.components import SourceComponent
from isogloss.corpus.description import Column, Columns, RecordedCorpus, TableDescription
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.source import Options, RecordedSource, as_table, checksums
from isogloss.errors import ParamsError, TableError
from isogloss.io.cells import cells
from isogloss.io.source import Source, record_source
from isogloss.io.table_reader import read_table

COMPONENT = SourceComponent(name="fairspeech", implementation="FairSpeech")
COLUMNS = ("hash_name", "transcription", "age", "gender", "first_language")
ATTRIBUTES = {
    "age_band": "age",
    "gender": "gender",
    "first_language": "first_language",
    "socioeconomic": "socioeconomic_bkgd",
    "ethnicity": "ethnicity",
}


class FairSpeechDescription(RecordedCorpus):
    """Fair-Speech."""

    kind: Literal["fairspeech"]
    table: Column
    """Path of the TSV with transcripts and demography, relative to `root`."""


class FairSpeech(RecordedSource):
    """The TSV itself, or the folder that holds it."""

    title = "Fair-Speech"
    description = FairSpeechDescription
    takes = frozenset({"audio_root", "attributes"})

    def recognises(self, location: Path) -> bool:
        """A TSV with its columns, or a folder with one."""
        return _table(location) is not None

    def describe(self, location: Path, options: Options) -> dict[str, Any]:
        """The table with its checksum, and the folder in which the audio lies."""
        table = _table(location)
        if table is None:
            raise ParamsError(f"{location}: there is no TSV of Fair-Speech ({', '.join(COLUMNS)})")
        source = read_table(table)
        first = next((str(cell) for cell in cells(source, "hash_name") if cell), "")
        audio = options.audio_root or next((p.parent for p in sorted(table.parent.rglob(f"{first}.wav"))), table.parent)
        return {
            "root": portable_root(table.parent, options.repository),
            "audio_root": portable_root(audio, options.repository),
            "files": checksums(table.parent, [table]),
            "table": table.name,
            "attributes": {ours: name for ours, name in ATTRIBUTES.items() if name in source.names}
            | dict(options.attributes),
        }

    def read(self, description: FairSpeechDescription, root: Path) -> tuple[Source, TableDescription]:
        """The rows, with the name of the file that the hash stands for."""
        table = read_table(root / description.table, count="lines", columns=COLUMNS)
        columns = {name: cells(table, name) for name in table.names}
        records = [{name: values[row] for name, values in columns.items()} for row in range(table.rows)]
        for record in records:
            record["audio"] = f"{record['hash_name']}.wav" if record["hash_name"] is not None else None
        numbers = table.numbers() if table.numbers is not None else range(2, table.rows + 2)
        source = record_source(table.path, records, unit="line", numbers=numbers)
        columns_form = Columns(text="transcription", speaker_id=None, utterance_id="hash_name")
        return source, as_table(description, columns_form)


def _table(location: Path) -> Path | None:
    """The TSV with the columns of Fair-Speech."""
    candidates = sorted(location.glob("*.tsv")) if location.is_dir() else [location]
    for path in candidates:
        if path.suffix.lower() == ".tsv" and path.is_file():
            try:
                if set(COLUMNS) <= set(read_table(path).names):
                    return path
            except TableError:
                continue
    return None
