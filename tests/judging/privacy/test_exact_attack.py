"""What follows from published sums about few speakers is found whatever it consists of, and never published."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.judging.privacy import exact_attack, suppress
from isogloss.judging.privacy.attack import disclosed
from isogloss.judging.privacy.exact_attack import smallest_sets


def determined(sets_CA: np.ndarray, members: list[frozenset[int]], fewest: int) -> set[tuple[int, ...]]:
    """The attacker: every set of atoms of fewer than `fewest` speakers that is in the row space, by trying them all.

    All zeros and ones on the atoms inside each choice of speakers; the row space by least squares.
    """
    explained = np.linalg.pinv(sets_CA.astype(float)) @ sets_CA
    everybody = sorted(frozenset().union(*members))
    found = set()
    for speakers in itertools.combinations(everybody, min(fewest - 1, len(everybody))):
        inside = [atom for atom, those in enumerate(members) if those <= {*speakers}]
        choices = np.array(list(itertools.product([0.0, 1.0], repeat=len(inside))))[1:]
        if len(choices):
            vectors = np.zeros((len(choices), len(members)))
            vectors[:, inside] = choices
            left = np.abs(vectors @ explained - vectors).max(axis=1)
            found |= {tuple(np.flatnonzero(vector).tolist()) for vector in vectors[left < 1e-7]}
    return found


def published(groupings: pd.DataFrame, shown: dict[str, dict[str, str]], speakers: pd.Series):
    """The published sets over the rows that they tell apart, and the speakers of these."""
    labels = [np.array([shown[name].get(cohort) for cohort in groupings[name]], dtype=object) for name in groupings]
    sets = [np.ones(len(groupings), dtype=bool)]
    sets += [column == label for column in labels for label in sorted({one for one in column if one is not None})]
    sets_CA, atom_N = np.unique(np.array(sets), axis=1, return_inverse=True)
    members = [frozenset(speakers[atom_N == atom].tolist()) for atom in range(sets_CA.shape[1])]
    return sets_CA, members


def table(seed: int, *, speakers: int, columns: int, values: int) -> tuple[pd.DataFrame, pd.Series]:
    """Utterances of speakers; each other column is of the utterance (a device), not of the speaker."""
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(speakers), rng.integers(1, 4, speakers))
    found = {}
    for number in range(columns):
        names = list("abcd"[:values])
        share = np.geomspace(1, 0.1, values)
        drawn = rng.choice(names, speakers if number % 2 == 0 else len(ids), p=share / share.sum())
        found[f"g{number}"] = drawn[ids] if number % 2 == 0 else drawn
    return pd.DataFrame(found, dtype=object), pd.Series(ids)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 9), st.integers(2, 4), st.integers(2, 4), st.integers(2, 5), st.booleans())
def test_nobody_computes_a_sum_of_few_speakers_from_up_to_four_groupings(seed, speakers, columns, values, fewest, part):
    groupings, ids = table(seed, speakers=speakers + fewest, columns=columns, values=values)
    if part:
        groupings.loc[np.random.default_rng(seed).random(len(groupings)) < 0.1, "g0"] = None
    shown = suppress(groupings, ids, min_speakers=fewest)
    assert determined(*published(groupings, shown, ids), fewest) == set()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 7), st.integers(3, 9), st.integers(2, 6), st.integers(2, 4))
def test_the_search_finds_a_set_exactly_where_there_is_one(seed, sets, atoms, speakers, fewest):
    rng = np.random.default_rng(seed)
    sets_CA = rng.random((sets, atoms)) < rng.uniform(0.2, 0.8)
    members = [frozenset(rng.choice(speakers, rng.integers(1, 3)).tolist()) for _ in range(atoms)]
    there = determined(sets_CA, members, fewest)
    found = list(smallest_sets(sets_CA, members, min_speakers=fewest))
    assert {*found} <= there
    assert bool(found) == bool(there)
    searched = disclosed(sets_CA, range(sets), members, min_speakers=fewest)
    assert {*searched} <= there
    assert bool(searched) == bool(there)


def test_two_speakers_with_many_devices_are_not_computed_from_three_groupings():
    """Region less job is two speakers; each device of theirs is an atom of its own, and there are six of them."""
    people = [("north", "cook")] * 8 + [("north", "clerk")] * 2 + [("south", "clerk")] * 9
    rows = [
        (speaker, region, job, f"device {device}")
        for speaker, (region, job) in enumerate(people)
        for device in range(3)
    ]
    frame = pd.DataFrame(rows, columns=["speaker", "region", "job", "device"])
    groupings, ids = frame[["region", "job", "device"]], frame["speaker"]
    everything = {name: {value: value for value in groupings[name].unique()} for name in groupings}
    sets_CA, members = published(groupings, everything, ids)
    assert any(len(frozenset().union(*(members[a] for a in one))) == 2 for one in determined(sets_CA, members, 3))
    found = disclosed(sets_CA, range(len(sets_CA)), members, min_speakers=5)
    assert found and all(len(frozenset().union(*(members[a] for a in one))) < 5 for one in found)
    shown = suppress(groupings, ids, min_speakers=5)
    assert not disclosed(*_with_groupings(published(groupings, shown, ids)), min_speakers=5)


@pytest.mark.parametrize("many", [5, 6, 8])
def test_a_set_of_many_single_speakers_is_found_under_a_larger_minimum(many):
    """Of nine speakers `many` follow only together: more atoms than the quick search looks at."""
    members = [frozenset({n}) for n in range(many)] + [frozenset(range(100, 120)), frozenset(range(200, 220))]
    with_one, with_other = [*range(many), many], [many, many + 1]
    sets_CA = np.zeros((3, many + 2), dtype=bool)
    sets_CA[0, with_one] = sets_CA[1, with_other] = sets_CA[2, many + 1] = True
    found = disclosed(sets_CA, [0, 1, 2], members, min_speakers=10)
    assert tuple(range(many)) in found


def _with_groupings(system):
    """Every set as a grouping of its own, which only makes the quick search find less."""
    sets_CA, members = system
    return sets_CA, range(len(sets_CA)), members


def test_a_search_that_is_given_up_clears_nothing(monkeypatch):
    """With no node, HiGHS solves what its presolve solves and gives the rest up."""
    monkeypatch.setattr(exact_attack, "_NODES", 0)
    given_up = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        sets_CA = rng.random((rng.integers(3, 9), rng.integers(6, 12))) < 0.5
        members = [frozenset(rng.choice(8, rng.integers(1, 4)).tolist()) for _ in range(sets_CA.shape[1])]
        there = determined(sets_CA, members, 4)
        found = list(smallest_sets(sets_CA, members, min_speakers=4))
        assert found or not there
        given_up += not {*found} <= there
    assert given_up > 0
