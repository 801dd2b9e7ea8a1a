"""`isogloss ingest`: check recorded speech of any kind and describe it, so that `corpus.source` can name it."""

from pathlib import Path
from typing import Any

import click

from isogloss.entry import entry
from isogloss.errors import ParamsError

ROLES = ("audio", "text", "speaker_id", "utterance_id", "start", "duration", "channel_column")


@click.command(epilog="\b\nExample:\n  isogloss ingest recordings.csv --name mine --attribute age_band")
@click.argument("source", metavar="SOURCE")
@click.option("--name", required=True, help="Name of the corpus for corpus.source, and of its YAML file.")
@click.option("--kind", help="Kind of corpus: table, nemo, kaldi, lhotse, commonvoice ...  [default: detected]")
@click.option(
    "--root", type=click.Path(path_type=Path), help="Folder of a table and its audio.  [default: the table's]"
)
@click.option("--audio-root", type=click.Path(path_type=Path), help="Folder that paths of audio are relative to.")
@click.option("--audio", metavar="COLUMN", help="Column of audio paths.  [default: audio, file, path ...]")
@click.option("--text", metavar="COLUMN", help="Column of transcripts.  [default: text, transcript, sentence ...]")
@click.option("--speaker-id", metavar="COLUMN", help="Column of speakers.  [default: speaker_id, speaker ...]")
@click.option(
    "--utterance-id",
    metavar="COLUMN",
    help="Column of utterance ids.  [default: ids are made from audio path and start]",
)
@click.option("--start", metavar="COLUMN", help="Column of the utterance's start in its audio.")
@click.option("--duration", metavar="COLUMN", help="Column of durations; an empty cell means to the end of the audio.")
@click.option("--channel-column", metavar="COLUMN", help="Column of channels: a number from 0, A, B, left or right.")
@click.option(
    "--unit", type=click.Choice(["seconds", "samples"]), default="seconds", help="Unit of start and duration."
)
@click.option(
    "--sample-rate", metavar="HZ|COLUMN", help="Sampling rate of start and duration in samples.  [default: the audio's]"
)
@click.option("--channel", metavar="N|A|B|mix", help="Channel to read if the audio has several; mix: their mean.")
@click.option("--speakers", type=click.Path(path_type=Path), help="Second table with one row per speaker.")
@click.option("--without-speakers", is_flag=True, help="Speakers are not known: each utterance counts as one.")
@click.option("--without-transcripts", is_flag=True, help="There are no transcripts: for speaker verification alone.")
@click.option(
    "--attribute", "attributes", metavar="NAME[=COLUMN]", multiple=True, help="Further column to keep. Repeatable."
)
@click.option(
    "--recipe-option",
    "recipe_options",
    metavar="NAME=VALUE",
    multiple=True,
    help="Option of a Lhotse recipe, as in mic=sdm. Repeatable.",
)
@click.option("--official-splits", is_flag=True, help="Keep the corpus' own train, dev and test.")
@click.option(
    "--keep", metavar="LETTERS", help="Characters that words consist of.  [default: the letters of the corpus]"
)
@click.option(
    "--others", type=click.Choice(["error", "space", "remove"]), help="What to do with other letters and digits."
)
@click.option(
    "--punctuation", type=click.Choice(["space", "remove"]), help="What to replace punctuation with.  [default: space]"
)
@click.option("--skip-bad", is_flag=True, help="Leave out utterances that cannot be used, and list them.")
@click.option("--overwrite", is_flag=True, help="Replace an existing description of that name.")
@entry
def ingest(source: str, name: str, attributes: tuple[str, ...], overwrite: bool, skip_bad: bool, **said: Any) -> None:
    """Check recorded speech, say what was found, and write corpora/NAME.yaml. Nothing is copied.

    SOURCE is a table (CSV, TSV, JSON, JSONL, parquet, xlsx; one row per utterance), a NeMo manifest, a Kaldi data
    directory, a folder of Lhotse manifests, the folder of Common Voice, VoxCeleb, CORAAL, EdAcc, Fair-Speech,
    LibriSpeech or SBCSAE, or RECIPE:FOLDER for any other corpus that Lhotse has a recipe of (ami:/data/ami). Columns
    named latitude, longitude, zip, gender, age, accent and weight are kept by default; name others with --attribute.
    """
    from isogloss.corpus.ingest import describe
    from isogloss.corpus.ingest.source import Options

    location, kind, recipe = _located(source, said["kind"])
    columns = {role.removesuffix("_column"): said[role] for role in ROLES if said[role]}
    columns |= {"speaker_id": None} if said["without_speakers"] else {}
    columns |= {"text": None} if said["without_transcripts"] else {}
    rate = said["sample_rate"]
    checked = describe(
        location,
        name,
        kind=kind,
        options=Options(
            root=said["root"],
            audio_root=said["audio_root"],
            columns=columns,
            attributes=dict(map(_named, attributes)),
            speakers=said["speakers"],
            unit=said["unit"],
            sample_rate=int(rate) if rate and rate.isdecimal() else rate,
            channel=_channel(said["channel"]),
            official_splits=said["official_splits"],
            recipe=recipe,
            recipe_options=dict(map(_setting, said["recipe_options"])),
        ),
        keep=said["keep"],
        others=said["others"],
        punctuation=said["punctuation"],
        skip_bad=skip_bad,
        overwrite=overwrite,
        say=click.echo,
    )
    click.echo(f"corpora/{name}.yaml describes {checked}; use it with corpus.source: {name} in params.yaml")


def _located(source: str, kind: str | None) -> tuple[str, str | None, str | None]:
    """The path, kind and Lhotse recipe of a corpus, from `PATH`, `KIND:PATH` or `RECIPE:PATH`.

    A name that is both a kind and a recipe means the kind, which reads more of the corpus, unless `--kind lhotse` is
    given.
    """
    from isogloss.config.components import SourceComponent
    from isogloss.config.registry import names

    named, _, place = source.partition(":")
    if not place or not named.isidentifier() or Path(source).exists():
        return source, kind, None
    if kind is None and named in names(SourceComponent):
        return place, named, None
    if kind not in (None, "lhotse"):
        raise ParamsError(f"{source!r} names a recipe of Lhotse, but --kind says {kind}; leave out one of the two")
    return place, "lhotse", named


def _setting(said: str) -> tuple[str, str | int | float | bool]:
    """The name and value of an option of a recipe, as in `mic=sdm`; values are read as YAML."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    name, equals, text = said.partition("=")
    try:
        value = YAML(typ="safe").load(text)
    except YAMLError:
        value = text
    if not name or not equals or not isinstance(value, str | int | float | bool):
        raise ParamsError(f"--recipe-option {said!r} is not NAME=VALUE, as in mic=sdm")
    return name, value


def _named(attribute: str) -> tuple[str, str]:
    """Our name and the column of an attribute, as in `age_band=band`."""
    name, _, column = attribute.partition("=")
    if not name or (not column and "=" in attribute):
        raise ParamsError(f"--attribute {attribute!r} is neither NAME nor NAME=COLUMN")
    return name, column or name


def _channel(said: str | None) -> int | str | None:
    """A channel by number or name."""
    from isogloss.corpus.ingest.utterances import CHANNEL_NAMES

    if said is None or said == "mix":
        return said
    if said.isascii() and said.isdecimal():
        return int(said)
    if said.lower() not in CHANNEL_NAMES:
        raise ParamsError(f"--channel {said!r}: give a number from 0, A, B, left, right, or mix")
    return CHANNEL_NAMES[said.lower()]
