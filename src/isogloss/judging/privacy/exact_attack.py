"""Every set of few speakers whose sum follows from the published ones, by linear algebra and integer programming.

`attack` searches sets of few atoms, but a set of few speakers may consist of many atoms, for instance if each speaker
has one for each of their devices. Here the number of atoms does not matter (our choice of method):

- A set of few speakers holds only atoms that are small by themselves. Its indicator lies in the row space of the
  published indicators, and is zero on all large atoms. Such vectors form a space W, which is mostly empty; it is found
  by an eigendecomposition as large as the number of published sets.
- W falls into parts that share no atom, and a set of fewest speakers lies in one of them.
- In each part an integer program asks for a vector of zeros and ones, not all zero, of the fewest speakers.

Shapes: C published sets, A atoms, D dimensions of W, n atoms of a part, r its dimensions, P speakers of a part.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.bool_]
Floats = NDArray[np.float64]
Atoms = tuple[int, ...]

ZERO = 1e-8
"""Entries of unit vectors below this are rounding errors."""
_NODES = 20_000
"""Largest number of nodes in the search tree of one integer program; a part that needs more counts as determined, so
that nothing is shown which has not been searched (none was observed)."""
_INFEASIBLE = 2
"""The status of `scipy.optimize.milp` where no solution exists."""


def smallest_sets(sets_CA: Bits, speakers_of_atom: Sequence[frozenset[int]], *, min_speakers: int) -> Iterator[Atoms]:
    """Sets of atoms of fewer than `min_speakers` speakers whose sum is determined; none only if there is none.

    Of a part whose search was given up, all atoms are returned, whether or not their sum is determined.

    Parameters
    ----------
    sets_CA
        Which atoms each published set holds.
    speakers_of_atom
        (A,) the speakers of each atom; a speaker may be in several.
    min_speakers
        Fewest speakers that a computable sum may be about.
    """
    small_A = np.array([len(speakers) < min_speakers for speakers in speakers_of_atom])
    atoms = np.flatnonzero(small_A)
    basis_AD = _space(sets_CA[:, small_A], np.unique(sets_CA[:, ~small_A], axis=1))
    for part in _parts(basis_AD):
        speakers = [speakers_of_atom[atom] for atom in atoms[part]]
        chosen = _fewest(_orthonormal(basis_AD[part]), speakers, min_speakers)
        if chosen is not None:
            yield tuple(atoms[part][chosen].tolist())


def _space(small_CA: Bits, large_CB: Bits) -> Floats:
    """An orthonormal basis, (A, D), of the vectors of the row space that vanish on large atoms, on the small ones."""
    if not small_CA.size:
        return np.zeros((small_CA.shape[1], 0))
    large = large_CB.astype(np.float64)
    sizes_C, vectors_CC = np.linalg.eigh(large @ large.T)
    vanishing_CD = vectors_CC[:, sizes_C <= 1e-10 * max(1.0, sizes_C.max(initial=0.0))]
    return _orthonormal(small_CA.T.astype(np.float64) @ vanishing_CD)


def _orthonormal(vectors_AD: Floats) -> Floats:
    """An orthonormal basis of what the columns span."""
    if not vectors_AD.size:
        return vectors_AD[:, :0]
    left, sizes, _ = np.linalg.svd(vectors_AD, full_matrices=False)
    return left[:, sizes > 1e-9 * max(1.0, sizes.max(initial=0.0))]


def _parts(basis_AD: Floats) -> Iterator[NDArray[np.int64]]:
    """The atoms of each part, connected by the projection onto the space; atoms that are zero in it are left out."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    present = np.flatnonzero(np.abs(basis_AD).max(axis=1, initial=0.0) > ZERO)
    if not len(present):
        return
    projection = basis_AD[present] @ basis_AD[present].T
    count, part_of = connected_components(csr_array(np.abs(projection) > ZERO), directed=False)
    for part in range(count):
        yield present[part_of == part]


def _fewest(basis_nr: Floats, speakers: Sequence[frozenset[int]], min_speakers: int) -> Bits | None:
    """The atoms of a set with the fewest speakers in one part; None if every set has `min_speakers` or more.

    All atoms if the search was given up.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import block_array, coo_array, eye_array

    n, r = basis_nr.shape
    everybody = sorted(frozenset().union(*speakers))
    number = {speaker: place for place, speaker in enumerate(everybody)}
    pairs = [(atom, number[speaker]) for atom, those in enumerate(speakers) for speaker in sorted(those)]
    rows, (of_atom, of_speaker) = np.arange(len(pairs)), np.array(pairs).T
    ones = np.ones(len(pairs))
    # Unknowns: n atoms (0 or 1), r coefficients, P speakers (in the set if one of their atoms is).
    in_space = block_array([[eye_array(n), coo_array(-basis_nr), coo_array((n, len(everybody)))]])
    counted = block_array(
        [
            [
                coo_array((-ones, (rows, of_atom)), shape=(len(pairs), n)),
                coo_array((len(pairs), r)),
                coo_array((ones, (rows, of_speaker)), shape=(len(pairs), len(everybody))),
            ]
        ]
    )
    some = np.concatenate([np.ones(n), np.zeros(r + len(everybody))])
    few = np.concatenate([np.zeros(n + r), np.ones(len(everybody))])
    found = milp(
        few,
        integrality=np.concatenate([np.ones(n), np.zeros(r + len(everybody))]),
        bounds=Bounds(
            np.concatenate([np.zeros(n), np.full(r, -np.inf), np.zeros(len(everybody))]),
            np.concatenate([np.ones(n), np.full(r, np.inf), np.ones(len(everybody))]),
        ),
        constraints=[
            LinearConstraint(in_space, 0, 0),
            LinearConstraint(counted, 0, np.inf),
            LinearConstraint(some[None], 1, np.inf),
            LinearConstraint(few[None], 0, min_speakers - 1),
        ],
        options={"node_limit": _NODES},
    )
    if found.x is None:
        return None if found.status == _INFEASIBLE else np.ones(n, dtype=bool)
    chosen = found.x[:n] > 0.5
    exact = chosen - basis_nr @ (basis_nr.T @ chosen)
    return chosen if np.abs(exact).max() < 1e-6 else None
