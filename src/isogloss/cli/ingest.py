"""`isogloss ingest`: check a table of recorded speech and describe it, so that `corpus.source` can name it."""

from pathlib import Path

import click

from isogloss.entry import entry
from isogloss.errors import ParamsError


@click.command(epilog="\b\nExample:\n  isogloss ingest recordings.csv --name mine --attribute age_band")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What corpus.source will call the corpus; also the name of its YAML.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of table and audio.  [default: the table's]")
@click.option("--audio", metavar="COLUMN", help="Path of the audio, relative to the root.  [default: audio]")
@click.option("--text", metavar="COLUMN", help="Transcript.  [default: text]")
@click.option("--speaker-id", metavar="COLUMN", help="Speaker.  [default: speaker_id]")
@click.option("--utterance-id", metavar="COLUMN", help="Id; made of audio and start where there is none.")
@click.option("--start", metavar="COLUMN", help="Where the utterance begins in its audio.")
@click.option("--duration", metavar="COLUMN", help="How long it lasts; to the end where it is empty.")
@click.option("--unit", type=click.Choice(["seconds", "samples"]), default="seconds", help="Of start and duration.")
@click.option("--sample-rate", metavar="HZ|COLUMN", help="Rate that samples count in.  [default: the audio's]")
@click.option("--channel", type=click.IntRange(min=0), help="Which channel to read, where audio has several.")
@click.option("--speakers", type=click.Path(path_type=Path), help="A second table, one row a speaker.")
@click.option("--attribute", "attributes", metavar="NAME[=COLUMN]", multiple=True, help="A further column to keep.")
@click.option("--overwrite", is_flag=True, help="Replace a description of that name.")
@entry
def ingest(
    table: Path,
    name: str,
    root: Path | None,
    audio: str | None,
    text: str | None,
    speaker_id: str | None,
    utterance_id: str | None,
    start: str | None,
    duration: str | None,
    unit: str,
    sample_rate: str | None,
    channel: int | None,
    speakers: Path | None,
    attributes: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Check TABLE (CSV, TSV, JSON, JSONL, parquet, xlsx; a row an utterance) and its audio; write corpora/NAME.yaml.

    Nothing is copied. Columns named latitude, longitude, zip, gender, age, accent and weight are kept without being
    told; name others with --attribute.
    """
    from isogloss.corpus.ingest import describe_table

    columns = {
        "audio": audio,
        "text": text,
        "speaker_id": speaker_id,
        "utterance_id": utterance_id,
        "start": start,
        "duration": duration,
    }
    checked = describe_table(
        table,
        name,
        root=root,
        columns={role: column for role, column in columns.items() if column},
        attributes=dict(map(_named, attributes)),
        speakers=speakers,
        unit=unit,
        sample_rate=int(sample_rate) if sample_rate and sample_rate.isdecimal() else sample_rate,
        channel=channel,
        overwrite=overwrite,
    )
    click.echo(f"corpora/{name}.yaml describes {checked}; use it with corpus.source: {name} in params.yaml")


def _named(attribute: str) -> tuple[str, str]:
    """Our name and the column of an attribute, as in `age_band=band`."""
    name, _, column = attribute.partition("=")
    if not name or (not column and "=" in attribute):
        raise ParamsError(f"--attribute {attribute!r} is neither NAME nor NAME=COLUMN")
    return name, column or name
