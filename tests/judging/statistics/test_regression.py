import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from isogloss.errors import TableError
from isogloss.judging.statistics import poisson_effects
from isogloss.judging.word_errors import error_rates


def utterances(speakers: int, seed: int, *, effect: float = 1.0, noise: float = 0.0) -> pd.DataFrame:
    """Utterances of speakers in cohorts a and b; b errs `effect` times as often, and is recorded in more noise."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), 6)
    cohort = np.where(speaker % 2 == 0, "a", "b")
    rate = 0.1 * rng.gamma(4.0, 0.25, speakers)[speaker] * np.where(cohort == "b", effect, 1.0)
    level = rng.normal(np.where(cohort == "b", 1.0, 0.0))
    words = rng.integers(3, 12, speaker.size)
    return pd.DataFrame(
        {
            "speaker_id": [f"s{i:03}" for i in speaker],
            "cohort": cohort,
            "noise": level,
            "words": words,
            "substitutions": rng.poisson(rate * np.exp(noise * level) * words),
            "deletions": 0,
            "insertions": 0,
            "weight": rng.choice([0.5, 1.5], speakers)[speaker],
        }
    )


def test_without_covariates_the_effect_is_the_ratio_of_weighted_error_rates():
    table = utterances(40, 1, effect=1.6)
    rates = error_rates(table, "cohort")["error_rate"]
    (effect,) = poisson_effects(table, cohort="cohort", reference="a")
    assert effect.cohort == "b" and effect.ratio == pytest.approx(rates["b"] / rates["a"])
    assert effect.low < effect.ratio < effect.high


def test_many_speakers_agree_with_a_cluster_robust_poisson_regression():
    table = utterances(1200, 2, effect=1.2).assign(weight=1.0)
    (effect,) = poisson_effects(table, cohort="cohort", reference="a")
    design = sm.add_constant((table["cohort"] == "b").to_numpy(float))
    theirs = sm.GLM(table["substitutions"], design, family=sm.families.Poisson(), offset=np.log(table["words"])).fit(
        cov_type="cluster", cov_kwds={"groups": table["speaker_id"].to_numpy()}
    )
    low, high = np.exp(theirs.conf_int().to_numpy()[1])
    assert effect.ratio == pytest.approx(np.exp(theirs.params.iloc[1]))
    assert (effect.low, effect.high) == pytest.approx((low, high), rel=5e-3)


def their_effect(table: pd.DataFrame, covariates: list[str]) -> tuple[float, float]:
    """Coefficient and standard error of cohort b by statsmodels' generalised estimating equations."""
    rows = table.groupby(["speaker_id", "cohort", *covariates], as_index=False)[["substitutions", "words"]].sum()
    design = np.column_stack([np.ones(len(rows)), rows["cohort"] == "b", *(rows[name] for name in covariates)])
    model = sm.GEE(
        rows["substitutions"].to_numpy(), design.astype(float), groups=rows["speaker_id"].to_numpy(),
        family=sm.families.Poisson(), offset=np.log(rows["words"].to_numpy()),
    )  # fmt: skip
    fit = model.fit(cov_type="bias_reduced")
    return fit.params[1], fit.bse[1]


@pytest.mark.parametrize("covariates", [[], ["noise"]])
@pytest.mark.parametrize("moving", [False, True])
def test_few_speakers_agree_with_the_bias_reduced_estimating_equations_of_statsmodels(covariates, moving):
    table = utterances(14, 6, effect=1.5, noise=0.3).assign(weight=1.0)
    if moving:  # every speaker has utterances in both cohorts
        table["cohort"] = np.tile(["a", "b"], len(table) // 2)
    (effect,) = poisson_effects(table, cohort="cohort", reference="a", covariates=covariates)
    value, error = their_effect(table, covariates)
    assert np.log(effect.ratio) == pytest.approx(value, abs=1e-6)
    reach = stats.t.ppf(0.975, 14 - 2 - len(covariates)) * error
    assert np.log([effect.low, effect.high]) == pytest.approx([value - reach, value + reach], rel=1e-5)


def test_a_covariate_takes_the_blame_that_is_its_own():
    table = utterances(300, 3, effect=1.0, noise=0.7)
    (plain,) = poisson_effects(table, cohort="cohort", reference="a")
    (adjusted,) = poisson_effects(table, cohort="cohort", reference="a", covariates=["noise"])
    assert plain.low > 1.3
    assert adjusted.low < 1.0 < adjusted.high


def test_equal_cohorts_are_told_apart_as_often_as_announced():
    found = [poisson_effects(utterances(24, seed), cohort="cohort")[0].p <= 0.05 for seed in range(60)]
    assert np.mean(found) < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 60)


def test_a_single_cohort_or_one_without_error_is_refused():
    table = utterances(20, 4)
    with pytest.raises(TableError, match="a single cohort"):
        poisson_effects(table[table["cohort"] == "a"], cohort="cohort")
    table.loc[table["cohort"] == "b", "substitutions"] = 0
    with pytest.raises(TableError, match="cohort 'b' has no error"):
        poisson_effects(table, cohort="cohort")


def test_unknown_references_and_missing_values_are_refused():
    table = utterances(20, 5)
    with pytest.raises(TableError, match="reference 'c' is no value of 'cohort'; it has a, b"):
        poisson_effects(table, cohort="cohort", reference="c")
    table.loc[7, "noise"] = np.nan
    with pytest.raises(TableError, match="row 7: 'noise' is missing"):
        poisson_effects(table, cohort="cohort", covariates=["noise"])
    with pytest.raises(TableError, match="speakers cannot carry"):
        poisson_effects(table[table["speaker_id"] < "s002"], cohort="cohort")


def test_a_regression_that_the_data_cannot_carry_is_refused():
    table = utterances(20, 6)
    with pytest.raises(TableError, match="has no solution: a covariate is constant"):
        poisson_effects(table.assign(noise=3.0), cohort="cohort", covariates=["noise"])
    lonely = table.assign(device=np.where(table["speaker_id"] == "s004", "phone", "headset"))
    with pytest.raises(TableError, match=r"one speaker \(s004\) alone decides"):
        poisson_effects(lonely, cohort="cohort", covariates=["device"])
