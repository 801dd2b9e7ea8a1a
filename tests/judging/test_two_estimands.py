"""Both estimands stand in every document, each as if it had been asked for alone; effective speakers decide."""

import numpy as np
import pandas as pd
import pytest

from isogloss.config import StatisticsParams
from isogloss.judging import Grouping, compare
from isogloss.judging.statistics import effective_speakers

QUICK = StatisticsParams(resamples=300, permutations=300)


def cohort(name: str, rows: list[tuple[int, float, float, float]], rng: np.random.Generator) -> list[dict]:
    """Speakers of a cohort: (how many, weight, error rate before, after); three utterances of ten words each."""
    table = []
    for part, (speakers, weight, before, after) in enumerate(rows):
        for speaker in range(speakers):
            for number in range(3):
                identity = {"speaker_id": f"{name}{part}-{speaker}", "utterance_id": f"{name}{part}-{speaker}-{number}"}
                errors = {"before": rng.binomial(10, before), "after": rng.binomial(10, after)}
                table.append({**identity, "cohort": name, "weight": weight, "words": 10, **errors})
    return table


@pytest.fixture
def tables():
    """A worst cohort whose ten heavy speakers err little and lose, and whose light ones err much and gain."""
    rng = np.random.default_rng(3)
    rows = cohort("worst", [(10, 1.63, 0.06, 0.08), (26, 0.2, 0.54, 0.3)], rng)
    rows += cohort("rest", [(60, 1.0, 0.1, 0.1)], rng)
    table = pd.DataFrame(rows)
    return table, *(
        table[["utterance_id", "speaker_id", "weight", "words"]].assign(
            substitutions=table[side], deletions=0, insertions=0
        )
        for side in ("before", "after")
    )


def judged(tables, *, weight=None, **statistics):
    """The document of the two systems."""
    table, before, after = tables
    sides = [side if weight is None else side.assign(weight=weight) for side in (before, after)]
    return compare(
        *sides,
        [Grouping("region", table["cohort"])],
        statistics=QUICK.model_copy(update=statistics),
        min_speakers=5,
    )


def figures(rates) -> dict:
    """What an estimand says, without its counterpart."""
    return rates.model_dump(exclude={"other", "min_dcf", "kinds"})


def test_the_other_estimand_is_what_a_table_without_weights_gives(tables):
    weighted, alike = judged(tables), judged(tables, weight=1.0)
    assert weighted.weighted and not alike.weighted
    assert weighted.estimand == "population"
    assert figures(weighted.overall.other) == figures(alike.overall)
    for name in ("worst", "rest"):
        plain = alike.groupings[0].cohort(name)
        assert weighted.groupings[0].cohort(name).other == plain.other
        assert figures(plain.other).items() <= figures(plain).items()
    assert weighted.groupings[0].other_spread == alike.groupings[0].spread


def test_the_primary_estimand_is_a_param(tables):
    population, speakers = judged(tables), judged(tables, estimand="speakers")
    assert speakers.estimand == "speakers"
    assert figures(speakers.overall) == figures(population.overall.other)
    assert figures(speakers.overall.other) == figures(population.overall)
    first, second = (document.groupings[0].cohort("worst") for document in (population, speakers))
    assert figures(second).items() >= figures(first.other).items()
    assert speakers.groupings[0].spread == population.groupings[0].other_spread


def test_the_rates_are_ratios_of_sums_with_and_without_weights(tables):
    table, before, _ = tables
    of_worst = table["cohort"] == "worst"
    errors, words, weight = (before.loc[of_worst, name] for name in ("substitutions", "words", "weight"))
    found = judged(tables).groupings[0].cohort("worst")
    assert found.before == pytest.approx((errors * weight).sum() / (words * weight).sum())
    assert found.other.before == pytest.approx(errors.sum() / words.sum())


def test_effective_speakers_decide_on_inference_and_not_heads(tables):
    """36 speakers, of whom 10 carry 76 % of the weight, are 16.7 effective ones: too few for 20; alike they are 36."""
    found = judged(tables).groupings[0].cohort("worst")
    assert found.speakers == 36 and found.effective_speakers == pytest.approx(16.74, abs=0.01)
    assert not found.inference and found.ci95 is None and found.p is None and found.harm_bound is None
    assert found.other.effective_speakers == 36 and found.other.inference
    assert found.other.ci95[1] < 0 and found.other.p_holm < 0.05, "the light speakers gained, and it shows"


def test_the_harm_that_is_excluded_is_the_upper_end_of_the_interval(tables):
    found = judged(tables).groupings[0].cohort("rest")
    assert found.harm_bound == found.ci95[1]
    for margin, expected in ((found.harm_bound + 0.01, True), (found.harm_bound - 0.01, False)):
        document = judged(tables, margin=margin)
        assert document.margin == margin and document.groupings[0].cohort("rest").noninferior is expected


def test_effective_speakers_are_kish_s_number():
    rng = np.random.default_rng(0)
    weights = rng.gamma(0.5, 2.0, 300)
    values = rng.normal(size=(4000, 300))
    variance = ((values @ weights) / weights.sum()).var()
    assert effective_speakers(weights) == pytest.approx(1 / variance, rel=0.1)
    assert effective_speakers(np.full(7, 0.3)) == 7.0 and effective_speakers([]) == 0.0
