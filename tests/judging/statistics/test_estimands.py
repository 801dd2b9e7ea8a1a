import numpy as np
import pytest

from isogloss.judging.statistics import estimands as of

PAIRED = {
    "rate before": of.rate(),
    "rate after": of.rate(column=2),
    "relative change": of.relative_change(),
    "difference": of.difference(),
    "mean": of.change_of_spread(of.mean_rate, range(3)),
    "max": of.change_of_spread(of.largest_rate, range(3)),
    "variance": of.change_of_spread(of.variance_of_rates, range(3)),
    "gap": of.change_of_spread(of.relative_gap(0, 2), range(3)),
}
SINGLE = {"ratio": of.ratio_of_groups(), "difference": of.difference_of_groups()}


def totals(groups, columns, seed=4):
    rng = np.random.default_rng(seed)
    values = rng.uniform(50, 100, (groups, 6, columns))
    values[..., ::2] *= np.array([0.5, 0.3, 0.2])[:groups, None, None]
    return values


@pytest.mark.parametrize(
    ("estimand", "columns"),
    [*((e, 4) for e in PAIRED.values()), *((e, 2) for e in SINGLE.values())],
    ids=[*PAIRED, *(f"{name} of groups" for name in SINGLE)],
)
def test_gradients_are_those_of_finite_differences(estimand, columns):
    point = totals(len(estimand.groups), columns)
    _, gradient = estimand.evaluate(point)
    for group in range(point.shape[0]):
        for column in range(columns):
            step = np.zeros_like(point)
            step[group, :, column] = 1e-4
            slope = (estimand.evaluate(point + step)[0] - estimand.evaluate(point - step)[0]) / 2e-4
            assert gradient[group, :, column] == pytest.approx(slope, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("estimand", PAIRED.values(), ids=PAIRED)
def test_estimands_do_not_change_when_all_totals_are_multiplied(estimand):
    # The linearised variance rests on it: the influences of the speakers then sum to zero.
    point = totals(len(estimand.groups), 4)
    assert estimand.evaluate(point * 7)[0] == pytest.approx(estimand.evaluate(point)[0])


def test_values_are_the_plain_formulas():
    point = totals(3, 4)
    before, after = point[..., 0] / point[..., 1], point[..., 2] / point[..., 3]

    def restored(name):
        values = PAIRED[name].evaluate(point[: len(PAIRED[name].groups)])[0]
        return [PAIRED[name].restore(value) for value in values]

    assert restored("rate after") == pytest.approx(after[0])
    assert restored("relative change") == pytest.approx(after[0] / before[0] - 1)
    assert restored("difference") == pytest.approx(after[0] - before[0])
    assert restored("mean") == pytest.approx(after.mean(axis=0) / before.mean(axis=0) - 1)
    assert restored("max") == pytest.approx(after.max(axis=0) / before.max(axis=0) - 1)
    assert restored("variance") == pytest.approx(after.var(axis=0) / before.var(axis=0) - 1)
    gap_before, gap_after = before[0] / before[2] - 1, after[0] / after[2] - 1
    assert restored("gap") == pytest.approx(gap_after / gap_before - 1)
