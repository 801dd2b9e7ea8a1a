"""The checked table of trials as arrays; and list files in the format of VoxCeleb.

`trials.parquet` has `enrol_id, test_id, enrol_speaker, test_speaker, target, score` and, for each grouping, the group
of both sides (`enrol_gender, test_gender, ...`). A list file has a line `1 enrol_id test_id` a trial, 0 for a
non-target.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from isogloss.errors import TableError
from isogloss.tables import atomic_path, require_columns

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int32]

TRIAL_COLUMNS = ("enrol_id", "test_id", "enrol_speaker", "test_speaker", "target")


@dataclass(frozen=True)
class ScoredTrials:
    """Trials with scores (a higher score means more similar); speakers are indices into `speakers`."""

    score_N: Floats
    target_N: Bools
    enrol_N: Codes
    test_N: Codes
    speakers: list[str]
    weight_S: Floats
    """Each speaker's weight in the population, mean 1."""

    def __len__(self) -> int:
        return len(self.score_N)

    def where(self, chosen: NDArray) -> "ScoredTrials":
        """Some of the trials, among the same speakers: a mask or an index."""
        return replace(
            self,
            score_N=self.score_N[chosen],
            target_N=self.target_N[chosen],
            enrol_N=self.enrol_N[chosen],
            test_N=self.test_N[chosen],
        )

    def alike(self) -> "ScoredTrials":
        """The same trials among speakers who all weigh the same."""
        return replace(self, weight_S=np.ones_like(self.weight_S))

    def with_scores(self, score_N: ArrayLike, *, where: str = "the scores") -> "ScoredTrials":
        """The same trials with scores of another verifier; raises `TableError` where one is not finite."""
        return replace(self, score_N=_finite_scores(score_N, where))


def trials_of(table: pd.DataFrame, *, weights: pd.Series | None = None, where: str = "the trials") -> ScoredTrials:
    """Check a table of scored trials.

    Parameters
    ----------
    table
        `enrol_speaker, test_speaker, target, score`; `target` holds true and false, or 1 and 0.
    weights
        Weight of each speaker by their id; 1 by default.
    where
        Name of the table in error messages.

    Raises
    ------
    TableError
        A column is missing, there is no trial, a score is not finite, `target` is neither 0 nor 1 or contradicts the
        speakers, or a speaker has no positive weight.
    """
    require_columns(table, ["enrol_speaker", "test_speaker", "target", "score"], where=where)
    if table.empty:
        raise TableError(f"{where}: there is no trial; list some")
    score_N = _finite_scores(table["score"], where)
    target_N = _targets(table["target"], where)
    codes, speakers = pd.factorize(pd.concat([table["enrol_speaker"], table["test_speaker"]]), sort=True)
    if (codes < 0).any():
        raise TableError(f"{where}: row {int(np.flatnonzero(codes < 0)[0]) % len(table)} has no speaker; name one")
    enrol_N, test_N = np.split(codes.astype(np.int32), 2)
    wrong = np.flatnonzero((enrol_N == test_N) != target_N)
    if wrong.size:
        row = int(wrong[0])
        raise TableError(
            f"{where}: row {row} says target {int(target_N[row])}, but its speakers are "
            f"{speakers[enrol_N[row]]!r} and {speakers[test_N[row]]!r}; correct the one or the other"
        )
    return ScoredTrials(
        score_N, target_N, enrol_N, test_N, [str(s) for s in speakers], _weights(weights, speakers, where)
    )


