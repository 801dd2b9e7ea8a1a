"""Small cohorts are merged before anything is written, so that no figure is about a handful of speakers.

A single hidden cohort could be computed from the total and the cohorts that are shown. So hidden cohorts are
merged into one, and where that would consist of one cohort, or still of too few speakers, the smallest shown
cohort joins it (complementary suppression). `merge_small_cohorts` does this for one grouping of the speakers, of
which nothing else is published. `suppress` does it for several groupings that are published together: there the sums
of one grouping less those of another may be about a few speakers (`attack`).
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.judging.privacy.attack import Atoms, disclosed

OTHER = "other"
"""Name of the merged cohort, with an underscore more if a cohort bears it."""


def merge_small_cohorts(cohorts: pd.Series, speakers: pd.Series, *, min_speakers: int) -> dict[str, str]:
    """Under which name each cohort is shown: its own, or that of the merged one.

    Parameters
    ----------
    cohorts, speakers
        Cohort and speaker of each row, in the same order. A speaker may be in several cohorts.
    min_speakers
        Fewest speakers of a cohort that is shown by itself.

    Returns
    -------
    A name for each cohort. All names are the cohorts' own if none is too small, or if there is a single
    cohort, which is the total.
    """
    members = {
        str(name): frozenset(rows) for name, rows in speakers.groupby(cohorts.to_numpy(), sort=True, observed=True)
    }
    by_size = sorted(members, key=lambda name: (len(members[name]), name))
    hidden = [name for name in by_size if len(members[name]) < min_speakers]
    if not hidden or len(members) == 1:
        return {name: name for name in members}
    for name in by_size[len(hidden) :]:
        if len(hidden) > 1 and len(frozenset().union(*(members[h] for h in hidden))) >= min_speakers:
            break
        hidden.append(name)
    return _pooled(members, hidden)


def merged_name(shown: Mapping[str, str]) -> str | None:
    """The name of the merged cohort in what `merge_small_cohorts` returned; None where nothing was merged."""
    names = list(shown.values())
    return next((name for name in names if names.count(name) > 1), None)


def suppress(groupings: pd.DataFrame, speakers: pd.Series, *, min_speakers: int) -> dict[str, dict[str, str]]:
    """Under which names the cohorts of several groupings may be published together, with the total of all rows.

    After renaming, no published sum (of speakers, utterances, words or errors; before or after), and no linear
    combination of published sums that `attack` finds, is about fewer than `min_speakers` speakers. Figures of a
    merged cohort are those of all its rows. Publishing less than this allows is always safe.

    Parameters
    ----------
    groupings
        A column a grouping, a row an utterance: its cohort, NaN where the grouping says nothing of it (rows of
        another split, say). The figures of one cohort on two splits are two groupings. Where the figures of the total
        are not published, the result is only more careful than need be.
    speakers
        Speaker of each row, in the same order; a speaker may be in several cohorts.
    min_speakers
        Fewest speakers that a figure may be about.

    Returns
    -------
    For each grouping a name for each cohort: its own or that of the merged cohort (`merged_name`). An empty mapping
    means that nothing of the grouping may be published.

    Raises
    ------
    TableError
        There are fewer than `min_speakers` speakers altogether: not even the total may be published.

    Examples
    --------
    >>> rows = pd.DataFrame({"gender": list("ffffffmmmmmmmm"), "band": list("oooooyoooooooo")})
    >>> suppress(rows, pd.Series(range(14)), min_speakers=5)["band"]
    {'o': 'other', 'y': 'other'}
    """
    if speakers.nunique() < min_speakers:
        raise TableError(
            f"{speakers.nunique()} speakers are fewer than the {min_speakers} that a published figure needs at least; "
            "nothing can be published"
        )
    atoms = _Atoms(groupings, speakers)
    shown = {
        name: merge_small_cohorts(pairs["cohort"], pairs["speaker"], min_speakers=min_speakers)
        for name, pairs in atoms.pairs.items()
    }
    while leaks := atoms.leaks(shown, min_speakers):
        earlier = dict(shown)
        for leak in leaks:
            _hide(shown, atoms, leak)
        if shown == earlier:  # rounding alone can have shown a leak that nothing published has a part in
            return {name: {} for name in shown}
    return shown


class _Atoms:
    """Rows that no grouping tells apart, with their speakers."""

    def __init__(self, groupings: pd.DataFrame, speakers: pd.Series) -> None:
        speaker_N = pd.factorize(speakers.to_numpy())[0]
        atom_N = np.zeros(len(groupings), dtype=np.int64)
        self.cohorts: dict[str, NDArray[np.object_]] = {}
        self.pairs: dict[str, pd.DataFrame] = {}
        codes = {str(name): pd.factorize(groupings[name], sort=True) for name in groupings.columns}
        for code_N, names in codes.values():
            atom_N = np.unique(atom_N * (len(names) + 1) + code_N + 1, return_inverse=True)[1]
        first_A = np.unique(atom_N, return_index=True)[1]
        members = pd.DataFrame({"atom": atom_N, "speaker": speaker_N}).drop_duplicates()
        grouped = members.groupby("atom", sort=True)["speaker"]
        self.speakers: list[frozenset[int]] = [frozenset(group.tolist()) for _, group in grouped]
        for name, (code_N, values) in codes.items():
            labels = np.array([*map(str, values), None], dtype=object)
            self.cohorts[name] = labels[code_N[first_A]]
            pairs = members.assign(cohort=self.cohorts[name][members["atom"]])
            self.pairs[name] = pairs.dropna(subset=["cohort"])

    def leaks(self, shown: Mapping[str, Mapping[str, str]], min_speakers: int) -> list[Atoms]:
        """Sets of atoms that the shown cohorts and the total give away."""
        sets, groupings = [np.ones(len(self.speakers), dtype=bool)], [-1]
        for number, (name, names) in enumerate(shown.items()):
            labels = np.array([names.get(cohort) for cohort in self.cohorts[name]], dtype=object)
            for label in sorted(set(names.values())):
                sets.append(labels == label)
                groupings.append(number)
        return disclosed(np.array(sets), groupings, self.speakers, min_speakers=min_speakers)

    def size(self, grouping: str, cohorts: Sequence[str]) -> int:
        """Speakers of some cohorts of a grouping."""
        pairs = self.pairs[grouping]
        return int(pairs.loc[pairs["cohort"].isin(cohorts), "speaker"].nunique())


def _hide(shown: dict[str, dict[str, str]], atoms: _Atoms, leak: Atoms) -> None:
    """Merge the smallest shown cohort that has a part in a leak with the hidden ones of its grouping, or the next.

    A grouping that does not speak of all rows also has a part in what it leaves out: the total less all of its cohorts.
    It comes first if that is the leak, else after those whose cohorts hold some of it. It is not published at all if
    its last name leaks. The last name of a grouping of all rows is the total.
    """
    involved = []
    for grouping, names in shown.items():
        of_atoms = atoms.cohorts[grouping]
        partial = any(cohort is None for cohort in of_atoms)
        last = len(set(names.values())) == 1
        if last and not partial:
            continue
        touched = [cohort for cohort in of_atoms[list(leak)] if cohort is not None]
        direct = {names[c] for c in touched if c in names}
        labels = direct | (set(names.values()) if len(touched) < len(leak) else set())
        exact = not touched and sum(cohort is None for cohort in of_atoms) == len(leak)
        for label in sorted(labels):
            distance = 0 if exact else 1 if label in direct else 2
            members = [name for name in names if names[name] == label]
            pooled = label == merged_name(names)
            involved.append((distance, last, pooled, atoms.size(grouping, members), grouping, members))
    if not involved:
        return  # an earlier repair of the same search has taken it out of what is shown
    _, last, pooled, _, grouping, members = min(involved, key=lambda item: item[:4])
    if last:
        shown[grouping] = {}
        return
    names = shown[grouping]
    hidden = [name for name in names if names[name] == merged_name(names)]
    if pooled or not hidden:
        others = {name for name in names if name not in {*members, *hidden}}
        hidden.append(min(others, key=lambda name: (atoms.size(grouping, [name]), name)))
    shown[grouping] = _pooled(names, [*hidden, *members])


def _pooled(names: Collection[str], hidden: Collection[str]) -> dict[str, str]:
    """A name for each cohort, the hidden ones under one name that no shown cohort bears."""
    other = OTHER
    while other in names and other not in hidden:
        other += "_"
    return {name: other if name in hidden else name for name in names}
