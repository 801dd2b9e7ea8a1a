import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.cohorts.partition import TABLE_BINS, thresholds_below


@given(st.lists(st.floats(-180, 180), min_size=0, max_size=40, unique=True), st.integers(0, 2**32 - 1))
def test_the_table_counts_thresholds_as_binary_search_does(thresholds, seed):
    rng = np.random.default_rng(seed)
    ascending = np.sort(np.array(thresholds))
    values = np.concatenate([rng.uniform(-200, 200, TABLE_BINS), ascending, np.nextafter(ascending, np.inf)])
    assert thresholds_below(values, ascending).tolist() == np.searchsorted(ascending, values, side="left").tolist()


@pytest.mark.parametrize("spacing", [1e-12, 1e-3, 1.0])
def test_thresholds_that_crowd_in_one_bin_are_told_apart(spacing):
    ascending = np.sort(np.concatenate([[-90.0, 90.0], 30 + spacing * np.arange(50)]))
    values = np.tile(np.concatenate([ascending - spacing / 2, ascending, [-1e300, 1e300]]), 50)
    assert thresholds_below(values, ascending).tolist() == np.searchsorted(ascending, values, side="left").tolist()