def read_list(path: Path | str, *, known: Iterable[str] | None = None, where: str = "the table") -> pd.DataFrame:
    """Read a list file: `enrol_id, test_id, target`.

    Parameters
    ----------
    path
        Lines `1 enrol_id test_id` (target) and `0 enrol_id test_id` (non-target); empty ones are skipped.
    known
        Ids of the utterances that there are, if they are to be checked.
    where
        Name of the table of these utterances in error messages.

    Raises
    ------
    TableError
        The file is missing, a folder or not text, a line has another form, a trial stands twice, or an utterance is
        unknown or paired with itself.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise TableError(f"{path} does not exist; write a list of trials, a line '1 enrol_id test_id' each") from None
    except IsADirectoryError:
        raise TableError(f"{path} is a folder; name a list of trials") from None
    except UnicodeDecodeError:
        raise TableError(f"{path} is not UTF-8 text; write it as such") from None
    ids = None if known is None else set(known)
    rows = []
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 3 or parts[0] not in ("0", "1"):
            raise TableError(f"{path}: line {number} is {line!r}; it must be '1 enrol_id test_id' or '0 ...'")
        for id_ in parts[1:]:
            if ids is not None and id_ not in ids:
                raise TableError(f"{path}: line {number} names the utterance {id_!r}, which {where} does not have")
        if parts[1] == parts[2]:
            raise TableError(f"{path}: line {number} pairs the utterance {parts[1]!r} with itself; remove the line")
        rows.append((parts[1], parts[2], parts[0] == "1"))
    table = pd.DataFrame(rows, columns=["enrol_id", "test_id", "target"])
    twice = table.duplicated(["enrol_id", "test_id"])
    if twice.any():
        first = table[twice].iloc[0]
        raise TableError(f"{path}: the trial {first['enrol_id']} {first['test_id']} stands twice; keep one")
    return table


def write_list(trials: pd.DataFrame, path: Path | str) -> None:
    """Write `enrol_id, test_id, target` as a list file, atomically.

    Raises
    ------
    TableError
        An id has white space in it, which separates the parts of a line.
    """
    for side in ("enrol_id", "test_id"):
        broken = trials[side][trials[side].str.contains(r"\s", regex=True)]
        if len(broken):
            raise TableError(f"{path}: the utterance {broken.iloc[0]!r} has white space in its id; rename it")
    columns: Sequence[pd.Series] = [trials["target"].astype(int), trials["enrol_id"], trials["test_id"]]
    text = "".join(f"{target} {enrol} {test}\n" for target, enrol, test in zip(*columns, strict=True))
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def name_speakers(trials: pd.DataFrame, speakers: pd.Series, *, where: str = "the trials") -> pd.DataFrame:
    """The trials with `enrol_speaker` and `test_speaker`, looked up by utterance id.

    Raises
    ------
    TableError
        A trial names an utterance whose speaker is not known.
    """
    named = trials.copy()
    for side in ("enrol", "test"):
        named[f"{side}_speaker"] = trials[f"{side}_id"].map(speakers)
        unknown = named[f"{side}_speaker"].isna()
        if unknown.any():
            row = int(np.flatnonzero(unknown)[0])
            raise TableError(
                f"{where}: row {row} names the utterance {trials[f'{side}_id'].iloc[row]!r}, whose speaker is not "
                f"known; {int(unknown.sum())} such rows: drop them or add the utterances"
            )
    return named


def _finite_scores(scores: ArrayLike, where: str) -> Floats:
    """The scores as float64."""
    try:
        score_N = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError):
        raise TableError(f"{where}: a score is no number; write numbers, the higher the more alike") from None
    wrong = np.flatnonzero(~np.isfinite(score_N))
    if wrong.size:
        raise TableError(
            f"{where}: row {int(wrong[0])} has the score {score_N[wrong[0]]}; {wrong.size} scores are not finite: "
            "score these trials again or drop them"
        )
    return score_N


def _targets(target: pd.Series, where: str) -> Bools:
    """Which trials are targets."""
    wrong = ~target.isin([0, 1])
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise TableError(f"{where}: row {row} has the target {target.iloc[row]!r}; it must be 1 or 0")
    return target.to_numpy().astype(bool)


def _weights(weights: pd.Series | None, speakers: pd.Index, where: str) -> Floats:
    """The speakers' weights, scaled to a mean of 1."""
    if weights is None:
        return np.ones(len(speakers))
    weight_S = weights.reindex(speakers).to_numpy(np.float64)
    wrong = np.flatnonzero(~((weight_S > 0) & np.isfinite(weight_S)))
    if wrong.size:
        raise TableError(f"{where}: speaker {speakers[wrong[0]]!r} has no positive weight; give each speaker one")
    return weight_S / weight_S.mean()
