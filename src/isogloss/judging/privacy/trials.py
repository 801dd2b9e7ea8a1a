"""The cohorts of verification that may be shown, so that no figure is about fewer than `min_speakers` speakers.

Three kinds of sums are published for each cohort and for all trials, each about different speakers: the number of
speakers; targets and misses, about the speakers who have targets; non-targets and false alarms, about the speakers of
non-targets whose two sides are in the cohort. `suppression.suppress` settles each kind for all groupings jointly. A
merged cohort also has the non-targets between its parts, which no part had; so all three kinds are checked again until
nothing more is merged.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress as suppress_errors
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from isogloss.errors import TableError
from isogloss.judging.grouping import Grouping
from isogloss.judging.privacy.names import ShownNames
from isogloss.judging.privacy.suppression import OTHER, suppress

Names = dict[str, dict[str, str]]
"""The name under which each cohort is shown, by grouping and cohort."""
Sides = tuple[pd.Series, pd.Series]
"""The cohorts of both sides of each trial, in one grouping."""


@dataclass(frozen=True)
class _Sums:
    """One kind of sums: its name, and the rows that contribute to it.

    The column `speaker` of a side is their id, the others are their cohorts, by the number of the grouping.
    """

    of: str
    enrol: pd.DataFrame
    test: pd.DataFrame

    def speakers(self) -> pd.Series:
        """The speaker of each row, of either side."""
        return pd.concat([self.enrol["speaker"], self.test["speaker"]], ignore_index=True)

    def rows(self, numbers: Mapping[str, int], names: Names) -> pd.DataFrame:
        """The shown cohort of each of `speakers()`; NaN where the two sides are of different ones."""
        columns = {}
        for grouping, shown in names.items():
            enrol, test = (side[numbers[grouping]].map(shown) for side in (self.enrol, self.test))
            within = enrol.where(enrol == test)
            if within.notna().any():  # Nothing is published of a grouping without rows.
                columns[grouping] = pd.concat([within, within], ignore_index=True)
        return pd.DataFrame(columns, index=range(2 * len(self.enrol)))


def trial_names(
    trials: pd.DataFrame,
    groupings: Sequence[Grouping],
    discovery: pd.DataFrame | None = None,
    *,
    min_speakers: int,
    where: str,
) -> list[ShownNames]:
    """The names under which the cohorts of all groupings may be published together with the total of all trials.

    Parameters
    ----------
    trials
        `enrol_speaker, test_speaker, target`.
    groupings
        `Grouping.cohorts` of these trials, and `Grouping.chosen` of those of discovery.
    discovery
        The trials of the speakers who chose the cohorts.
    min_speakers
        Fewest speakers that a figure may be about.
    where
        Name of the trials in error messages.

    Raises
    ------
    TableError
        All trials, all targets or all non-targets are of fewer than `min_speakers` speakers. If this holds only for
        discovery, no figure of discovery is shown instead.
    """
    unnamed = {str(number): grouping.unnamed for number, grouping in enumerate(groupings)}
    judged = _names(trials, _of_sides(groupings, "cohorts"), unnamed, min_speakers=min_speakers, where=where)
    chosen: Names = {}
    if discovery is not None:
        with suppress_errors(TableError):  # With so few speakers, not even the total may be shown.
            of_discovery = _of_sides(groupings, "chosen")
            chosen = _names(
                discovery, of_discovery, unnamed, min_speakers=min_speakers, where="the trials of discovery"
            )
    return [ShownNames(judged.get(n, {}), chosen.get(n, {})) for n in map(str, range(len(groupings)))]


def _of_sides(groupings: Sequence[Grouping], what: Literal["cohorts", "chosen"]) -> dict[str, Sides]:
    """The cohorts of both sides, by the number of the grouping."""
    tables = {str(number): getattr(grouping, what) for number, grouping in enumerate(groupings)}
    return {number: (table["enrol"], table["test"]) for number, table in tables.items() if table is not None}


def _names(
    trials: pd.DataFrame,
    groupings: Mapping[str, Sides],
    unnamed: Mapping[str, Collection[str]],
    *,
    min_speakers: int,
    where: str,
) -> Names:
    """For each grouping that may be shown a name for each cohort: its own, or that of the merged one."""
    kinds = _kinds(trials, list(groupings.values()))
    for kind in kinds:
        if (people := kind.speakers().nunique()) < min_speakers:
            raise TableError(
                f"{where}: the {kind.of} are of {people} speakers, fewer than the {min_speakers} that a published "
                "figure needs at least (--min-speakers, privacy.min_speakers); add some"
            )
    numbers = {one: number for number, one in enumerate(groupings)}
    names: Names = {one: {value: value for value in pd.concat(sides).unique()} for one, sides in groupings.items()}
    single = {one: shown for one, shown in names.items() if len(shown) == 1}  # Its figures are those of all trials.
    while True:
        earlier = names
        for kind in kinds:
            rows, speakers = kind.rows(numbers, names), kind.speakers()
            steps = suppress(rows, speakers, min_speakers=min_speakers, unnamed=unnamed)
            merged = {one: _merged(shown, steps[one]) if one in steps else shown for one, shown in names.items()}
            names = {one: shown for one, shown in merged.items() if len(set(shown.values())) > 1}
        if names == earlier:
            return names | single


def _kinds(trials: pd.DataFrame, groupings: list[Sides]) -> list[_Sums]:
    """The three kinds, each pair of speakers once; none that has no row, about which the figures complain."""
    enrol, test = (
        pd.DataFrame(
            {"speaker": trials[f"{name}_speaker"].to_numpy()}
            | {number: sides[place].to_numpy() for number, sides in enumerate(groupings)}
        )
        for place, name in enumerate(("enrol", "test"))
    )
    everybody = pd.concat([enrol, test]).drop_duplicates(ignore_index=True)
    kinds = [_Sums("trials", everybody, everybody)]
    target = trials["target"].to_numpy(bool)
    pairs = pd.concat([enrol, test], axis=1)
    for of, chosen in (("targets", target), ("non-targets", ~target)):
        first = ~pairs[chosen].duplicated()
        kinds.append(_Sums(of, enrol[chosen][first].reset_index(drop=True), test[chosen][first].reset_index(drop=True)))
    return [kind for kind in kinds if len(kind.enrol)]


def _merged(names: Mapping[str, str], step: Mapping[str, str]) -> dict[str, str]:
    """The names after a further step: all merged cohorts become one; after an empty step there are no names."""
    if not step:
        return {}
    after = {cohort: step.get(shown, shown) for cohort, shown in names.items()}
    hidden = [cohort for cohort, shown in after.items() if list(after.values()).count(shown) > 1]
    other = OTHER
    while other in names and other not in hidden:
        other += "_"
    return {cohort: other if cohort in hidden else cohort for cohort in names}
