"""Disclosure: sums about too few speakers that can be computed from the published ones.

Every published count or error rate is a sum over a set of speakers. Several sets that overlap (two groupings of the
same speakers, their intersections, the total) form a linear system. Solving it gives the sum over any set whose
indicator lies in the row space of the published indicators. `disclosed` looks for such sets of too few speakers.

An *atom* is a class of rows that every published set contains entirely or not at all; no finer set can be computed.
With M the indicators (sets, atoms) and x a random vector of the null space of M, the sum over a set of atoms is
determined if and only if x sums to zero over it, with probability one (our choice of method; rounding is met by three
such vectors). So the search is for subsets of few speakers with sum zero:

- up to two small atoms, and three or four as long as there are at most `MOST_ATOMS` of them,
- of any number of atoms: the intersection and the difference of two published sets, and what is left of a published
  set after those of another grouping that lie inside it,
- if none of these is found, all other sets (`exact_attack`).

Atoms that no published set separates are treated as one, so a grouping of which nothing is published does not make
atoms finer.

Bounds are not searched for (a sum of counts that is zero or nearly zero bounds its parts).

Shapes: C published sets, A atoms, V null vectors; S, L, R sets of atoms, k atoms of each, P speakers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isogloss.judging.privacy.exact_attack import smallest_sets

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]
Atoms = tuple[int, ...]

MOST_ATOMS = 1500
"""Largest number of small atoms of which triples and quadruples are searched."""
VECTORS = 3
ZERO = 1e-8
"""A sum of entries of null vectors (which have unit variance) below this is zero; rounding errors are about 1e-13."""
MOST_FOUND = 50
"""Largest number of sets that one search returns; the caller hides cohorts and searches again."""
CHUNK = 1 << 20
"""Number of pairs of sets that are checked at once; the pairs of one set stay together."""


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
    sets_CB, atom_A = np.unique(sets_CA, axis=1, return_inverse=True)
    members = [np.flatnonzero(atom_A == atom) for atom in range(sets_CB.shape[1])]
    speakers = [frozenset[int]().union(*(speakers_of_atom[int(one)] for one in those)) for those in members]
    found = _disclosed(sets_CB, groupings, speakers, min_speakers)
    finer = [tuple(sorted(int(one) for atom in atoms for one in members[atom])) for atoms in found]
    return sorted(finer, key=lambda atoms: (len(atoms), atoms))


def _disclosed(
    sets_CA: Bits, groupings: Sequence[int], speakers_of_atom: Sequence[frozenset[int]], min_speakers: int
) -> list[Atoms]:
    """As `disclosed`, for atoms that the published sets separate."""
    null_AV = _null_vectors(sets_CA)
    found: dict[Atoms, None] = {}
    for atoms in _few_atoms(null_AV, speakers_of_atom, min_speakers):
        found[atoms] = None
        if len(found) == MOST_FOUND:
            break
    for atoms in (*_overlaps(sets_CA, null_AV), *_remainders(sets_CA, groupings)):
        if len(found) == MOST_FOUND:
            break
        speakers = frozenset().union(*(speakers_of_atom[atom] for atom in atoms))
        if 0 < len(speakers) < min_speakers and _is_zero(null_AV[list(atoms)].sum(axis=0)):
            found[atoms] = None
    return list(found) or list(smallest_sets(sets_CA, speakers_of_atom, min_speakers=min_speakers))


def _null_vectors(sets_CA: Bits) -> Floats:
    """Random vectors that sum to zero over every published set, (A, V); the same for the same sets."""
    atoms = sets_CA.shape[1]
    drawn_AV = np.random.default_rng(atoms).standard_normal((atoms, VECTORS))
    sets = sets_CA.astype(np.float64)
    # A basis of the published sets, which are fewer than the atoms.
    sizes_C, vectors_CC = np.linalg.eigh(sets @ sets.T)
    kept_C = sizes_C > 1e-10 * sizes_C.max(initial=0.0)
    inverse_CC = (vectors_CC[:, kept_C] / sizes_C[kept_C]) @ vectors_CC[:, kept_C].T
    for _ in range(3):  # Project twice more, against rounding errors.
        drawn_AV -= sets.T @ (inverse_CC @ (sets @ drawn_AV))
    return drawn_AV


def _is_zero(sums_V: Floats) -> bool:
    """Whether a sum is zero for all null vectors."""
    return bool((np.abs(sums_V) < ZERO).all())


@dataclass(frozen=True)
class _Sets:
    """Sets of atoms that all have the same number of atoms, k.

    `atoms_Sk` are the atoms of each, `null_SV` the sums of the null vectors over it, `members_SP` its speakers, 0 or 1.
    """

    atoms_Sk: NDArray[np.int64]
    null_SV: Floats
    members_SP: Any

    def of(self, chosen: NDArray[Any]) -> "_Sets":
        """Some of them."""
        return _Sets(self.atoms_Sk[chosen], self.null_SV[chosen], self.members_SP[chosen])

    def speakers(self) -> NDArray[np.int64]:
        """How many speakers each is about."""
        return np.asarray(self.members_SP.sum(axis=1)).ravel()

    def __len__(self) -> int:
        return len(self.atoms_Sk)


def _few_atoms(null_AV: Floats, speakers_of_atom: Sequence[frozenset[int]], min_speakers: int) -> Iterator[Atoms]:
    """Subsets of one to four atoms with fewer speakers whose sum is zero for all null vectors.

    A set has at least as many speakers as any of its subsets, so sets with too many speakers are not extended.
    """
    single = _single(null_AV, speakers_of_atom, min_speakers)
    alone_S = np.asarray((np.abs(single.null_SV) < ZERO).all(axis=1))
    yield from ((int(atom),) for atom in single.atoms_Sk[alone_S, 0])
    single = single.of(~alone_S)  # An atom whose sum is known need not be combined with others.
    yield from _opposites(single, single, min_speakers)
    if len(single) > MOST_ATOMS:
        return
    first_P, second_P = np.triu_indices(len(single), k=1)
    pairs = _unions(single.of(first_P), single.of(second_P))
    pairs = pairs.of((pairs.speakers() < min_speakers) & (np.abs(pairs.null_SV) >= ZERO).any(axis=1))
    yield from _opposites(pairs, single, min_speakers)
    yield from _opposites(pairs, pairs, min_speakers)


def _single(null_AV: Floats, speakers_of_atom: Sequence[frozenset[int]], min_speakers: int) -> _Sets:
    """The atoms of fewer than `min_speakers` speakers, each as a set."""
    from scipy.sparse import csr_array

    small = [atom for atom, speakers in enumerate(speakers_of_atom) if 0 < len(speakers) < min_speakers]
    rows = np.repeat(np.arange(len(small)), [len(speakers_of_atom[atom]) for atom in small])
    columns = np.array([speaker for atom in small for speaker in sorted(speakers_of_atom[atom])], dtype=np.int64)
    width = int(columns.max(initial=0)) + 1
    members_SP = csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=(len(small), width))
    atoms_S = np.array(small, dtype=np.int64)
    return _Sets(atoms_S[:, None], null_AV[atoms_S], members_SP)


def _unions(left: _Sets, right: _Sets) -> _Sets:
    """The union of each left set with the right one in its place, which shares no atom with it."""
    atoms = np.sort(np.concatenate([left.atoms_Sk, right.atoms_Sk], axis=1), axis=1)
    return _Sets(atoms, left.null_SV + right.null_SV, left.members_SP.maximum(right.members_SP))


def _opposites(left: _Sets, right: _Sets, min_speakers: int) -> Iterator[Atoms]:
    """Unions of a left and a right set that share no atom, have fewer speakers and sum to zero, each once."""
    order_R = np.argsort(right.null_SV[:, 0])
    sorted_R = right.null_SV[order_R, 0]
    first_L = np.searchsorted(sorted_R, -left.null_SV[:, 0] - ZERO)
    count_L = np.searchsorted(sorted_R, -left.null_SV[:, 0] + ZERO) - first_L
    seen: set[Atoms] = set()
    for lefts in _chunks(count_L):
        left_N = np.repeat(lefts, count_L[lefts])
        place_N = np.arange(len(left_N)) - np.repeat(np.cumsum(count_L[lefts]) - count_L[lefts], count_L[lefts])
        both = _unions(left.of(left_N), right.of(order_R[first_L[left_N] + place_N]))
        apart_N = (np.diff(both.atoms_Sk, axis=1) > 0).all(axis=1)
        zero_N = (np.abs(both.null_SV) < ZERO).all(axis=1)
        for row in both.atoms_Sk[apart_N & zero_N & (both.speakers() < min_speakers)].tolist():
            if tuple(row) not in seen:
                seen.add(tuple(row))
                yield tuple(row)


def _chunks(count_L: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Numbers of the sets that have opposites, as many at once as make some `CHUNK` pairs."""
    lefts = np.flatnonzero(count_L > 0)
    if len(lefts):
        part = np.cumsum(count_L[lefts]) // CHUNK
        yield from np.split(lefts, np.flatnonzero(np.diff(part)) + 1)


