import numpy as np
import pandas as pd
import pytest

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging import disparities, error_rate

QUICK = StatisticsParams(resamples=400, permutations=400)


def utterances(sizes: dict[str, int], *, factors: dict[str, float] | None = None, seed: int = 1) -> pd.DataFrame:
    """Five utterances a speaker; `factors` multiplies the error rate of a cohort."""
    rng = np.random.default_rng(seed)
    rows = []
    for cohort, size in sizes.items():
        for speaker in range(size):
            rate = 0.1 * rng.gamma(3.0, 1 / 3.0) * (factors or {}).get(cohort, 1.0)
            weight = rng.choice([0.5, 1.0])
            for _ in range(5):
                words = int(rng.integers(4, 15))
                rows.append((f"{cohort}{speaker}", cohort, weight, words, rng.poisson(rate * words), 0, 0))
    names = ["speaker_id", "region", "weight", "words", "substitutions", "deletions", "insertions"]
    return pd.DataFrame(rows, columns=names)


def test_rates_and_ratios_are_those_of_the_rows():
    table = utterances({"a": 30, "b": 25, "c": 40}, factors={"b": 2.0})
    for found in disparities(table, cohort="region", statistics=QUICK):
        inside = table["region"] == found.cohort
        assert found.rate == pytest.approx(error_rate(table[inside]))
        assert found.ratio == pytest.approx(error_rate(table[inside]) / error_rate(table[~inside]))
        assert found.words == table.loc[inside, "words"].sum()
        assert found.ratio_interval[0] < found.ratio < found.ratio_interval[1]


def test_a_planted_disparity_stands_first_and_is_significant():
    table = utterances({"a": 30, "b": 30, "c": 30}, factors={"c": 2.5})
    first, *others = disparities(table, cohort="region", statistics=QUICK)
    assert first.cohort == "c" and first.worse(confidence=0.95)
    assert not any(other.worse(confidence=0.95) for other in others)
    assert first.ratio_interval[0] > 1 and first.detectable_ratio < first.ratio


def test_without_disparity_a_worse_cohort_is_claimed_no_more_often_than_announced():
    quick = StatisticsParams(resamples=200, permutations=200)
    claimed = []
    for seed in range(40):
        found = disparities(utterances({"a": 20, "b": 30, "c": 25}, seed=seed), cohort="region", statistics=quick)
        claimed.append(any(one.worse(confidence=0.95) for one in found))
    assert np.mean(claimed) < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 40)


def test_speakers_in_several_cohorts_are_their_own_control():
    # Speakers differ far more than devices do: paired within speakers, the small effect is seen.
    rng = np.random.default_rng(3)
    rows = []
    for speaker in range(40):
        rate = 0.15 * rng.gamma(0.8, 1 / 0.8)
        for device, factor in (("near", 1.0), ("far", 1.4)):
            rows.append((f"s{speaker}", device, 200, rng.poisson(200 * rate * factor), 0, 0))
    names = ["speaker_id", "device", "words", "substitutions", "deletions", "insertions"]
    paired = pd.DataFrame(rows, columns=names)
    apart = paired.assign(speaker_id=paired["speaker_id"] + paired["device"])
    first = disparities(paired, cohort="device", statistics=QUICK)[0]
    alone = disparities(apart, cohort="device", statistics=QUICK)[0]
    assert first.cohort == "far" and first.worse(confidence=0.95) and not alone.worse(confidence=0.95)
    assert first.ratio == pytest.approx(alone.ratio)
    assert first.ratio_interval[0] > 1 > alone.ratio_interval[0]


def test_few_speakers_carry_no_inference():
    found = disparities(utterances({"a": 19, "b": 60}), cohort="region", statistics=QUICK)
    both = {one.cohort: one for one in found}
    assert both["a"].p is None and both["a"].ratio_interval is None and both["a"].ratio is not None
    assert both["b"].p is None and both["b"].p_holm is None


def test_a_rest_without_errors_leaves_no_ratio_but_a_test():
    table = utterances({"a": 25, "b": 25})
    table.loc[table["region"] == "b", "substitutions"] = 0
    first, second = disparities(table, cohort="region", statistics=QUICK)
    assert first.cohort == "a" and first.ratio is None and first.worse(confidence=0.95)
    assert second.rate == 0.0 and not second.worse(confidence=0.95)


def test_a_single_cohort_and_missing_values_are_refused():
    table = utterances({"a": 20, "b": 20})
    with pytest.raises(TableError, match="'region' holds a single cohort"):
        disparities(table[table["region"] == "a"], cohort="region", statistics=QUICK)
    with pytest.raises(TableError, match="row 0: 'region' is missing"):
        disparities(table.assign(region=table["region"].where(table.index > 0)), cohort="region", statistics=QUICK)
    with pytest.raises(TableError, match="did you mean 'region'"):
        disparities(table, cohort="regions", statistics=QUICK)


