"""Figures of cohorts in which few speakers have the words: what the others could say counts for nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from isogloss.config import StatisticsParams
from isogloss.judging import Grouping, compare, disparities
from isogloss.judging.rates import estimate
from isogloss.judging.statistics import estimands as of

QUICK = StatisticsParams(resamples=400, permutations=400)
FEW_DRAWS = StatisticsParams(resamples=200, permutations=200)


def pair(words, seed=1):
    """Two systems on speakers with so many reference words each, a row a speaker; both err alike."""
    rng = np.random.default_rng(seed)
    rates = 0.2 * rng.gamma(4, 1 / 4, len(words))
    ids = [f"s{number:02d}" for number in range(len(words))]
    sides = [
        pd.DataFrame(
            {"utterance_id": ids, "speaker_id": ids, "words": words, "substitutions": rng.poisson(rates * words)}
        )
        for _ in range(2)
    ]
    return [side.assign(deletions=0, insertions=0) for side in sides]


def judged(words, **options):
    """The figures of a cohort `x` of these speakers, beside thirty of a cohort `y`, for which nothing is unusual."""
    sides = pair(np.concatenate([words, np.full(30, 200)]))
    cohorts = pd.Series(["x"] * len(words) + ["y"] * 30)
    found = compare(*sides, [Grouping("g", cohorts)], statistics=QUICK, min_speakers=5, **options)
    return found.groupings[0].cohort("x")


@pytest.mark.parametrize("words", [[2000] + [0] * 29, [20000] + [5] * 29])
def test_a_cohort_of_which_one_speaker_has_the_words_is_not_judged(words):
    found = judged(np.array(words))
    assert found.speakers == 30 and found.after is not None
    assert [found.before_ci95, found.ci95, found.difference_ci95, found.p, found.harm_bound] == [None] * 5
    assert found.noninferior is None and found.detectable_change is None
    assert found.rest.ci95 is None and found.rest.p is None and found.rest.detectable_ratio is None


def test_speakers_without_words_count_for_nothing():
    """A cohort of 19 speakers who said something and one who did not has the 19 that are too few for an inference."""
    enough, few = judged(np.full(20, 200)), judged(np.array([200] * 19 + [0]))
    assert enough.inference and enough.effective_speakers == 20
    assert not few.inference and few.effective_speakers == 19 and few.rest.p is None and few.ci95 is None


def test_so_it_is_where_speakers_are_in_several_cohorts():
    """Thirty speakers with two devices, with one of which only one of them said anything."""
    words = np.concatenate([[2000], np.zeros(29, int), np.full(30, 200)])
    table = pair(words)[0].assign(device=["a"] * 30 + ["b"] * 30)
    table["speaker_id"] = np.tile(table["speaker_id"].iloc[:30], 2)
    found = {one.cohort: one for one in disparities(table, cohort="device", statistics=QUICK)}
    assert found["a"].ratio is not None and found["a"].ratio_interval is None and found["a"].p is None


def test_where_an_interval_is_given_it_holds_though_one_of_thirty_speaks_much_more_than_the_others():
    """In every population one of thirty says 250 times as many words; its rate is the truth, 0.2."""
    held = given = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        words = np.where(rng.random(30) < 1 / 30, 5000.0, 20.0)
        errors = rng.poisson(0.2 * rng.gamma(4, 1 / 4, 30) * words)
        (found,) = estimate([np.stack([errors, words], axis=1)], [of.rate()], FEW_DRAWS)
        given += found.low is not None
        held += found.low is not None and found.low <= 0.2 <= found.high
    assert given > 30 and held >= stats.binom.ppf(0.01, given, 0.95)