def _overlaps(sets_CA: Bits, null_AV: Floats) -> Iterator[Atoms]:
    """Intersections and differences of two published sets that are determined."""
    shared_CC = (sets_CA * null_AV[:, 0]) @ sets_CA.T
    meet_CC = sets_CA.astype(np.int64) @ sets_CA.T > 0
    for one, other in zip(*np.nonzero(meet_CC & (np.abs(shared_CC) < ZERO)), strict=True):
        for part in (sets_CA[one] & sets_CA[other], sets_CA[one] & ~sets_CA[other]):
            if part.any():
                yield tuple(np.flatnonzero(part).tolist())


def _remainders(sets_CA: Bits, groupings: Sequence[int]) -> Iterator[Atoms]:
    """The remainder of a published set after removing the sets of another grouping that lie inside it."""
    grouping_C = np.asarray(groupings)
    inside_CC = (sets_CA.astype(np.int64) @ sets_CA.T) == sets_CA.sum(axis=1)[:, None]  # [a, b]: a lies inside b
    for other in range(len(sets_CA)):
        for grouping in np.unique(grouping_C[inside_CC[:, other]]):
            inside_C = inside_CC[:, other] & (grouping_C == grouping)
            left = sets_CA[other] & ~sets_CA[inside_C].any(axis=0)
            if left.any():
                yield tuple(np.flatnonzero(left).tolist())
