"""Attacks on what may be published: random tables with up to four groupings, solved by force.

For `faults.py privacy`. Half of the groupings are of utterances (a device), so that a speaker has a part in several
atoms. The attackers know nothing of our search, and look by least squares whether a set is a combination of the
published sums. In small tables they try every set of atoms inside every choice of too few speakers; in large ones
(10 speakers at least) every cell of every subset of the groupings, and every pair of such cells.
"""

import itertools
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
from fault_clone import Case
from numpy.typing import NDArray

from isogloss.judging.privacy import suppress

TABLES = 5000
_MOST_ATOMS_INSIDE = 12
"""Of one choice of speakers; the (few) larger ones are attacked through their first atoms."""


def privacy() -> Iterator[Case]:
    """Random tables with up to four groupings, attacked exhaustively: nothing about few speakers follows."""
    for columns in (1, 2, 3, 4):
        what = f"{TABLES // 4} tables with {columns} groupings"
        yield Case(what, lambda _, columns=columns: attacked(columns, TABLES // 4), in_clone=False)


def attacked(columns: int, tables: int) -> str:
    """Attack so many random tables; one line about it. Raises `RuntimeError` where an attack succeeds."""
    begun, leaks, told, parts = time.monotonic(), 0, 0, 0
    for number in range(tables):
        rng = np.random.default_rng([columns, number])
        large = number % 2 == 1
        fewest = 10 if large else int(rng.integers(2, 6))
        groupings, speakers = _table(rng, columns, speakers=int(rng.integers(fewest, 90 if large else 13)))
        shown = suppress(groupings, speakers, min_speakers=fewest)
        told += sum(len(set(names.values())) for names in shown.values())
        sets_CA, members = _published(groupings, shown, speakers)
        attack = _attack_cells if large else _attack_all
        found, tried = attack(sets_CA, members, fewest)
        leaks, parts = leaks + found, parts + tried
    if leaks:
        raise RuntimeError(f"{leaks} tables leak")
    each = 1000 * (time.monotonic() - begun) / tables
    return f"{parts} sets tried, {told} figures published, none is about too few; {each:.0f} ms a table"


def _table(rng: np.random.Generator, columns: int, *, speakers: int) -> tuple[pd.DataFrame, pd.Series]:
    """Utterances of speakers in skewed groups; some groupings do not speak of all rows."""
    ids = np.repeat(np.arange(speakers), rng.integers(1, 4, speakers))
    table = {}
    for number in range(columns):
        names = list("abcd")[: int(rng.integers(2, 5))]
        share = np.geomspace(1, 0.1, len(names))
        of_speakers = rng.random() < 0.5
        drawn = rng.choice(names, speakers if of_speakers else len(ids), p=share / share.sum()).astype(object)
        table[f"g{number}"] = drawn[ids] if of_speakers else drawn
        if rng.random() < 0.2:
            table[f"g{number}"][rng.random(len(ids)) < 0.15] = None
    return pd.DataFrame(table, dtype=object), pd.Series(ids)


def _published(
    groupings: pd.DataFrame, shown: dict[str, dict[str, str]], speakers: pd.Series
) -> tuple[NDArray[np.bool_], list[frozenset[int]]]:
    """The published sets over the rows that they tell apart, and the speakers of these."""
    labels = [np.array([shown[name].get(one) for one in groupings[name]], dtype=object) for name in groupings]
    sets = [np.ones(len(groupings), dtype=bool)]
    sets += [column == label for column in labels for label in sorted({one for one in column if one is not None})]
    sets_CA, atom_N = np.unique(np.array(sets), axis=1, return_inverse=True)
    return sets_CA, [frozenset(speakers[atom_N == atom].tolist()) for atom in range(sets_CA.shape[1])]


def _attack_cells(sets_CA: NDArray[np.bool_], members: list[frozenset[int]], fewest: int) -> tuple[bool, int]:
    """As `_attack_all`, of the cells that any three of the published sets (and the total) tell apart, and of pairs."""
    explained = np.linalg.pinv(sets_CA.astype(float)) @ sets_CA
    cells: set[tuple[bool, ...]] = set()
    for chosen in itertools.combinations(range(len(sets_CA)), min(3, len(sets_CA))):
        _, cell_A = np.unique(sets_CA[list(chosen)], axis=1, return_inverse=True)
        cells |= {tuple((cell_A == cell).tolist()) for cell in range(cell_A.max() + 1)}
    few = [np.array(cell) for cell in sorted(cells) if _speakers(np.array(cell), members) < fewest]
    pairs = [one | other for one, other in itertools.combinations(few, 2) if not (one & other).any()]
    tried = [*few, *(pair for pair in pairs if _speakers(pair, members) < fewest)]
    vectors = np.array(tried, dtype=float).reshape(-1, len(members))
    return bool(len(tried)) and bool((np.abs(vectors @ explained - vectors).max(axis=1) < 1e-7).any()), len(tried)


def _speakers(cell_A: NDArray[np.bool_], members: list[frozenset[int]]) -> int:
    """Speakers of some atoms."""
    return len(frozenset().union(*(members[atom] for atom in np.flatnonzero(cell_A))))


def _attack_all(sets_CA: NDArray[np.bool_], members: list[frozenset[int]], fewest: int) -> tuple[bool, int]:
    """Whether a set of fewer than `fewest` speakers follows, and how many sets were tried."""
    explained = np.linalg.pinv(sets_CA.astype(float)) @ sets_CA
    tried = 0
    for chosen in itertools.combinations(sorted(frozenset().union(*members)), fewest - 1):
        inside = [atom for atom, those in enumerate(members) if those <= {*chosen}][:_MOST_ATOMS_INSIDE]
        vectors = np.zeros((2 ** len(inside) - 1, len(members)))
        vectors[:, inside] = np.array(list(itertools.product([0.0, 1.0], repeat=len(inside))))[1:]
        tried += len(vectors)
        if len(vectors) and (np.abs(vectors @ explained - vectors).max(axis=1) < 1e-7).any():
            return True, tried
    return False, tried
