"""Many divisions in one figure: against exchanged speakers, simulation under no difference, and sums by hand."""

import numpy as np
import pandas as pd
import pytest

from isogloss.judging.divisions import Worse, together, worse
from isogloss.judging.statistics import effective_speakers, exchange_cohorts


def speakers(rng, *, inside=30, outside=60, ratio=1.0):
    rate = np.where(np.arange(inside + outside) < inside, 0.2 * ratio, 0.2) * rng.gamma(4, 1 / 4, inside + outside)
    words = rng.integers(50, 150, inside + outside)
    rows = pd.DataFrame(
        {"speaker_id": np.arange(inside + outside), "errors": rng.poisson(rate * words), "words": words}
    )
    return rows, np.arange(inside + outside) < inside


def test_ratio_and_p_are_those_of_the_summed_rates_and_of_exchanged_speakers():
    rows, inside = speakers(np.random.default_rng(1), ratio=1.35)
    one = worse(rows, inside, min_speakers=20)
    rate = [rows.loc[side, "errors"].sum() / rows.loc[side, "words"].sum() for side in (inside, ~inside)]
    assert one.ratio == pytest.approx(rate[0] / rate[1], abs=1e-12)
    two_sided = exchange_cohorts(rows[["errors", "words"]], inside.astype(int), permutations=20_000)[1]
    assert one.p == pytest.approx(two_sided / 2, abs=0.01)


def test_rows_of_a_speaker_are_added_up_also_across_the_two_sides():
    rows, inside = speakers(np.random.default_rng(2), ratio=1.5)
    halves = pd.concat([rows.assign(errors=rows["errors"] / 2, words=rows["words"] / 2)] * 2, ignore_index=True)
    assert worse(halves, np.tile(inside, 2), min_speakers=20) == worse(rows, inside, min_speakers=20)
    # The same people on both sides, with the same rates: nothing differs, and the error of the difference is none.
    both = pd.concat([rows, rows], ignore_index=True)
    assert worse(both, np.repeat([True, False], len(rows)), min_speakers=20) is None


def test_small_sides_and_sides_without_errors_are_not_judged():
    rows, inside = speakers(np.random.default_rng(3), inside=19)
    assert worse(rows, inside, min_speakers=20) is None
    assert worse(rows.assign(errors=np.where(inside, 0, rows["errors"])), inside, min_speakers=10) is None


def test_without_a_difference_small_p_values_are_as_frequent_as_they_say():
    rng = np.random.default_rng(4)
    found = [worse(*speakers(rng), min_speakers=20).p for _ in range(400)]
    assert 0.02 <= np.mean(np.array(found) <= 0.05) <= 0.08


def test_a_side_whose_words_are_those_of_one_speaker_is_not_judged():
    """Judged, it would be called worse too often: the rate is that speaker's, and what they are is not told from it."""
    rng, small = np.random.default_rng(5), []
    for _ in range(200):
        rows, inside = speakers(rng)
        words = np.where(np.arange(len(rows)) == 0, 50_000, rows["words"])
        rate = 0.2 * rng.gamma(4, 1 / 4, len(rows))
        rows = rows.assign(words=words, errors=rng.poisson(rate * words))
        small.append(worse(rows, inside, min_speakers=20).p <= 0.05)
        assert worse(rows, inside, min_speakers=20, min_deciding=5.0) is None
    assert np.mean(small) > 0.2
    rows, inside = speakers(np.random.default_rng(6))
    silent = rows.assign(words=np.where(np.arange(len(rows)) < 11, 0, rows["words"]))
    assert worse(silent, inside, min_speakers=20) is None and worse(silent, inside, min_speakers=19) is not None


def test_together_they_have_the_median_ratio_and_twice_the_median_p():
    divisions = [Worse(1.2, 0.04), Worse(1.5, 0.01), None, Worse(0.9, 0.6), Worse(1.4, 0.02)]
    found = together(divisions)
    assert (found.divisions, found.judged, found.higher) == (5, 4, 3)
    assert found.ratio == pytest.approx(1.3) and found.p == pytest.approx(0.08)
    nothing = together([None, None])
    assert (nothing.ratio, nothing.tenths, nothing.p) == (None, None, 1.0)


def test_sides_count_effective_speakers_and_so_do_degrees_of_freedom():
    """With few heavy speakers and as many degrees of freedom as heads, 9 % of p values were at most 0.05."""
    rng, heads, effective = np.random.default_rng(7), [], []
    for _ in range(300):
        rows, inside = speakers(rng, inside=60, outside=60)
        weight = np.exp(2.0 * rng.normal(size=len(rows)))
        words = np.full(len(rows), 30)
        rows = rows.assign(
            words=words * weight, errors=rng.poisson(0.1 * rng.exponential(1, len(rows)) * words) * weight
        )
        if effective_speakers(weight[inside]) < 20 or effective_speakers(weight[~inside]) < 20:
            assert worse(rows.assign(weight=weight), inside, min_speakers=20) is None
        one = worse(rows.assign(weight=weight), inside, min_speakers=1, min_deciding=5.0)
        if one is not None:
            effective.append(one.p)
            heads.append(worse(rows, inside, min_speakers=1, min_deciding=5.0).p)
    assert np.mean(np.array(effective) <= 0.05) <= 0.08 < np.mean(np.array(heads) <= 0.05)


def test_equal_ratios_of_all_speakers_are_not_judged():
    rows, inside = speakers(np.random.default_rng(8))
    assert worse(rows.assign(errors=0.1 * rows["words"]), inside, min_speakers=20) is None
