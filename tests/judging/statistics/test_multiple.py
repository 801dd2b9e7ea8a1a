import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from isogloss.judging.statistics import holm


def test_holm_is_that_of_statsmodels():
    p_values = [0.03, 0.2, 0.001, 0.04, 0.04, 1.0, 0.0]
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


def test_cohorts_without_inference_do_not_count():
    assert holm([0.01, None, 0.04, None]) == [0.02, None, 0.04, None]
    assert holm([None]) == [None]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9), st.floats(0.001, 0.999))
def test_rejections_are_those_of_the_step_down_procedure(p_values, alpha):
    rejected = set()
    for step, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[index] * (len(p_values) - step) > alpha:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(holm(p_values)) if p <= alpha} == rejected
