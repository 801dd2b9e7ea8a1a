"""Small cohorts are merged before anything is written, so that no figure is about a handful of speakers.

A single hidden cohort could be computed from the total and the cohorts that are shown. So the hidden cohorts of a
grouping are merged into one that has enough speakers and consists of several cohorts (complementary suppression). If
several groupings are published together, differences of their sums may also be about a few speakers (`attack`).

The choice of merged cohorts is the one that hides the fewest speakers (`fewest_hidden`): the number of speakers in
cohorts with a name, over all groupings, is as large as possible. Cohorts of speakers whose value is unknown
(`unspecified`) are hidden first, since they are the least informative.
"""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isogloss.errors import TableError
from isogloss.judging.privacy.attack import Atoms, disclosed
from isogloss.judging.privacy.fewest_hidden import Bits, Variables, hide_at_least_cost

OTHER = "other"
"""Name of the merged cohort; an underscore is appended if a cohort already has this name."""
_UNNAMED = 1e-3
"""Cost of hiding the cohorts of unknown value (all of them together), in speakers."""
_WHOLE = 1e-4
"""Cost of leaving out a grouping whose cohorts are all hidden."""


def merged_name(shown: Mapping[str, str]) -> str | None:
    """The name of the merged cohort in what `suppress` returned for a grouping; None where nothing was merged."""
    names = list(shown.values())
    return next((name for name in names if names.count(name) > 1), None)


def suppress(
    groupings: pd.DataFrame,
    speakers: pd.Series,
    *,
    min_speakers: int,
    unnamed: Mapping[str, Collection[str]] | None = None,
) -> dict[str, dict[str, str]]:
    """The names under which the cohorts of several groupings may be published together with the total of all rows.

    After renaming, no published sum (of speakers, utterances, words or errors; before or after), and no linear
    combination of published sums that `attack` finds, is about fewer than `min_speakers` speakers. Figures of a merged
    cohort are those of all its rows. Publishing less than this is always safe. Of all such choices, the result is one
    with the most speakers in cohorts with a name (a speaker counts once in each cohort).

    Parameters
    ----------
    groupings
        A column a grouping, a row an utterance: its cohort, NaN where the grouping says nothing of it (rows of another
        split, say). The figures of one cohort on two splits are two groupings. If the figures of the total are not
        published, the result is more cautious than necessary.
    speakers
        Speaker of each row, in the same order; a speaker may be in several cohorts.
    min_speakers
        Fewest speakers that a figure may be about.
    unnamed
        By grouping the cohorts whose value is unknown: they are hidden first.

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
    chosen = _Choice(atoms, unnamed or {})
    small = [frozenset({v}) for v, people in chosen.people.items() if people < min_speakers]
    hidden_V = hide_at_least_cost(
        chosen.variables, small, lambda hidden_V: atoms.leaks(chosen.names(hidden_V), min_speakers)
    )
    return {name: {} for name in atoms.cohorts} if hidden_V is None else chosen.names(hidden_V)


class _Choice:
    """The cohorts of all groupings as variables of `fewest_hidden`, and the names that follow from a choice.

    A grouping of all rows with a single cohort is the total and not a variable. A grouping of some of the rows also
    publishes the sum of all its cohorts, and can be left out.
    """

    def __init__(self, atoms: "_Atoms", unnamed: Mapping[str, Collection[str]]) -> None:
        self._atoms = atoms
        self.cohort: dict[tuple[str, str], int] = {}
        self.whole: dict[str, int] = {}
        self.people: dict[int, int] = {}
        sets: list[Bits] = []
        costs: list[float] = []
        for grouping, of_atoms in atoms.cohorts.items():
            names, partial = atoms.names(grouping), atoms.partial(grouping)
            if len(names) < 2 and not partial:
                continue
            for name in names:
                people = atoms.size(grouping, name)
                self.cohort[grouping, name] = len(sets)
                self.people[len(sets)] = people
                nobody = name in unnamed.get(grouping, ())
                costs.append(_UNNAMED * people / atoms.people / len(atoms.cohorts) if nobody else float(people))
                sets.append(np.asarray(of_atoms == name))
            if partial:
                self.whole[grouping] = len(sets)
                costs.append(_WHOLE / len(atoms.cohorts))
                sets.append(np.array([cohort is not None for cohort in of_atoms]))
        members = {
            whole: tuple(v for (one, _), v in self.cohort.items() if one == grouping)
            for grouping, whole in self.whole.items()
        }
        matrix = np.array(sets).reshape(len(sets), len(atoms.speakers))
        self.variables = Variables(matrix, np.array(costs), members)

    def names(self, hidden_V: Bits) -> dict[str, dict[str, str]]:
        """For each grouping a name for each cohort; none where it is left out."""
        shown = {}
        for grouping in self._atoms.cohorts:
            names = self._atoms.names(grouping)
            hidden = [n for n in names if (grouping, n) in self.cohort and hidden_V[self.cohort[grouping, n]]]
            left_out = grouping in self.whole and (hidden_V[self.whole[grouping]] or hidden == names[:1] == names)
            shown[grouping] = {} if left_out else _pooled(names, hidden)
        return shown


class _Atoms:
    """Rows that no grouping tells apart, with their speakers."""

    def __init__(self, groupings: pd.DataFrame, speakers: pd.Series) -> None:
        speaker_N = pd.factorize(speakers.to_numpy())[0]
        self.people = int(speaker_N.max()) + 1
        atom_N = np.zeros(len(groupings), dtype=np.int64)
        self.cohorts: dict[str, NDArray[np.object_]] = {}
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

    def names(self, grouping: str) -> list[str]:
        """The cohorts of a grouping, sorted."""
        return sorted({cohort for cohort in self.cohorts[grouping] if cohort is not None})

    def partial(self, grouping: str) -> bool:
        """Whether a grouping covers only some of the rows."""
        return any(cohort is None for cohort in self.cohorts[grouping])

    def size(self, grouping: str, cohort: str) -> int:
        """Speakers of a cohort."""
        atoms = np.flatnonzero(self.cohorts[grouping] == cohort)
        return len(frozenset[int]().union(*(self.speakers[int(atom)] for atom in atoms)))

    def leaks(self, shown: Mapping[str, Mapping[str, str]], min_speakers: int) -> list[Atoms]:
        """Sets of atoms whose sums follow from the shown cohorts and the total."""
        sets, groupings = [np.ones(len(self.speakers), dtype=bool)], [-1]
        for number, (name, names) in enumerate(shown.items()):
            labels = np.array([names.get(cohort) for cohort in self.cohorts[name]], dtype=object)
            for label in sorted(set(names.values())):
                sets.append(labels == label)
                groupings.append(number)
        return disclosed(np.array(sets), groupings, self.speakers, min_speakers=min_speakers)


def _pooled(names: Collection[str], hidden: Collection[str]) -> dict[str, str]:
    """A name for each cohort; hidden ones share a name that no shown cohort has."""
    other = OTHER
    while other in names and other not in hidden:
        other += "_"
    return {name: other if name in hidden else name for name in names}
