"""The tables of an audit of verification, read and checked.

Trials are a table `enrol_id, test_id, score` (CSV, TSV, JSONL, parquet), with `target` if it is known. Speakers are a
table `utterance_id, speaker_id` with further columns about them. A table of speakers without `utterance_id` goes with
trials that name `enrol_speaker` and `test_speaker`. With a column `score_before` two verifiers are compared.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.cells import number_column, text_column
from isogloss.io.score_files import MARKS, is_score_file, read_score_file, with_scores
from isogloss.io.source import Source
from isogloss.io.table_reader import read_table
from isogloss.judging.grouping import UNSPECIFIED, Grouping
from isogloss.judging.intake.layout import compile_pattern
from isogloss.judging.verification.lists import SIDES
from isogloss.judging.verification.trials import name_speakers
from isogloss.tables import require_columns

TARGETS = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, **{word: int(mark) for word, mark in MARKS.items()}}
"""Marks of trials: 1 for the same speaker, 0 for different ones."""
IDS = ("speaker_id", "utterance_id")
"""Columns that identify single speakers."""


def read_trials(
    trials: Path, speakers: Path, *, by: Sequence[str], scores: Path | None = None, pattern: str | None = None
) -> tuple[pd.DataFrame, list[Grouping]]:
    """The trials, and the cohorts of their speakers.

    Parameters
    ----------
    trials, speakers
        The pairs that were compared, and the speaker of each utterance: tables, or files of a toolkit
        (`isogloss.io.score_files`).
    by
        Columns of the speakers' table.
    scores
        The scores of trials that have none.
    pattern
        A regular expression whose one group finds the speaker in an id; not needed if ids are speakers.

    Returns
    -------
    `enrol_speaker, test_speaker, target, score`, and `score_before` if there is one; and a grouping for each column of
    `by`. Unknown values are `unspecified`.

    Raises
    ------
    TableError
        In one sentence: a column or file is missing, a trial names an unknown utterance or speaker, a score is no
        number, a row pairs an utterance with itself or repeats another, a speaker has two values of a column, or all
        have the same.
    """
    people = _people(read_table(speakers), by)
    listed = _listed(_opened(trials, scores), people, where=str(trials), pattern=_compiled(pattern))
    present = pd.Index(pd.concat([listed["enrol_speaker"], listed["test_speaker"]]).unique(), name="speaker_id")
    cohorts = pd.DataFrame(index=present)
    for column in by:
        cohorts[column] = people.groupby("speaker_id")[column].first().reindex(present).fillna(UNSPECIFIED)
        if cohorts[column].nunique() == 1:
            raise TableError(
                f"--by {column}: every speaker of the trials has the value {cohorts[column].iloc[0]!r}, a single "
                "cohort; a comparison needs two"
            )
    return listed, groupings_of_speakers(listed, cohorts)


def groupings_of_speakers(trials: pd.DataFrame, cohorts: pd.DataFrame) -> list[Grouping]:
    """A grouping of trials for each column of a table whose index is the speakers."""
    speakers = {side: trials[f"{side}_speaker"] for side in SIDES}
    return [
        Grouping(str(name), pd.DataFrame({side: ids.map(cohorts[name]) for side, ids in speakers.items()}))
        for name in cohorts
    ]


def _opened(trials: Path, scores: Path | None) -> Source:
    """The trials with their scores."""
    files = [path for path in (trials, scores) if path is not None]
    opened, *more = (read_score_file(path) if is_score_file(path) else read_table(path) for path in files)
    return with_scores(opened, more[0]) if more else opened


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    """The pattern that finds a speaker."""
    return None if pattern is None else compile_pattern(pattern)


def _speakers_of(ids: pd.Series, people: pd.DataFrame, pattern: re.Pattern[str]) -> pd.Series:
    """The speaker in each id, or the id itself if it is a speaker (an enrolled model)."""
    return ids.where(ids.isin(people["speaker_id"]), ids.str.extract(pattern, expand=False))


def _people(source: Source, by: Sequence[str]) -> pd.DataFrame:
    """`speaker_id`, the requested columns, and `utterance_id` if there is one; raises if a speaker has two values."""
    for column in by:
        if column in IDS:
            raise TableError(f"--by {column}: the column tells single speakers apart; name one that several share")
    wanted = ["speaker_id", *by, *(["utterance_id"] if "utterance_id" in source.names else [])]
    require_columns(pd.DataFrame(columns=source.names), wanted, where=str(source.path))
    people = pd.DataFrame({name: text_column(source, name) for name in dict.fromkeys(wanted)})
    for column in by:
        values = people.groupby("speaker_id")[column].nunique()
        if (values > 1).any():
            raise TableError(
                f"{source.path}: speaker {values.index[values > 1][0]!r} has several values of {column!r}; "
                "give one value a speaker"
            )
    return people


def _listed(source: Source, people: pd.DataFrame, *, where: str, pattern: re.Pattern[str] | None) -> pd.DataFrame:
    """The trials with speakers, targets and scores."""
    by_id = "utterance_id" in people.columns or pattern is not None
    needed = [f"{side}_{'id' if by_id else 'speaker'}" for side in SIDES]
    require_columns(pd.DataFrame(columns=source.names), [*needed, "score"], where=where)
    trials = pd.DataFrame({name: text_column(source, name) for name in needed})
    for column in ("score", "score_before"):
        if column in source.names:
            trials[column] = number_column(source, column).to_numpy()
            empty = np.flatnonzero(trials[column].isna())
            if empty.size:
                raise TableError(
                    f"{source.place(int(empty[0]))}: {column} is empty; score the trial, or remove the row"
                )
    if pattern is not None:
        _refuse_no_trials(trials, source)
        for side in SIDES:
            trials[f"{side}_speaker"] = _speakers_of(trials[f"{side}_id"], people, pattern)
            lost = np.flatnonzero(trials[f"{side}_speaker"].isna())
            if lost.size:
                held = trials[f"{side}_id"].iloc[int(lost[0])]
                raise TableError(f"{source.place(int(lost[0]))}: --speaker-pattern finds no speaker in {held!r}")
    elif by_id:
        twice = people["utterance_id"][people["utterance_id"].duplicated()]
        if len(twice):
            raise TableError(f"the speakers' table names the utterance {twice.iloc[0]!r} twice; keep one row")
        _refuse_no_trials(trials, source)
        for side in SIDES:
            strangers = np.flatnonzero(~trials[f"{side}_id"].isin(people["utterance_id"]))
            if strangers.size:
                row = int(strangers[0])
                raise TableError(
                    f"{source.place(row)} names the utterance {trials[f'{side}_id'].iloc[row]!r}, which the table of "
                    "speakers does not have; add a row for it"
                )
        trials = name_speakers(trials, people.set_index("utterance_id")["speaker_id"], where=where)
    for side in SIDES:
        unknown = ~trials[f"{side}_speaker"].isin(people["speaker_id"])
        if unknown.any():
            row = int(np.flatnonzero(unknown)[0])
            raise TableError(
                f"{source.place(row)} names the speaker {trials[f'{side}_speaker'].iloc[row]!r}, which the "
                "speakers' table does not have; add a row for it"
            )
    if "target" in source.names:
        return trials.assign(target=_targets(source, trials["enrol_speaker"] == trials["test_speaker"]))
    return trials.assign(target=trials["enrol_speaker"] == trials["test_speaker"])


def _refuse_no_trials(trials: pd.DataFrame, source: Source) -> None:
    """Raise if a row pairs an utterance with itself, which any verifier accepts, or repeats an earlier row."""
    itself = np.flatnonzero(trials["enrol_id"] == trials["test_id"])
    if itself.size:
        row = int(itself[0])
        raise TableError(
            f"{source.place(row)} pairs the utterance {trials['enrol_id'].iloc[row]!r} with itself; remove the row"
        )
    again = np.flatnonzero(trials.duplicated(["enrol_id", "test_id"]))
    if again.size:
        row = int(again[0])
        enrol, test = trials[["enrol_id", "test_id"]].iloc[row]
        raise TableError(f"{source.place(row)} pairs {enrol!r} with {test!r} a second time; keep one row a trial")


def _targets(source: Source, same: pd.Series) -> pd.Series:
    """1 and 0, true and false, or target and nontarget; they must agree with the speakers."""
    written = text_column(source, "target").str.lower()
    target = written.map(TARGETS)
    if target.isna().any():
        row = int(np.flatnonzero(target.isna())[0])
        raise TableError(f"{source.place(row)}: target is {written.iloc[row]!r}; it must be 1 or 0")
    wrong = np.flatnonzero(target.to_numpy(dtype=bool) != same.to_numpy())
    if wrong.size:
        row = int(wrong[0])
        raise TableError(
            f"{source.place(row)}: target is {written.iloc[row]!r}, but the two speakers are "
            f"{'the same' if same.iloc[row] else 'different'}; correct the one or the other"
        )
    return target
