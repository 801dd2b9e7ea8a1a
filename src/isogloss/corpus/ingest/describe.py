"""Describing a user's corpus: its kind is detected, its text rules are derived, and everything is checked first."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from isogloss.config.components import SourceComponent
from isogloss.config.reading import parse_yaml, read_section
from isogloss.config.registry import implementation, names
from isogloss.corpus.ingest.corpus import check_rows
from isogloss.corpus.ingest.ingested import Ingested, Rows
from isogloss.corpus.ingest.letters import Letters, letters_of
from isogloss.corpus.ingest.source import ROLES_OF, Options, RecordedSource
from isogloss.corpus.ingest.summary import summary
from isogloss.errors import ParamsError
from isogloss.io.cells import cells
from isogloss.tables import atomic_path

FLAGS = {
    "root": "--root",
    "audio_root": "--audio-root",
    "attributes": "--attribute",
    "speakers": "--speakers",
    "unit": "--unit",
    "sample_rate": "--sample-rate",
    "official_splits": "--official-splits",
    "recipe_options": "--recipe-option",
}
"""Field of `Options` -> the option of the command line that sets it."""


def describe(
    location: Path | str,
    name: str,
    *,
    kind: str | None = None,
    options: Options | None = None,
    keep: str | None = None,
    others: str | None = None,
    punctuation: str | None = None,
    skip_bad: bool = False,
    overwrite: bool = False,
    corpora: Path | str = "corpora",
    say: Callable[[str], None] = lambda _: None,
) -> Ingested:
    """Check a corpus and write `corpora/<name>.yaml` with the checksums of its tables; returns the checked corpus.

    Parameters
    ----------
    location, name
        A file or a folder, and the name of the corpus for `corpus.source`.
    kind
        One of `isogloss.corpus.sources`; by default it is detected from the files.
    options
        The user's choice of columns, attributes and audio.
    keep, others, punctuation
        As in `TextRules`; by default the letters to keep are those of the transcripts.
    skip_bad
        Leave out utterances that cannot be used, instead of refusing the corpus for the first of them.
    overwrite
        Replace a description of that name.
    say
        Called with a summary of the corpus before anything is written.

    Raises
    ------
    ParamsError
        The name is taken or unusable, no kind fits, or the options contradict each other.
    CorpusError, TableError
        In one sentence with file and row, for the first problem of tables and audio. Nothing is written then.
    """
    _refuse_name(name)
    path, location, options = Path(corpora) / f"{name}.yaml", Path(location), options or Options()
    if path.exists() and not overwrite:
        raise ParamsError(f"{path} exists already; choose another name or overwrite it (--overwrite)")
    kind = kind or recognised(location)
    source = implementation(SourceComponent, kind)()
    if not isinstance(source, RecordedSource):
        raise ParamsError(
            f"a corpus of kind {kind!r} is not recorded, so there is nothing to ingest; choose another kind"
        )
    content = _content(source, kind, location, options) | {"skip_bad": skip_bad or None}
    with atomic_path(path) as temporary:
        letters = _found_letters(source, content, temporary, path, options)
        content["text"] = letters.rules(keep=keep, others=others, punctuation=punctuation).model_dump()
        rows = _written(source, content, temporary, path, options)
        ingested = check_rows(rows, repository=options.repository)
        say(summary(ingested, rows, title=source.title, letters=letters, name=name))
    return ingested


def _refuse_name(name: str) -> None:
    """Raise a `ParamsError` for a name that cannot be that of a file, or of a corpus in params.yaml."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ParamsError(f"a corpus cannot be named {name!r}; use letters, digits, '_', '-' and '.'")
    if not isinstance(parse_yaml(name, where=name), str):
        raise ParamsError(f"a corpus cannot be named {name!r}, which is no text in params.yaml; add a letter to it")


def _content(source: RecordedSource, kind: str, location: Path, options: Options) -> dict[str, Any]:
    """The keys of a description, except those about text and about bad utterances."""
    _refuse_unused(source, kind, options)
    content = {"kind": kind, "channel": options.channel, **source.describe(location, options)}
    if source.takes is not None and "columns" not in source.takes:
        content["without"] = [lack for lack, role in ROLES_OF.items() if role in options.columns] or None
    return content


def _refuse_unused(source: RecordedSource, kind: str, options: Options) -> None:
    """Raise a `ParamsError` for an option that a kind of corpus does not use, since it would have no effect."""
    if source.takes is None:
        return
    nothing = Options()
    for name, flag in FLAGS.items():
        if name not in source.takes and getattr(options, name) != getattr(nothing, name):
            raise ParamsError(f"{flag} has no effect on a corpus of kind {kind!r}; leave it out")
    if "columns" not in source.takes:
        for role, column in options.columns.items():
            if column is not None:
                raise ParamsError(
                    f"a corpus of kind {kind!r} has its own columns; leave out the option that names {column!r} "
                    f"for {role}"
                )


def recognised(location: Path) -> str:
    """The kind of a corpus, detected from its files.

    Raises
    ------
    ParamsError
        No kind fits, or several do.
    """
    if not location.exists():
        raise ParamsError(f"{location} does not exist; give the table or the folder of a corpus")
    kinds = {name: implementation(SourceComponent, name) for name in names(SourceComponent)}
    recorded = {name: kind for name, kind in kinds.items() if issubclass(kind, RecordedSource)}
    fitting = [name for name, kind in recorded.items() if kind().recognises(location)]
    special = [name for name in fitting if not recorded[name].generic]
    found = special or fitting
    if len(found) == 1:
        return found[0]
    known = "; ".join(f"{name}: {kind.title}" for name, kind in recorded.items())
    if not found:
        raise ParamsError(f"{location} is no kind of corpus that is known; say which by --kind ({known})")
    raise ParamsError(f"{location} may be {' or '.join(found)}; say which by --kind")


def _found_letters(
    source: RecordedSource, content: dict[str, Any], temporary: Path, path: Path, options: Options
) -> Letters:
    """The letters that the transcripts are written with."""
    rows = _written(source, content, temporary, path, options)
    column = rows.description.columns.text
    texts = cells(rows.table, column) if column in rows.table.names and column is not None else []
    return letters_of(text for text in texts if isinstance(text, str))


def _written(source: RecordedSource, content: dict[str, Any], temporary: Path, path: Path, options: Options) -> Rows:
    """The rows that the source reads with a description, which is written to a temporary file and read again."""
    YAML().dump({key: value for key, value in content.items() if value not in (None, {})}, temporary)
    try:
        description = read_section(temporary, source.description)
    except ParamsError as error:
        raise ParamsError(str(error).replace(str(temporary), str(path))) from None
    return source.rows(description, options.repository)
