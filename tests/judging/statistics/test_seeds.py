"""Intervals over seeds and speakers: coverage where the truth is known, and what becomes of one source alone."""

import numpy as np
import pytest
from scipy import stats

from isogloss.errors import TableError
from isogloss.judging.statistics import estimands as of
from isogloss.judging.statistics import mean_over_seeds, over_seeds


def runs_of(generator, *, seeds, speakers, of_seed, of_speaker, of_both=0.1, words=200):
    """Error counts around 10 %: a factor a speaker, one a seed, one of both."""
    speaker = np.exp(of_speaker * generator.normal(size=speakers) - of_speaker**2 / 2)
    runs = []
    for _ in range(seeds):
        seed = np.exp(of_seed * generator.normal() - of_seed**2 / 2)
        both = np.exp(of_both * generator.normal(size=speakers) - of_both**2 / 2)
        errors = generator.poisson(0.1 * words * speaker * seed * both)
        runs.append([np.stack([errors, np.full(speakers, words)], axis=1).astype(float)])
    return runs


@pytest.mark.parametrize(("of_seed", "of_speaker"), [(0.2, 0.5), (0.0, 0.5), (0.3, 0.0)])
def test_the_interval_covers_the_rate_of_all_seeds_and_speakers(of_seed, of_speaker):
    generator = np.random.default_rng(7)
    covered = 0
    for _ in range(600):
        runs = runs_of(generator, seeds=5, speakers=40, of_seed=of_seed, of_speaker=of_speaker)
        estimate = over_seeds(runs, of.rate())
        covered += estimate.low <= 0.1 <= estimate.high
    assert 0.925 <= covered / 600 <= 0.995


def test_the_bootstrap_over_speakers_alone_would_not():
    from isogloss.judging.statistics import bootstrap

    generator = np.random.default_rng(8)
    covered = 0
    for _ in range(200):
        runs = runs_of(generator, seeds=5, speakers=40, of_seed=0.3, of_speaker=0.2)
        (estimate,) = bootstrap([np.mean([run[0] for run in runs], axis=0)], [of.rate()], resamples=200)
        covered += estimate.low <= 0.1 <= estimate.high
    assert covered / 200 < 0.8


def test_the_value_is_the_rate_of_all_runs_together():
    runs = runs_of(np.random.default_rng(1), seeds=3, speakers=10, of_seed=0.1, of_speaker=0.1)
    errors, words = np.sum([run[0].sum(axis=0) for run in runs], axis=0)
    assert over_seeds(runs, of.rate()).value == pytest.approx(errors / words)


def test_equal_runs_have_the_interval_of_their_speakers():
    (run,) = runs_of(np.random.default_rng(1), seeds=1, speakers=400, of_seed=0.0, of_speaker=0.4)
    from isogloss.judging.statistics import ratio

    several, alone = over_seeds([run] * 4, of.rate()), ratio(run[0][:, 0], run[0][:, 1])
    assert several.low == pytest.approx(alone.low, rel=0.02) and several.high == pytest.approx(alone.high, rel=0.02)


def test_one_run_has_no_interval_and_different_speakers_are_refused():
    runs = runs_of(np.random.default_rng(1), seeds=2, speakers=10, of_seed=0.1, of_speaker=0.1)
    assert over_seeds(runs[:1], of.rate()).interval is None
    with pytest.raises(TableError, match="different speakers"):
        over_seeds([runs[0], [runs[1][0][:5]]], of.rate())
    with pytest.raises(TableError, match="no run"):
        over_seeds([], of.rate())


def adaptations_of(generator, *, bases, seeds, speakers, of_seed, of_both, words=4000):
    """Runs that adapt some base models, which are given; errors before and after, and the base model of each run."""
    speaker = np.exp(0.4 * generator.normal(size=speakers) - 0.08)
    response = np.exp(0.2 * generator.normal(size=speakers) - 0.02)  # how much a speaker gains, whatever the base model
    runs, labels = [], []
    for number, effect in enumerate(bases):
        before = generator.poisson(0.1 * words * speaker)
        for _ in range(seeds):
            both = np.exp(of_both * generator.normal(size=speakers) - of_both**2 / 2)
            rate = 0.1 * speaker * response * both * np.exp(effect + of_seed * generator.normal())
            after = generator.poisson(words * rate)
            columns = [before, np.full(speakers, words), after, np.full(speakers, words)]
            runs.append(([np.stack(columns, axis=1).astype(float)], of.relative_change()))
            labels.append(f"base {number}")
    return runs, labels


@pytest.mark.parametrize(("of_seed", "seeds"), [(0.0, 5), (0.05, 5), (0.2, 3)])
def test_given_shared_base_models_the_interval_covers_their_mean_change(of_seed, seeds):
    """Base models far apart: the truth is the mean over these two, for all seeds and speakers."""
    generator, bases, covered, widths = np.random.default_rng(11), (-0.3, 0.1), 0, []
    for _ in range(400):
        runs, labels = adaptations_of(generator, bases=bases, seeds=seeds, speakers=40, of_seed=of_seed, of_both=0.1)
        estimate = mean_over_seeds(runs, bases=labels)
        covered += estimate.low <= np.expm1(np.mean(bases)) <= estimate.high
        widths.append([one.high - one.low for one in (estimate, mean_over_seeds(runs))])
    assert 0.925 <= covered / 400 <= 0.995
    conditional, pretended = np.median(widths, axis=0)
    assert conditional < pretended  # the distance of the two base models is no variance of seeds


def test_shared_base_models_count_the_same_and_the_seeds_within_them_have_the_rest_of_the_freedom():
    rng = np.random.default_rng(5)
    runs, labels = adaptations_of(rng, bases=(-0.2, 0.2), seeds=3, speakers=100_000, of_seed=0.1, of_both=0.0)
    runs, labels = runs[:4], labels[:4]  # three runs of one base model, one of the other
    values = [np.log1p(mean_over_seeds([run]).value) for run in runs]
    first = np.array(values[:3])
    mean = (first.mean() + values[3]) / 2
    error = np.sqrt(first.var(ddof=1) * (1 / 3 + 1) / 4)
    found = mean_over_seeds(runs, bases=labels)
    assert np.log1p(found.value) == pytest.approx(mean)
    assert np.log1p(found.high) - mean == pytest.approx(stats.t.ppf(0.975, 4 - 2) * error, rel=0.02)


def test_base_models_of_their_own_change_nothing():
    runs, _ = adaptations_of(
        np.random.default_rng(6), bases=(0.0, 0.1, 0.2), seeds=1, speakers=30, of_seed=0.1, of_both=0.1
    )
    assert mean_over_seeds(runs, bases=["a", "b", "c"]) == mean_over_seeds(runs)
