"""The roles of a table's columns: our names, the user's mapping, and NeMo's manifests."""

import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import pandas as pd

from isogloss.errors import ParamsError, TableError
from isogloss.io.cells import number_column, text_column
from isogloss.io.source import Source

ROLES = (
    *("utterance_id", "speaker_id", "ref", "hyp", "weight", "latitude", "longitude", "zip"),
    *("words", "errors", "substitutions", "deletions", "insertions", "utterances"),
)
NEMO = {"utterance_id": "audio_filepath", "ref": "text", "hyp": "pred_text", "speaker_id": "speaker"}
"""The names of our columns in NeMo's manifests."""
OTHER_NAMES = {
    "utterance_id": ("utterance", "utt_id", "utt", "id", "audio_filepath"),
    "speaker_id": ("speaker", "spk", "client_id", "user_id"),
    "ref": ("reference", "text", "transcript", "sentence", "target"),
    "hyp": ("hypothesis", "pred_text", "prediction", "predicted", "asr"),
    "latitude": ("lat",),
    "longitude": ("lon", "lng", "long"),
    "zip": ("zip_code", "zipcode", "postal_code", "zcta"),
    "words": ("ref_words", "n_words", "num_words"),
    "substitutions": ("sub", "subs", "n_sub"),
    "deletions": ("del", "dels", "n_del"),
    "insertions": ("ins", "n_ins"),
}
"""Other common names of our columns; messages suggest them, but they are used only if `--column` names them."""


def utterance_ids(source: Source, name: str) -> pd.Series:
    """A column of ids as text, NaN where a cell is empty.

    Where several rows of a NeMo manifest are segments of one recording, an id is the path, `@` and the offset in
    seconds, as in "/data/call.wav@12.5".
    """
    ids = text_column(source, name)
    if name == NEMO["utterance_id"] and "offset" in source.names and ids.duplicated().any():
        return ids + "@" + number_column(source, "offset").fillna(0.0).map(repr).astype("str")
    return ids


class Roles:
    """The columns of one table by our names.

    Raises
    ------
    ParamsError
        The mapping names a role that does not exist.
    TableError
        The mapping names a column that the table does not have.
    """

    def __init__(self, source: Source, mapping: Mapping[str, str]) -> None:
        self._source = source
        self._mapping = dict(mapping)
        if {"audio_filepath", "text", "pred_text"} <= set(source.names):
            self._mapping = {
                **{role: name for role, name in NEMO.items() if name in source.names and role not in source.names},
                **self._mapping,
            }
        for role, name in mapping.items():
            if role not in ROLES:
                raise ParamsError(f"--column {role}={name}: there is no column {role!r}; ours are {', '.join(ROLES)}")
            if name not in source.names:
                raise TableError(f"{source.path}: column {name!r} is missing; {hint(name, source.names)}")
        for name in mapping.values():
            shared = [role for role, other in mapping.items() if other == name]
            if len(shared) > 1:
                raise ParamsError(
                    f"--column {shared[0]}={name} and --column {shared[1]}={name} name one column for two things; a "
                    "table compared with itself has no errors"
                )

    def find(self, role: str) -> str | None:
        """The table's name for one of our columns; None if the table does not have it."""
        name = self._mapping.get(role, role)
        return name if name in self._source.names else None

    def require(self, role: str) -> str:
        """The table's name for one of our columns; raises a `TableError` that suggests the nearest column."""
        name = self.find(role)
        if name is None:
            self.refuse([role])
        return name

    def existing(self, name: str, option: str) -> str:
        """A column of the table, or a `TableError` that suggests the nearest."""
        if name not in self._source.names:
            raise TableError(f"{self._source.path}: {option} names no column; {hint(name, self._source.names)}")
        return name

    def refuse(self, roles: Sequence[str]) -> NoReturn:
        """Raise the error that says which roles are missing and which columns might be meant."""
        names = self._source.names
        if len(roles) == 1:
            raise TableError(f"{self._source.path}: column {roles[0]!r} is missing; {self.suggestion(roles[0])}")
        near = {role: known_by_another_name(role, names) for role in roles}
        taken = [f"--column {role}={name}" for role, name in near.items() if name is not None]
        said = f"if these are meant, say {' '.join(taken)}; " if taken else "name them with --column OURS=THEIRS; "
        raise TableError(
            f"{self._source.path}: columns {', '.join(map(repr, roles[:-1]))} and {roles[-1]!r} are missing; {said}"
            f"it has {', '.join(names)}"
        )

    def suggestion(self, role: str) -> str:
        """A suggestion of the column that might be meant."""
        names = self._source.names
        near = known_by_another_name(role, names) or nearest(role, names)
        if near is not None:
            return f"is it {near!r}? then say --column {shlex.quote(f'{role}={near}')}"
        return f"it has {', '.join(names)}; name it with --column {role}=NAME"


def known_by_another_name(role: str, names: Iterable[str]) -> str | None:
    """A column of the table whose name is a common one for this role."""
    lowered = {name.lower(): name for name in names}
    return next((lowered[other] for other in OTHER_NAMES.get(role, ()) if other in lowered), None)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that is most similar to another one, if any is similar."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return found[0] if found else None


def hint(name: str, names: list[str]) -> str:
    """A suggestion for a name that is not among others."""
    near = nearest(name, names)
    return f"did you mean {near!r}?" if near else f"it has {', '.join(names)}"
