"""The description of one's own table: columns are found by name or told, and all is checked first."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from isogloss.config import read_section
from isogloss.corpus.description import KNOWN_ATTRIBUTES, Columns, TableDescription, TextRules
from isogloss.corpus.frontend.audio_root import portable_root
from isogloss.corpus.ingest.corpus import Ingested, check
from isogloss.errors import ParamsError
from isogloss.io.source import checksum
from isogloss.io.table_reader import read_table
from isogloss.tables import atomic_path, require_columns


def describe_table(
    table: Path | str,
    name: str,
    *,
    root: Path | str | None = None,
    columns: Mapping[str, str] | None = None,
    attributes: Mapping[str, str] | None = None,
    speakers: Path | str | None = None,
    unit: str = "seconds",
    sample_rate: int | str | None = None,
    channel: int | None = None,
    overwrite: bool = False,
    corpora: Path | str = "corpora",
    repository: Path | str = ".",
) -> Ingested:
    """Check a table of speech and write `corpora/<name>.yaml` with the tables' checksums; returns the checked corpus.

    Parameters
    ----------
    table
        Any table that `isogloss.io` reads, one row an utterance.
    name
        What `corpus.source` will call the corpus.
    root
        Folder that holds table and audio; the table's own by default.
    columns
        The column of each of `audio, text, speaker_id, utterance_id, start, duration`; those not named are looked for
        under these names, and the last three need not exist.
    attributes
        Further attributes, our name to column, as in `{"age_band": "band"}`. Columns called as one of
        `KNOWN_ATTRIBUTES` are taken without being told; no other column is, since it may identify people.
    speakers
        A second table, one row a speaker; attributes that it has are taken from it.
    unit, sample_rate, channel
        As in `TableDescription`.
    overwrite
        Replace a description of that name.

    Raises
    ------
    ParamsError
        The name is taken or unusable, or the options contradict each other.
    CorpusError, TableError
        In one sentence with file and row, for the first problem of tables and audio. Nothing is written then.
    """
    path = Path(corpora) / f"{name}.yaml"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ParamsError(f"a corpus cannot be named {name!r}; use letters, digits, '_', '-' and '.'")
    if path.exists() and not overwrite:
        raise ParamsError(f"{path} exists already; choose another name or overwrite it")
    table, root = Path(table), Path(table).parent if root is None else Path(root)
    content: dict[str, Any] = {"kind": "table", "root": portable_root(root, repository)}
    content |= _utterance_table(root, table, columns or {})
    content |= {"unit": unit, "sample_rate": sample_rate, "channel": channel}
    content["attributes"] = _attributes(table, attributes or {}, lacking_is_an_error=speakers is None)
    if speakers is not None:
        content |= _speaker_table(root, Path(speakers), content, attributes or {})
    content["text"] = TextRules().model_dump()
    return _write(path, content, repository)


def _write(path: Path, content: Mapping[str, Any], repository: Path | str) -> Ingested:
    """Write a description that passes every check."""
    with atomic_path(path) as temporary:
        YAML().dump({key: value for key, value in content.items() if value not in (None, {})}, temporary)
        try:
            description = read_section(temporary, TableDescription)
        except ParamsError as error:
            raise ParamsError(str(error).replace(str(temporary), str(path))) from None
        return check(description, repository=repository)


def _utterance_table(root: Path, table: Path, told: Mapping[str, str]) -> dict[str, Any]:
    """The keys that name the table of utterances, its checksum and its columns."""
    chosen = _columns(table, told)
    return {"table": _below(root, table), "sha256": checksum(table), "columns": chosen}


def _columns(table: Path, told: Mapping[str, str]) -> dict[str, str]:
    """The columns section: those told, and those that bear our names."""
    present = read_table(table).names
    for role in told:
        if role not in Columns.model_fields:
            raise ParamsError(f"unknown column role {role!r}; known are {', '.join(Columns.model_fields)}")
    chosen = {role: role for role in Columns.model_fields if role in present} | dict(told)
    needed = [chosen.get(role, role) for role in ("audio", "text", "speaker_id")]
    require_columns(pd.DataFrame(columns=present), [*needed, *told.values()], where=str(table))
    return {role: chosen[role] for role in Columns.model_fields if role in chosen}


def _attributes(table: Path, told: Mapping[str, str], *, lacking_is_an_error: bool) -> dict[str, str]:
    """The attributes that a table has: known ones by name, further ones as told."""
    present = read_table(table).names
    if lacking_is_an_error:
        require_columns(pd.DataFrame(columns=present), told.values(), where=str(table))
    wanted = {name: name for name in KNOWN_ATTRIBUTES} | dict(told)
    return {name: column for name, column in wanted.items() if column in present}


def _speaker_table(root: Path, speakers: Path, content: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    """The speakers section, and the attributes that are left to the table of utterances."""
    present = read_table(speakers).names
    speaker_id = content["columns"]["speaker_id"]
    own_id = speaker_id if speaker_id in present else "speaker_id"
    require_columns(pd.DataFrame(columns=present), [own_id], where=str(speakers))
    of_speakers = _attributes(speakers, told, lacking_is_an_error=False)
    of_utterances = {name: column for name, column in content["attributes"].items() if name not in of_speakers}
    for name, column in told.items():
        if name not in of_speakers and name not in of_utterances:
            raise ParamsError(f"attribute {name!r}: neither table has a column {column!r}")
    if not of_speakers:
        raise ParamsError(f"{speakers} has no column that is an attribute; name one, or leave the table out")
    section = {"table": _below(root, speakers), "speaker_id": own_id, "sha256": checksum(speakers)}
    return {"attributes": of_utterances, "speakers": section | {"attributes": of_speakers}}


def _below(root: Path, table: Path) -> str:
    """A table's path relative to the root."""
    resolved, folder = table.resolve(), root.resolve()
    if not resolved.is_relative_to(folder):
        raise ParamsError(f"{table} is not below root {root}; choose a root that holds tables and audio")
    return resolved.relative_to(folder).as_posix()
