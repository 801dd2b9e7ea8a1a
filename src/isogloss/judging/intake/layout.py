"""The roles of a table's columns: texts or counts, of one system or several, and speakers.

A table holds texts (`ref` and `hyp`) or counts: `words`, and either `substitutions, deletions, insertions` or their sum
`errors`. A row of counts is an utterance, or the sum of several (those of a speaker, say); then the column `utterances`
may give their number.
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from isogloss.errors import ParamsError, TableError
from isogloss.io.roles import Roles, utterance_ids
from isogloss.io.source import Source
from isogloss.judging.intake.request import Request

WITHOUT_SPEAKERS = (
    "the utterances of one speaker are alike, so an interval or test that takes them for independent claims "
    "differences that are not there"
)
KINDS = ("substitutions", "deletions", "insertions")


@dataclass(frozen=True)
class Layout:
    """The names of the columns of a table, by their role; None for a role that no column has."""

    holds: Literal["texts", "counts"]
    hypotheses: tuple[tuple[str, str], ...]
    """The name of each system and the column of its hypotheses; for counts, the name of the one system and an empty
    text."""
    reference: str | None
    counts: tuple[tuple[str, str], ...]
    """Of each column of counts, its name in Isogloss and its name in the table."""
    speaker: str | None
    pattern: re.Pattern[str] | None
    """A regular expression whose one group is the speaker, in an utterance id; None if ids do not name speakers."""
    utterance_id: str | None
    weight: str | None
    system: str | None


def layout_of(source: Source, request: Request, *, ids: bool) -> Layout:
    """The layout of a table; `ids` says that utterance ids are needed.

    Raises
    ------
    TableError
        Columns are missing: one sentence names all of them, and those that might be meant.
    """
    roles = Roles(source, request.columns)
    pattern = speaker_pattern(request)
    counts = _counts(roles)
    texts = roles.find("ref") is not None or not counts
    wanted = ["ref", *([] if request.hypotheses else ["hyp"])] if texts else []
    missing = [role for role in wanted if roles.find(role) is None]
    if (ids or pattern is not None) and roles.find("utterance_id") is None:
        missing.append("utterance_id")
    speaker = None if pattern is not None else roles.find("speaker_id")
    without = speaker is None and pattern is None and not request.speakers_unknown
    if missing:
        roles.refuse([*missing, *(["speaker_id"] if without else [])])
    if without:
        raise TableError(
            f"{source.path}: there is no column of speakers, and {WITHOUT_SPEAKERS}; "
            f"{roles.suggestion('speaker_id')}, or pass --speakers-unknown for figures without intervals"
        )
    if not texts and request.hypotheses:
        raise TableError(
            f"{source.path} has no column of references, which --hyp NAME=COLUMN needs; say --column ref=…"
        )
    named = tuple((name, roles.existing(column, f"--hyp {name}={column}")) for name, column in request.hypotheses)
    return Layout(
        holds="texts" if texts else "counts",
        hypotheses=named or ((request.name, roles.require("hyp") if texts else ""),),
        reference=roles.find("ref") if texts else None,
        counts=() if texts else counts,
        speaker=speaker,
        pattern=pattern,
        utterance_id=roles.find("utterance_id"),
        weight=roles.find("weight"),
        system=None if request.system_column is None else roles.existing(request.system_column, "--system-column"),
    )


def _counts(roles: Roles) -> tuple[tuple[str, str], ...]:
    """The columns of counts, by our name and the table's; empty if they are not complete."""
    found = {role: roles.find(role) for role in ("words", *KINDS, "errors", "utterances")}
    if found["words"] is None or (found["errors"] is None and None in [found[kind] for kind in KINDS]):
        return ()
    if None not in [found[kind] for kind in KINDS]:
        found.pop("errors")  # The kinds of errors tell more than their sum.
    else:
        for kind in KINDS:
            found.pop(kind)
    return tuple((role, name) for role, name in found.items() if name is not None)


def speaker_pattern(request: Request) -> re.Pattern[str] | None:
    """The compiled `--speaker-pattern` of a request, if it has one."""
    return None if request.speaker_pattern is None else compile_pattern(request.speaker_pattern)


def compile_pattern(written: str) -> re.Pattern[str]:
    """A regular expression with one group: the speaker.

    Raises
    ------
    ParamsError
        It is no regular expression, or has no group or several.
    """
    try:
        pattern = re.compile(written)
    except re.error as error:
        raise ParamsError(f"--speaker-pattern {written!r} is no regular expression: {error}") from None
    if pattern.groups != 1:
        raise ParamsError(
            f"--speaker-pattern {written!r} has {pattern.groups} groups; put the part of an utterance "
            "id that is the speaker in parentheses, as in '^([^-]+)-'"
        )
    return pattern


def speakers_in(ids: pd.Series, pattern: re.Pattern[str], where: str) -> pd.Series:
    """The speaker in each utterance id; raises `TableError` for an id in which the pattern finds none."""
    found = ids.str.extract(pattern, expand=False)
    found = found.mask(found == "")
    lost = np.flatnonzero(found.isna())
    if lost.size:
        raise TableError(
            f"{where}: --speaker-pattern finds no speaker in {lost.size} utterance ids, the first of which is "
            f"{ids.iloc[int(lost[0])]!r}; correct the pattern"
        )
    return found


def ids_of(source: Source, name: str, *, once: bool = True) -> pd.Series:
    """Utterance ids, none missing, each `once`.

    Raises
    ------
    TableError
        An id is missing, or occurs twice.
    """
    ids = utterance_ids(source, name)
    if ids.isna().any():
        raise TableError(f"{source.place(int(np.flatnonzero(ids.isna())[0]))}: column {name!r} is empty; fill it")
    twice = ids[ids.duplicated(keep=False)] if once else ids[:0]
    if len(twice):
        extra = int(ids.duplicated().sum())
        raise TableError(
            f"{source.place(int(ids.index[ids.duplicated()][0]))}: utterance {ids[ids.duplicated()].iloc[0]!r} occurs "
            f"a second time ({extra} such rows, {three(twice.unique())}); keep one row an utterance"
        )
    return ids


def three(ids: object) -> str:
    """The first three ids."""
    listed = [repr(str(one)) for one in ids]  # type: ignore[attr-defined]
    return ", ".join(listed[:3]) + (", ..." if len(listed) > 3 else "")
