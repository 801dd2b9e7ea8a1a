"""Trials from held-out speakers, generated deterministically or read from a list file; and lists of parts of them.

Targets are all pairs of one speaker's utterances, up to a limit. Non-targets are one pair of utterances for each pair
of speakers; the seed decides which utterances. So every pair of speakers counts the same, and trials within and across
genders and cohorts all occur. If these are too many, the same number of pairs of speakers is drawn from each stratum
(same gender or not; our choice, VoxCeleb1-H and -E differ in the same way).
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.judging.verification.trials import TRIAL_COLUMNS, name_speakers, read_list, write_list
from isogloss.tables import require_columns

Pairs = NDArray[np.intp]
SIDES = ("enrol", "test")


def make_trials(
    utterances: pd.DataFrame,
    *,
    seed: int,
    max_nontargets: int = 100_000,
    max_targets_per_speaker: int = 20,
    strata: str = "gender",
) -> pd.DataFrame:
    """Trials among the utterances of a split.

    Parameters
    ----------
    utterances
        `utterance_id, speaker_id` and, if known, the column `strata`.
    seed
        Decides which utterances stand for a pair of speakers, and which pairs are drawn.
    max_nontargets, max_targets_per_speaker
        Limits of the numbers of trials.
    strata
        Column whose same and other values are to be as frequent where pairs have to be drawn.

    Returns
    -------
    `enrol_id, test_id, enrol_speaker, test_speaker, target`, targets first.

    Raises
    ------
    TableError
        There are fewer than two speakers, or no speaker has two utterances.
    """
    require_columns(utterances, ["utterance_id", "speaker_id"], where="the utterances to try")
    rng = np.random.default_rng(seed)
    rows = utterances.sort_values(["speaker_id", "utterance_id"], kind="stable").reset_index(drop=True)
    owned = [np.asarray(places) for places in rows.groupby("speaker_id", sort=True).indices.values()]
    if len(owned) < 2 or max(map(len, owned)) < 2:
        raise TableError(
            f"trials need two speakers and one with two utterances; there are {len(owned)} speakers "
            f"with at most {max(map(len, owned), default=0)} utterances"
        )
    targets = np.concatenate([_targets_of(places, max_targets_per_speaker, rng) for places in owned])
    first = np.array([places[0] for places in owned])
    groups = rows[strata].to_numpy()[first] if strata in rows.columns else np.zeros(len(owned))
    nontargets = _nontargets(owned, groups, max_nontargets, rng)
    pairs = np.concatenate([targets, nontargets])
    table = pd.DataFrame(
        {
            **{f"{side}_id": rows["utterance_id"].to_numpy()[pairs[:, k]] for k, side in enumerate(SIDES)},
            **{f"{side}_speaker": rows["speaker_id"].to_numpy()[pairs[:, k]] for k, side in enumerate(SIDES)},
            "target": np.arange(len(pairs)) < len(targets),
        }
    )
    return table[list(TRIAL_COLUMNS)]


def bring_trials(path: Path | str, utterances: pd.DataFrame, *, sha256: str | None = None) -> pd.DataFrame:
    """Read a list file of trials among the utterances of test.

    Parameters
    ----------
    path
        As `read_list`.
    utterances
        `utterance_id, speaker_id`.
    sha256
        Required digest of the file, if it is to be checked.

    Returns
    -------
    As `make_trials`, in the order of the file.

    Raises
    ------
    TableError
        The file is not a list (`read_list`) or has another digest, names an utterance that test lacks, has a target
        that contradicts the speakers, or lacks targets or non-targets.
    """
    trials = read_list(path, known=utterances["utterance_id"], where="the split test of data/utterances.parquet")
    found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if sha256 is not None and found != sha256:
        raise TableError(f"{path} has the digest {found}, not verification.trials_sha256; set that or restore the file")
    named = name_speakers(trials, utterances.set_index("utterance_id")["speaker_id"], where=str(path))
    wrong = named[(named["enrol_speaker"] == named["test_speaker"]) != named["target"]]
    if len(wrong):
        one = wrong.iloc[0]
        raise TableError(
            f"{path}: the trial {one['enrol_id']} {one['test_id']} is listed as {int(one['target'])}, but its speakers "
            f"are {one['enrol_speaker']!r} and {one['test_speaker']!r}; {len(wrong)} such trials: correct them"
        )
    if named["target"].nunique() < 2:
        raise TableError(f"{path} lacks targets or non-targets; list some of both")
    return named[list(TRIAL_COLUMNS)]


def with_groups(trials: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """The trials with the columns of `groups` (by `utterance_id`) for both sides: `enrol_gender, test_gender, ...`.

    Raises
    ------
    TableError
        An utterance of a trial has no row in `groups`.
    """
    indexed = groups.set_index("utterance_id")
    result = trials.reset_index(drop=True)
    for side in SIDES:
        ids = pd.Index(trials[f"{side}_id"])
        lost = ids[~ids.isin(indexed.index)]
        if len(lost):
            raise TableError(f"the trials name {len(lost)} utterances without groups ({lost[0]!r} first); add them")
        for column in indexed.columns:
            result[f"{side}_{column}"] = indexed[column].reindex(ids).to_numpy()
    return result


def select(trials: pd.DataFrame, *, same: str | None = None, other: str | None = None) -> pd.DataFrame:
    """Targets, and the non-targets whose sides have the same (or another) value of a grouping of `with_groups`.

    `select(trials, same="gender")` is the hard list within genders, `select(trials, other="gender")` that across.
    """
    keep = pd.Series(True, index=trials.index)
    for column, wanted in ((same, True), (other, False)):
        if column is not None:
            require_columns(trials, [f"{side}_{column}" for side in SIDES], where="the trials")
            keep &= (trials[f"enrol_{column}"] == trials[f"test_{column}"]) == wanted
    return trials[keep | trials["target"]].reset_index(drop=True)


def write_lists(trials: pd.DataFrame, groupings: Iterable[str], folder: Path) -> None:
    """Write trials as list files into a folder.

    `trials.txt` has all. For each grouping of `with_groups`, `trials.same-<grouping>.txt` has the targets and the
    non-targets within its groups, `trials.other-<grouping>.txt` the targets and the non-targets across.
    """
    write_list(trials, folder / "trials.txt")
    for name in groupings:
        write_list(select(trials, same=name), folder / f"trials.same-{name}.txt")
        write_list(select(trials, other=name), folder / f"trials.other-{name}.txt")


def _targets_of(places: Pairs, most: int, rng: np.random.Generator) -> Pairs:
    """Pairs of one speaker's utterances, (n, 2)."""
    first, second = np.triu_indices(len(places), 1)
    if len(first) > most:
        chosen = np.sort(rng.choice(len(first), most, replace=False))
        first, second = first[chosen], second[chosen]
    return np.stack([places[first], places[second]], axis=1)


def _nontargets(owned: list[Pairs], groups: NDArray, most: int, rng: np.random.Generator) -> Pairs:
    """Pairs of utterances of different speakers, (n, 2)."""
    first, second = np.triu_indices(len(owned), 1)
    if len(first) > most:
        same = groups[first] == groups[second]
        chosen = [_up_to(np.flatnonzero(same == value), most // 2, rng) for value in (True, False)]
        keep = np.sort(np.concatenate(chosen))
        first, second = first[keep], second[keep]
    sizes = np.array([len(places) for places in owned])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    flat = np.concatenate(owned)
    drawn = [flat[starts[s] + rng.integers(sizes[s])] for s in (first, second)]
    return np.stack(drawn, axis=1)


def _up_to(places: Pairs, most: int, rng: np.random.Generator) -> Pairs:
    """All places, or `most` of them at random."""
    return places if len(places) <= most else rng.choice(places, most, replace=False)
