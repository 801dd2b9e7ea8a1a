import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isogloss.errors import TableError
from isogloss.judging.privacy import suppress
from isogloss.judging.privacy.attack import disclosed


def merge(sizes: dict[str, int], fewest: int = 5, **options) -> dict[str, str]:
    """What becomes of one grouping of speakers who are in one cohort each."""
    cohorts = pd.DataFrame({"a": [name for name, size in sizes.items() for _ in range(size)]})
    return suppress(cohorts, pd.Series(range(len(cohorts))), min_speakers=fewest, **options)["a"]


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 12), min_size=2), st.integers(1, 8))
def test_no_shown_cohort_is_small_and_none_can_be_computed_from_the_total(sizes, fewest):
    assume(sum(sizes.values()) >= fewest)
    shown = merge(sizes, fewest)
    assert set(shown) == set(sizes)
    members: dict[str, list[str]] = {}
    for name, label in shown.items():
        members.setdefault(label, []).append(name)
    for label, names in members.items():
        speakers = sum(sizes[name] for name in names)
        assert speakers >= fewest or len(members) == 1
        if label not in sizes:
            # What is not shown is never one cohort, whose figures would be the total less the rest.
            assert len(names) > 1


def test_large_cohorts_keep_their_names():
    assert merge({"a": 5, "b": 9}) == {"a": "a", "b": "b"}


def test_a_single_small_cohort_takes_the_next_smallest_along():
    assert merge({"a": 2, "b": 9, "c": 30}) == {"a": "other", "b": "other", "c": "c"}


def test_small_cohorts_that_are_many_enough_stay_among_themselves():
    assert merge({"a": 2, "b": 3, "c": 30}) == {"a": "other", "b": "other", "c": "c"}


def test_a_cohort_named_other_is_not_confused_with_the_merged_one():
    assert merge({"a": 2, "b": 3, "other": 30}) == {"a": "other_", "b": "other_", "other": "other"}


def test_speakers_of_several_cohorts_count_once():
    cohorts, speakers = pd.DataFrame({"a": list("aabbcccccc")}), pd.Series(list("xyxyuvwstz"))
    assert set(suppress(cohorts, speakers, min_speakers=3)["a"].values()) == {"other"}


def test_a_single_cohort_is_the_total_and_stays():
    assert merge({"a": 7}) == {"a": "a"}


def test_those_of_whom_nothing_is_known_are_hidden_before_a_named_group_however_many_they_are():
    sizes = {"female": 60, "male": 70, "other": 2, "unspecified": 900}
    shown = merge(sizes, unnamed={"a": ["unspecified"]})
    assert shown["female"] == "female" and shown["male"] == "male"
    assert shown["unspecified"] == shown["other"] == "other"
    assert merge(sizes)["female"] == shown["other"]  # without being told who is unnamed, the fewest speakers go


def test_two_groupings_with_cells_of_few_speakers_hide_these_and_not_the_large_cohorts():
    """216 controls, and 321 patients of whom one kind has six speakers, five of them women: one man follows."""
    people = [("control", sex) for sex in ["f"] * 110 + ["m"] * 106]
    people += [("als", sex) for sex in ["f"] * 150 + ["m"] * 149] + [("stroke", "f")] * 5 + [("stroke", "m")]
    people += [("cp", sex) for sex in ["f"] * 8 + ["m"] * 8]
    table = pd.DataFrame(people, columns=["cause", "sex"]).assign(both=lambda rows: rows["cause"] + rows["sex"])
    shown = suppress(table, pd.Series(range(len(table))), min_speakers=5)
    assert solvable_sets(table, shown, 5) == []
    assert shown["cause"]["control"] == "control" and shown["sex"] == {"f": "f", "m": "m"}
    assert {name for name in shown["both"] if shown["both"][name] == name} >= {"alsf", "alsm", "controlf", "controlm"}


def groupings_and_speakers(draw_seed: int, *, speakers: int, columns: int, values: int, nested: bool):
    """A table of one row a speaker with skewed cohort sizes; with `nested` the last column refines the first."""
    rng = np.random.default_rng(draw_seed)
    share = np.geomspace(1, 0.05, values)
    table = {
        f"g{number}": rng.choice(list("abcdefgh")[:values], speakers, p=share / share.sum())
        for number in range(columns)
    }
    if nested:
        table["both"] = [f"{x}{y}" for x, y in zip(table["g0"], table[f"g{columns - 1}"], strict=True)]
        half = rng.random(speakers) < 0.5
        table["half"] = np.where(half, rng.choice(["x", "y"], speakers), None)
    return pd.DataFrame(table, dtype=object), pd.Series(range(speakers))


