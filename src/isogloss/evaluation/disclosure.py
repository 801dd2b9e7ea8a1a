"""What an attacker can compute from published sums about fewer speakers than may be shown.

Every published count or error rate is a sum over a set of speakers. Several sets that overlap (two groupings of the
same speakers, their intersections, the total) form a linear system; who solves it knows the sum over any set whose
indicator lies in the row space of the published indicators. `disclosed` looks for such sets of too few speakers.

An *atom* is a class of rows that every published set holds entirely or not at all: nothing finer can be computed. With
M the indicators (sets, atoms) and x a random vector of the null space of M, the sum over a set of atoms is determined
if and only if x sums to zero over it, but for an event of probability zero (our choice of method; rounding is met by
three such vectors). So the search is one for small subsets with sum zero:

- up to two small atoms, and three or four as long as there are at most `MOST_ATOMS` of them,
- of any number of atoms: the intersection and the difference of two published sets, and what is left of a published
  set after those of another grouping that lie inside it.

What is not looked for: bounds (a sum of counts that is zero or nearly so says something about its parts), and
combinations of more than four atoms that none of the above names.

Shapes: C published sets, A atoms, V null vectors.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]
Atoms = tuple[int, ...]

MOST_ATOMS = 1500
"""Small atoms of which triples and quadruples are searched."""
VECTORS = 3
ZERO = 1e-8
"""Below this a sum of entries (of unit variance) is zero; rounding is about 1e-13."""
MOST_FOUND = 50
"""Sets that one search returns at most: the caller repairs them and searches anew."""


def disclosed(
    sets_CA: Bits, groupings: Sequence[int], speakers_of_atom: Sequence[frozenset[int]], *, min_speakers: int
) -> list[Atoms]:
    """Sets of atoms with fewer than `min_speakers` speakers whose sum follows from the published ones.

    Parameters
    ----------
    sets_CA
        Which atoms each published set holds; the total, if it is published, is one of them.
    groupings
        (C,) number of the grouping that each set belongs to; sets of one grouping are disjoint.
    speakers_of_atom
        (A,) the speakers of each atom; a speaker may be in several.
    min_speakers
        Fewest speakers that a computable sum may be about.

    Returns
    -------
    Some of these sets, those of fewest atoms first; empty if there are none.
    """
    null_AV = _null_vectors(sets_CA)
    small = [atom for atom, speakers in enumerate(speakers_of_atom) if len(speakers) < min_speakers]
    found: list[Atoms] = []
    candidates = (*_few_atoms(null_AV, small), *_overlaps(sets_CA, null_AV), *_remainders(sets_CA, groupings))
    for atoms in candidates:
        speakers = frozenset().union(*(speakers_of_atom[atom] for atom in atoms))
        if 0 < len(speakers) < min_speakers and _is_zero(null_AV[list(atoms)].sum(axis=0)) and atoms not in found:
            found.append(atoms)
            if len(found) == MOST_FOUND:
                break
    return sorted(found, key=lambda atoms: (len(atoms), atoms))


def _null_vectors(sets_CA: Bits) -> Floats:
    """Random vectors that sum to zero over every published set, (A, V); the same for the same sets."""
    atoms = sets_CA.shape[1]
    drawn_AV = np.random.default_rng(atoms).standard_normal((atoms, VECTORS))
    _, sizes, basis_RA = np.linalg.svd(sets_CA.astype(np.float64), full_matrices=False)
    basis_RA = basis_RA[sizes > 1e-10 * sizes.max(initial=1.0)]
    for _ in range(2):  # once more against rounding
        drawn_AV -= basis_RA.T @ (basis_RA @ drawn_AV)
    return drawn_AV


def _is_zero(sums_V: Floats) -> bool:
    """Whether a sum is zero for all null vectors."""
    return bool((np.abs(sums_V) < ZERO).all())


def _few_atoms(null_AV: Floats, small: Sequence[int]) -> Iterator[Atoms]:
    """Subsets of one to four small atoms over which the first null vector sums to zero."""
    atoms_S = np.array(small, dtype=np.int64)
    value_S = null_AV[atoms_S, 0]
    alone_S = np.abs(value_S) < ZERO
    yield from ((int(atom),) for atom in atoms_S[alone_S])
    atoms_S, value_S = atoms_S[~alone_S], value_S[~alone_S]  # an atom that is known by itself adds nothing
    yield from _opposites(value_S, atoms_S[:, None], value_S, atoms_S[:, None])
    if len(atoms_S) > MOST_ATOMS:
        return
    first_P, second_P = np.triu_indices(len(atoms_S), k=1)
    pairs_P2, sums_P = np.stack([atoms_S[first_P], atoms_S[second_P]], axis=1), value_S[first_P] + value_S[second_P]
    apart_P = np.abs(sums_P) >= ZERO
    pairs_P2, sums_P = pairs_P2[apart_P], sums_P[apart_P]
    yield from _opposites(sums_P, pairs_P2, value_S, atoms_S[:, None])
    yield from _opposites(sums_P, pairs_P2, sums_P, pairs_P2)


def _opposites(left_L: Floats, sets_L: NDArray, right_R: Floats, sets_R: NDArray) -> Iterator[Atoms]:
    """Unions of a left and a right set whose values are opposite and that share no atom, each once."""
    order_R = np.argsort(right_R)
    sorted_R = right_R[order_R]
    first_L = np.searchsorted(sorted_R, -left_L - ZERO)
    last_L = np.searchsorted(sorted_R, -left_L + ZERO)
    seen: set[Atoms] = set()
    for left in np.flatnonzero(last_L > first_L):
        for right in order_R[first_L[left] : last_L[left]]:
            atoms = tuple(sorted({*sets_L[left].tolist(), *sets_R[right].tolist()}))
            if len(atoms) == sets_L.shape[1] + sets_R.shape[1] and atoms not in seen:
                seen.add(atoms)
                yield atoms
                if len(seen) == MOST_FOUND:
                    return


def _overlaps(sets_CA: Bits, null_AV: Floats) -> Iterator[Atoms]:
    """Intersections and differences of two published sets that are determined."""
    shared_CC = (sets_CA * null_AV[:, 0]) @ sets_CA.T
    for one, other in zip(*np.nonzero(np.abs(shared_CC) < ZERO), strict=True):
        for part in (sets_CA[one] & sets_CA[other], sets_CA[one] & ~sets_CA[other]):
            if part.any():
                yield tuple(np.flatnonzero(part).tolist())


def _remainders(sets_CA: Bits, groupings: Sequence[int]) -> Iterator[Atoms]:
    """What is left of a published set without those of another grouping that lie inside it."""
    grouping_C = np.asarray(groupings)
    inside_CC = (sets_CA.astype(np.int64) @ sets_CA.T) == sets_CA.sum(axis=1)[:, None]  # [a, b]: a lies inside b
    for other in range(len(sets_CA)):
        for grouping in np.unique(grouping_C[inside_CC[:, other]]):
            inside_C = inside_CC[:, other] & (grouping_C == grouping)
            left = sets_CA[other] & ~sets_CA[inside_C].any(axis=0)
            if left.any():
                yield tuple(np.flatnonzero(left).tolist())
