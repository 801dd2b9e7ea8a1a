import numpy as np
import pytest
from scipy import stats

from isogloss.errors import TableError
from isogloss.judging.statistics.resampling import MANY_SPEAKERS, Resampler, draw_counts


def resampler(values, seed=1):
    return Resampler(np.asarray(values, dtype=float), np.random.default_rng(seed))


def test_the_products_of_a_draw_are_those_of_the_speakers_it_took():
    # Powers of a large base: the sums tell exactly who was drawn how often.
    values = np.stack([1000.0 ** np.arange(4), np.ones(4)], axis=1)
    moments = resampler(values).draw(50)
    for sums, products in zip(moments.sums, moments.products, strict=True):
        counts = [int(sums[0] // 1000**k) % 1000 for k in range(4)]
        assert sum(counts) == 4 == sums[1]
        expected = [values[:, k] * values[:, m] @ counts for k, m in moments.pairs]
        assert products == pytest.approx(expected)


@pytest.mark.parametrize("speakers", [30, MANY_SPEAKERS])
def test_draws_have_the_mean_and_the_variance_of_sampling_with_replacement(speakers):
    values = np.random.default_rng(0).normal(size=(speakers, 1))
    values -= values.mean()
    sums = resampler(values).draw(4000).sums[:, 0]
    deviation = values.std() * np.sqrt(speakers)
    assert sums.mean() == pytest.approx(0, abs=4 * deviation / np.sqrt(4000))
    assert sums.std() == pytest.approx(deviation, rel=0.05)


class EveryNumberOnce:
    """In place of a generator: all 65,536 uniform numbers, each once."""

    def integers(self, low, high, size, dtype):
        return np.arange(low, high, dtype=dtype).reshape(size)


def test_counts_of_many_speakers_are_poisson_with_mean_one():
    counts_RS = draw_counts(1 << 4, 1 << 12, EveryNumberOnce())
    assert counts_RS.shape[1] >= MANY_SPEAKERS
    share = np.bincount(counts_RS.astype(int).ravel()) / counts_RS.size
    assert share == pytest.approx(stats.poisson.pmf(np.arange(len(share)), 1), abs=2e-5)
    assert counts_RS.mean() == pytest.approx(1, abs=1e-4)


def test_the_linearised_variance_of_a_ratio_is_the_textbook_one():
    rng = np.random.default_rng(1)
    values = np.stack([rng.poisson(3, 25), rng.integers(20, 60, 25)], axis=1).astype(float)
    numerator, denominator = values.sum(axis=0)
    gradient = np.array([[1 / denominator, -numerator / denominator**2]])
    residuals = values[:, 0] - numerator / denominator * values[:, 1]
    expected = 25 / 24 * (residuals**2).sum() / denominator**2  # Cochran, Sampling Techniques, 6.3
    assert resampler(values).observed().variance(gradient)[0] == pytest.approx(expected)


def test_the_same_seed_draws_the_same_and_another_does_not():
    values = np.random.default_rng(2).normal(size=(12, 2))
    assert (resampler(values, 3).draw(9).sums == resampler(values, 3).draw(9).sums).all()
    assert (resampler(values, 3).draw(9).sums != resampler(values, 4).draw(9).sums).any()


def test_no_speaker_or_a_total_that_is_not_finite_is_refused():
    with pytest.raises(TableError, match="at least one speaker"):
        resampler(np.zeros((0, 2)))
    with pytest.raises(TableError, match="speaker 1: totals"):
        resampler([[1, 2], [np.nan, 2]])