def solvable_sets(groupings: pd.DataFrame, shown: dict[str, dict[str, str]], fewest: int) -> list[tuple[int, ...]]:
    """The attacker: every set of fewer than `fewest` speakers whose sum is a combination of the published sums.

    Speakers that no published set tells apart are one unknown. A wanted sum is solved for by least squares.
    """
    renamed = {name: [names.get(c) for c in groupings[name]] for name, names in shown.items()}
    indicators = [np.ones(len(groupings), dtype=int)]
    indicators += [
        np.array([value == label for value in values], dtype=int)
        for values in renamed.values()
        for label in sorted({value for value in values if value is not None})
    ]
    system, sizes = np.unique(np.array(indicators), axis=1, return_counts=True)
    unexplained = np.eye(system.shape[1]) - np.linalg.pinv(system) @ system
    small = np.flatnonzero(sizes < fewest)
    found = []
    for number in range(1, fewest):
        sets = np.array(list(itertools.combinations(small, number)), dtype=int).reshape(-1, number)
        sets = sets[sizes[sets].sum(axis=1) < fewest]
        left = np.abs(unexplained[:, sets].sum(axis=2)).max(axis=0, initial=0.0)
        found += [tuple(atoms) for atoms in sets[left < 1e-9].tolist()]
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(8, 40), st.integers(2, 3), st.integers(2, 4), st.booleans(), st.integers(2, 5)
)
def test_an_attacker_who_solves_the_published_sums_learns_nothing_of_few_speakers(
    seed, speakers, columns, values, nested, fewest
):
    groupings, ids = groupings_and_speakers(seed, speakers=speakers, columns=columns, values=values, nested=nested)
    shown = suppress(groupings, ids, min_speakers=fewest)
    assert solvable_sets(groupings, shown, fewest) == []


def named_speakers(groupings: pd.DataFrame, shown: dict[str, dict[str, str]]) -> int:
    """The speakers of the cohorts that are shown by a name that stands for nothing else, unspecified left out."""
    return sum(
        int((groupings[name] == cohort).sum())
        for name, names in shown.items()
        for cohort, label in names.items()
        if label == cohort != "unspecified" and list(names.values()).count(label) == 1
    )


def every_choice(groupings: pd.DataFrame):
    """All ways to name the cohorts: any of them merged into one, or nothing of the grouping published."""
    ways = []
    for name in groupings:
        cohorts = sorted(groupings[name].dropna().unique())
        hidden = [set(some) for size in range(len(cohorts) + 1) for some in itertools.combinations(cohorts, size)]
        of_one = [{c: "other" if c in some else c for c in cohorts} for some in hidden if len(some) != 1]
        ways.append([*of_one, {}])
    for names in itertools.product(*ways):
        yield dict(zip(groupings, names, strict=True))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(6, 24), st.integers(2, 3), st.booleans(), st.integers(2, 5))
def test_no_other_choice_without_a_leak_shows_more_speakers_by_name(seed, speakers, columns, partial, fewest):
    """Against an exhaustive search over all choices, by the attacker of these tests."""
    rng = np.random.default_rng(seed)
    share = np.geomspace(1, 0.1, 3)
    table = {
        f"g{n}": rng.choice(["a", "b", "unspecified"], speakers, p=share / share.sum()).astype(object)
        for n in range(columns)
    }
    if partial:
        table["half"] = np.where(rng.random(speakers) < 0.6, rng.choice(["x", "y"], speakers), None)
    groupings = pd.DataFrame(table, dtype=object)
    unnamed = {name: ["unspecified"] for name in groupings}
    shown = suppress(groupings, pd.Series(range(speakers)), min_speakers=fewest, unnamed=unnamed)
    assert solvable_sets(groupings, shown, fewest) == []
    named = named_speakers(groupings, shown)
    for choice in every_choice(groupings):
        assert named_speakers(groupings, choice) <= named or solvable_sets(groupings, choice, fewest)


def test_hiding_the_small_cohorts_of_each_grouping_by_itself_would_not_have_been_enough():
    """Six women, one of them young: of the young nothing is shown, but women less old women is she."""
    groupings = pd.DataFrame({"gender": ["f"] * 6 + ["m"] * 20, "both": ["fo"] * 5 + ["fy"] + ["mo"] * 14 + ["my"] * 6})
    ids = pd.Series(range(26))
    alone = {name: suppress(groupings[[name]], ids, min_speakers=5)[name] for name in groupings}
    assert solvable_sets(groupings, {**alone, "both": {"fo": "fo", "fy": "other", "mo": "mo", "my": "other"}}, 5)
    assert not solvable_sets(groupings, suppress(groupings, ids, min_speakers=5), 5)


