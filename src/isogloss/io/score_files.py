"""Trials and scores of speaker verification in the text formats of toolkits: lines of fields between white space.

- VoxCeleb's lists: `1 enrol test`, where 1 or 0 stands for target or non-target; with a score behind it
- Kaldi's trials: `enrol test target` or `nontarget`; its scores: `enrol test score`
- the same four fields in another order: mark and score are recognised by their values

A list of trials without scores is joined with a file of scores by its two ids.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from isogloss.errors import TableError
from isogloss.io.source import Source, read_utf8, record_source

MARKS = {"target": "1", "tgt": "1", "true": "1", "nontarget": "0", "imp": "0", "impostor": "0", "false": "0"}
"""Words for targets and non-targets, apart from 1 and 0."""
SUFFIXES = ("", ".txt", ".trials", ".trial", ".scores", ".score", ".lst", ".list")
"""Suffixes of files with lines of fields; `.gz` may follow."""


def is_score_file(path: Path) -> bool:
    """Whether a file's suffix means lines of fields instead of a table with a header."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower() in SUFFIXES


def read_score_file(path: Path) -> Source:
    """The trials of a file: `enrol_id, test_id`, and `target` and `score` if it has them; one row per line.

    Raises
    ------
    TableError
        The file cannot be read or is empty, a line has another number of fields than the first, or the fields of the
        first line are of no known format.
    """
    rows: list[list[str]] = []
    numbers: list[int] = []
    for number, line in enumerate(read_utf8(path).decode().split("\n"), start=1):
        fields = line.split()
        if not fields:
            continue
        if rows and len(fields) != len(rows[0]):
            raise TableError(
                f"{path}, line {number} has {len(fields)} fields, but line {numbers[0]} has {len(rows[0])}; give each "
                "trial the same"
            )
        rows.append(fields)
        numbers.append(number)
    if not rows:
        raise TableError(f"{path} is empty; give one trial a line, such as: enrol test score")
    names = _names(rows, f"{path}, line {numbers[0]}")
    records = [dict(zip(names, fields, strict=True)) for fields in rows]
    for record in records:
        if "target" in record:
            record["target"] = MARKS.get(record["target"].lower(), record["target"])
    return record_source(path, records, unit="line", numbers=numbers)


def _names(rows: Sequence[Sequence[str]], where: str) -> list[str]:
    """The names of the fields, from all lines: a column of marks holds only marks, one of scores only numbers."""
    columns = list(zip(*rows, strict=True))
    marks = [n for n, column in enumerate(columns) if all(_is_mark(field) for field in column)]
    scores = [n for n, column in enumerate(columns) if n not in marks[:1] and all(map(_is_number, column))]
    if len(columns) == 3 and marks and marks[0] in (0, 2) and not (marks[0] == 2 and _graded(columns[2])):
        return ["target", "enrol_id", "test_id"] if marks[0] == 0 else ["enrol_id", "test_id", "target"]
    if len(columns) == 3 and _is_number(rows[0][2]):
        return ["enrol_id", "test_id", "score"]
    if len(columns) == 4 and marks and scores:
        names = {marks[0]: "target", scores[-1]: "score"}
        ids = iter(("enrol_id", "test_id"))
        return [names[n] if n in names else next(ids) for n in range(4)]
    raise TableError(
        f"{where} holds {len(columns)} fields ({' '.join(rows[0][:5])}) of no known format; give lines such as: "
        "1 enrol test, or: enrol test target, or: enrol test score"
    )


def _graded(column: Sequence[str]) -> bool:
    """Whether a last field that is always 0 or 1 is written with decimals and so is a score."""
    return any("." in field for field in column)


def _is_mark(field: str) -> bool:
    """Whether a field says target or non-target."""
    return field in ("0", "1") or field.lower() in MARKS


def _is_number(field: str) -> bool:
    """Whether a field is a finite number."""
    try:
        return bool(np.isfinite(float(field)))
    except ValueError:
        return False


def with_scores(trials: Source, scores: Source) -> Source:
    """A list of trials with the scores of another file, joined by `enrol_id` and `test_id`; messages give its lines.

    Raises
    ------
    TableError
        The list has scores itself, the other file has none, a trial is scored twice, or a trial has no score.
    """
    for source, wanted in ((trials, ("enrol_id", "test_id")), (scores, ("enrol_id", "test_id", "score"))):
        missing = [name for name in wanted if name not in source.names]
        if missing:
            raise TableError(f"{source.path}: there is no {' and no '.join(missing)}; give a line a trial")
    if "score" in trials.names:
        raise TableError(f"{trials.path} holds scores itself; leave --scores out")
    keys = [
        pd.MultiIndex.from_arrays([[str(cell) for cell in source.values(name)] for name in ("enrol_id", "test_id")])
        for source in (trials, scores)
    ]
    twice = np.flatnonzero(keys[1].duplicated())
    if twice.size:
        one, other = keys[1][twice[0]]
        raise TableError(f"{scores.place(int(twice[0]))} scores {one!r} with {other!r} a second time; keep one line")
    rows = keys[1].get_indexer(keys[0])
    lost = np.flatnonzero(rows < 0)
    if lost.size:
        one, other = keys[0][lost[0]]
        raise TableError(
            f"{trials.place(int(lost[0]))}: {scores.path} has no score of {one!r} with {other!r}, as of {lost.size} "
            f"of {len(rows)} trials; score all of them"
        )
    held = scores.values("score")
    values = [held[row] for row in rows]
    return replace(
        trials,
        names=[*trials.names, "score"],
        column=lambda name: pd.Series(values, dtype=object) if name == "score" else trials.column(name),
        values=lambda name: values if name == "score" else trials.values(name),
    )