def test_a_cohort_without_words_is_not_judged_and_does_not_count_among_the_tests():
    table = utterances({"a": 30, "b": 30, "c": 30}, factors={"b": 2.5})
    silence = table["region"] == "c"
    table.loc[silence, "words"] = 0
    for errors in (0, 2):  # a recogniser may hear words in silence
        table.loc[silence, "substitutions"] = errors
        found = {one.cohort: one for one in disparities(table, cohort="region", statistics=QUICK)}
        assert found["c"].rate is None and found["c"].p is None and not found["c"].worse(confidence=0.95)
        spoken = [found["a"], found["b"]]
        assert min(one.p_holm for one in spoken) == min(1.0, 2 * min(one.p for one in spoken))  # Holm over two


def test_a_rest_without_words_judges_nobody():
    table = utterances({"a": 30, "b": 30})
    table.loc[table["region"] == "b", ["words", "substitutions"]] = 0
    assert [one.p for one in disparities(table, cohort="region", statistics=QUICK)] == [None, None]


@pytest.mark.parametrize("both", [1, 5, 8, 30])
def test_speakers_who_err_in_one_cohort_alone_are_judged_by_their_own_other_half(both):
    """Of `both` of 30 speakers 60 % of the words are wrong in noise; in clean speech nobody errs."""
    rows = [
        (f"s{n}", noise, 10, 6 * (noise == "noisy" and n < both), 0, 0)
        for n in range(30)
        for noise in ("clean", "noisy")
    ]
    names = ["speaker_id", "noise", "words", "substitutions", "deletions", "insertions"]
    first, second = disparities(pd.DataFrame(rows, columns=names), cohort="noise", statistics=QUICK)
    assert first.cohort == "noisy" and first.ratio is None and second.ratio == 0.0
    exact = min(1.0, 2 * 0.5**both)  # all who err do so on one side
    assert first.p == pytest.approx(exact, abs=0.02) and second.p == first.p
    assert first.worse(confidence=0.95) == (min(1.0, 2 * exact) <= 0.05) and not second.worse(confidence=0.95)


def test_where_nobody_errs_in_any_of_their_cohorts_nothing_is_found():
    rows = [(f"s{n}", noise, 10, 0, 0, 0) for n in range(30) for noise in ("clean", "noisy")]
    names = ["speaker_id", "noise", "words", "substitutions", "deletions", "insertions"]
    found = disparities(pd.DataFrame(rows, columns=names), cohort="noise", statistics=QUICK)
    assert [one.p for one in found] == [1.0, 1.0] and not any(one.worse(confidence=0.95) for one in found)


def test_a_cohort_on_which_one_speaker_decides_has_neither_interval_nor_test():
    """One of 30 speakers makes nine tenths of the errors of the cohort: without them it is like the rest."""
    rng = np.random.default_rng(5)
    errors = np.concatenate([[300], rng.binomial(40, 0.05, 29), rng.binomial(40, 0.05, 60)])
    table = pd.DataFrame({"speaker_id": [f"s{n}" for n in range(90)], "part": ["a"] * 30 + ["b"] * 60, "words": 40})
    table = table.assign(substitutions=0, deletions=0, insertions=errors)
    for one in disparities(table, cohort="part", statistics=StatisticsParams(resamples=200, permutations=200)):
        assert one.ratio is not None and [one.ratio_interval, one.p, one.p_holm] == [None] * 3
    calm = table.assign(insertions=np.minimum(errors, 6))
    found = disparities(calm, cohort="part", statistics=StatisticsParams(resamples=200, permutations=200))
    assert all(one.ratio_interval is not None and one.p is not None for one in found)


def devices(near: int, far: int, *, speakers: int = 40) -> pd.DataFrame:
    """Four utterances of ten words a speaker, two of each device, all with the same errors on the same device."""
    rows = [
        (f"s{speaker}", device, 10, errors, 0, 0)
        for speaker in range(speakers)
        for device, errors in (("near", near), ("near", near), ("far", far), ("far", far))
    ]
    return pd.DataFrame(rows, columns=["speaker_id", "device", "words", "substitutions", "deletions", "insertions"])


def test_speakers_in_several_cohorts_who_all_have_the_same_ratio_are_tested_by_sign_flips():
    """A regression gives such a ratio no standard error: its p was no number, or 0 after rounding."""
    for one in disparities(devices(1, 1), cohort="device", statistics=QUICK):
        assert (one.ratio, one.p) == (pytest.approx(1.0), 1.0) and not one.worse(confidence=0.95)
    far, near = disparities(devices(1, 2), cohort="device", statistics=QUICK)
    assert far.ratio == pytest.approx(2.0) and far.p == near.p == 1 / (1 + QUICK.permutations)


def test_two_speakers_in_several_cohorts_are_too_few_for_a_regression_and_no_error():
    table = devices(1, 2, speakers=2).assign(substitutions=[1, 2, 3, 3, 0, 1, 4, 3])
    few = QUICK.model_copy(update={"min_speakers": 1, "min_deciding": 1.0})
    # Two swings of the same sign: both of two arrangements are as extreme as one, half of them.
    assert [one.p for one in disparities(table, cohort="device", statistics=few)] == [0.5, 0.5]