def test_large_cohorts_of_one_grouping_are_left_as_they_are():
    groupings = pd.DataFrame({"a": ["x"] * 10 + ["y"] * 10})
    assert suppress(groupings, pd.Series(range(20)), min_speakers=5) == {"a": {"x": "x", "y": "y"}}


def test_margins_of_two_large_groupings_survive_though_an_intersection_is_small():
    groupings = pd.DataFrame({"a": ["x"] * 20 + ["y"] * 20, "b": ["u"] * 18 + ["v"] * 2 + ["u"] * 5 + ["v"] * 15})
    shown = suppress(groupings, pd.Series(range(40)), min_speakers=5)
    assert shown == {"a": {"x": "x", "y": "y"}, "b": {"u": "u", "v": "v"}}


def test_half_a_table_of_too_few_speakers_is_not_published_at_all():
    groupings = pd.DataFrame({"half": ["x"] * 3 + [None] * 20}, dtype=object)
    assert suppress(groupings, pd.Series(range(23)), min_speakers=5) == {"half": {}}


def test_a_grouping_of_all_but_one_speaker_is_not_published_since_the_total_less_its_cohorts_is_he():
    groupings = pd.DataFrame({"most": ["x"] * 6 + ["y"] * 6 + [None], "a": ["u"] * 6 + ["v"] * 7}, dtype=object)
    shown = suppress(groupings, pd.Series(range(13)), min_speakers=3)
    assert shown["most"] == {} and not solvable_sets(groupings, shown, 3)


def test_too_few_speakers_altogether_are_refused():
    with pytest.raises(TableError, match="2 speakers are fewer than the 5"):
        suppress(pd.DataFrame({"a": ["x", "y"]}), pd.Series([1, 2]), min_speakers=5)


def test_ten_thousand_speakers_in_four_groupings_take_the_same_names_in_any_order_of_rows():
    groupings, ids = groupings_and_speakers(3, speakers=10_000, columns=4, values=8, nested=True)
    order = np.random.default_rng(1).permutation(10_000)
    shown = suppress(groupings, ids, min_speakers=5)
    assert suppress(groupings.iloc[order], ids.iloc[order], min_speakers=5) == shown


def with_decoys(number: int) -> tuple[pd.DataFrame, pd.Series]:
    """Districts of three men and three women, of whom nothing follows; and z1 + z2 - x, which is two people."""
    people = [(f"d{n}", gender, f"b{n}") for n in range(number) for gender in "mmmfff"]
    people += [("z1", "o", "x")] * 19 + [("z1", "o", "m")] + [("z2", "o", "x")] * 19 + [("z2", "o", "f")]
    people += [(f"p{n}", "o", band) for n in range(4) for band in ["m"] * 10 + ["f"] * 10]
    table = pd.DataFrame(people, columns=["district", "gender", "band"])
    return table, pd.Series(range(len(table)))


@pytest.mark.parametrize("number", [5, 49, 50, 120])
def test_harmless_combinations_do_not_use_up_the_search(number):
    table, speakers = with_decoys(number)
    shown = suppress(table, speakers, min_speakers=5)
    told = {name: {shown[name].get(c) for c in table[name].unique()} for name in table}
    assert not ({"z1", "z2"} <= told["district"] and "x" in told["band"])


def test_a_leak_of_three_and_four_atoms_is_found_among_harmless_ones():
    """Some people are published with nine others, and these nine by themselves."""
    rng = np.random.default_rng(1)
    for many in (3, 4):
        sets, atoms = [], []
        for n in range(60):  # harmless: pairs of three and three speakers that are published together
            atoms += [frozenset(range(6 * n, 6 * n + 3)), frozenset(range(6 * n + 3, 6 * n + 6))]
            sets.append({2 * n, 2 * n + 1})
        start = len(atoms)
        atoms += [frozenset({1000 + i}) for i in range(many)] + [frozenset(range(2000, 2009))]
        sets += [{*range(start, start + many), start + many}, {start + many}]
        table = np.zeros((len(sets), len(atoms)), dtype=bool)
        for row, members in enumerate(sets):
            table[row, sorted(members)] = True
        order = rng.permutation(len(atoms))
        found = disclosed(table[:, order], range(len(sets)), [atoms[atom] for atom in order], min_speakers=5)
        leak = tuple(sorted(np.flatnonzero(np.isin(order, range(start, start + many))).tolist()))
        assert leak in found
        assert all(len(frozenset().union(*(atoms[order[atom]] for atom in one))) < 5 for one in found)
