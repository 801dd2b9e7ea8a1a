import json

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging import Document, Grouping, compare
from isogloss.judging.grouping import Ranked
from isogloss.judging.pairing import cohorts_of

QUICK = StatisticsParams(resamples=400, permutations=400)
ERRORS = ["substitutions", "deletions", "insertions"]


def tables(sizes: dict[str, int], *, factors: dict[str, float] | None = None, seed: int = 1, utterances: int = 5):
    """Before, after and assignments; `factors` multiplies the error rate of a cohort after."""
    rng = np.random.default_rng(seed)
    rows = []
    for cohort, size in sizes.items():
        for speaker in range(size):
            rate, weight = 0.15 * rng.gamma(4.0, 0.25), rng.choice([0.5, 2.0])
            for number in range(utterances):
                words = int(rng.integers(3, 12))
                after = rng.poisson(rate * words * (factors or {}).get(cohort, 1.0))
                ids = (f"{cohort}{speaker}-{number}", f"{cohort}{speaker}", cohort, "test", weight, words)
                rows.append((*ids, rng.poisson(rate * words), after))
    names = ["utterance_id", "speaker_id", "cohort", "split", "weight", "words", "e1", "e2"]
    table = pd.DataFrame(rows, columns=names)
    sides = [
        table.drop(columns=["cohort", "e1", "e2"]).assign(substitutions=table[e], deletions=0, insertions=0)
        for e in ("e1", "e2")
    ]
    return *sides, table[["utterance_id", "speaker_id", "cohort"]]


RANKED = {"a": Ranked(1, 0.3), "b": Ranked(2, 0.2), "c": Ranked(3, 0.1)}


def result(before, after, assignments, *, min_speakers=5, discovery=None, **grouping):
    """The document of a rule whose cohorts were ranked on other speakers, who are as many of each cohort."""
    known = {"labels": {"a": "Region A"}, "mitigated": ["a"], "ranked": RANKED, **grouping}
    chosen = cohorts_of(before["utterance_id"], assignments) if discovery is None else discovery[1]
    others = before.assign(speaker_id="d" + before["speaker_id"]) if discovery is None else discovery[0]
    return compare(
        before,
        after,
        [Grouping("geographic", cohorts_of(before["utterance_id"], assignments), chosen=chosen, **known)],
        discovery=others,
        systems=("base", "ewc"),
        statistics=QUICK,
        min_speakers=min_speakers,
        about={"seeds": {"asr": 1}},
    )


def rule(*given, **options):
    return result(*given, **options).groupings[0]


def test_a_document_is_what_its_json_says():
    found = result(*tables({"a": 20, "b": 20}))
    assert Document.model_validate_json(json.dumps(found.content(), allow_nan=False)) == found
    assert [found.task, found.metric, found.systems, found.split] == ["asr", "WER", ["base", "ewc"], "test"]
    assert found.seeds == {"asr": 1} and found.speakers == 40


def test_one_system_has_the_figures_of_the_first_of_two_and_nothing_of_a_second():
    before, after, assignments = tables({"a": 20, "b": 25})
    one, two = (result(before, other, assignments) for other in (None, after))
    assert one.systems == ["base"] and not one.paired
    figures = [[document.overall, *document.groupings[0].cohorts] for document in (one, two)]
    for alone, beside in zip(*figures, strict=True):
        assert (alone.before, alone.before_ci95) == (beside.before, beside.before_ci95)
        assert [alone.after, alone.after_ci95, alone.relative_change, alone.ci95, alone.p] == [None] * 5
    assert one.groupings[0].spread.max.before == two.groupings[0].spread.max.before
    assert one.groupings[0].spread.max.after is None and one.groupings[0].harmed_cohorts == []


def test_figures_by_cohort_agree_with_fairlearn():
    before, after, assignments = tables({"c": 20, "a": 25, "b": 30}, factors={"a": 0.5})
    document = result(before, after, assignments)
    found = document.groupings[0]
    for side, table in (("before", before), ("after", after)):
        frame = MetricFrame(
            metrics=lambda words, errors, weight: (weight * errors).sum() / (weight * words).sum(),
            y_true=table["words"],
            y_pred=table[ERRORS].sum(axis=1),
            sensitive_features=assignments["cohort"],
            sample_params={"weight": table["weight"]},
        )
        ours = {cohort.cohort: getattr(cohort, side) for cohort in found.cohorts}
        assert ours == pytest.approx(frame.by_group.to_dict())
        assert getattr(document.overall, side) == pytest.approx(frame.overall)
        rates = frame.by_group
        assert getattr(found.spread.mean, side) == pytest.approx(rates.mean())
        assert getattr(found.spread.max, side) == pytest.approx(rates.max())
        assert getattr(found.spread.variance, side) == pytest.approx(rates.var(ddof=0))
        assert getattr(found.spread.relative_gap, side) == pytest.approx(rates["a"] / rates["c"] - 1)


def test_cohorts_stand_worst_on_discovery_first_whatever_test_says():
    before, after, assignments = tables({"c": 20, "b": 20, "a": 20}, factors={"c": 3.0})
    found = rule(before, before.assign(substitutions=after["substitutions"]), assignments)
    assert [cohort.cohort for cohort in found.cohorts] == ["a", "b", "c"]
    assert [cohort.discovery for cohort in found.cohorts] == [0.3, 0.2, 0.1]
    assert found.worst_cohort_by_discovery == "a"
    rates = {cohort.cohort: cohort.before for cohort in found.cohorts}
    assert found.worst_cohort_by_test == max(rates, key=rates.get)
    assert [cohort.mitigated for cohort in found.cohorts] == [True, False, False]
    assert [cohort.label for cohort in found.cohorts] == ["Region A", "b", "c"]


def test_a_planted_harm_and_a_planted_gain_are_found():
    found = rule(*tables({"a": 40, "b": 40, "c": 40}, factors={"a": 0.4, "b": 2.0}))
    assert found.harmed_cohorts == ["b"]
    first, second, _ = found.cohorts
    assert first.ci95[1] < 0 < second.ci95[0]
    assert first.p_holm <= 0.05 and second.p_holm <= 0.05
    assert all(0 < cohort.detectable_change < 0.6 for cohort in found.cohorts)  # a planted change of 0.6 was seen


def test_a_cohort_below_the_speakers_of_inference_is_shown_without_it():
    before, after, assignments = tables({"a": 19, "b": 20, "c": 21})
    found = rule(before.assign(weight=2.0), after, assignments)
    small = found.cohorts[0]
    assert small.inference is False and small.before is not None and small.relative_change is not None
    assert [small.before_ci95, small.after_ci95, small.ci95, small.p, small.p_holm] == [None] * 5
    assert all(cohort.inference and cohort.ci95 for cohort in found.cohorts[1:])
    rates = [cohort.before for cohort in found.cohorts[1:]]
    assert found.spread.max.before == max(rates)


def test_where_no_cohort_carries_inference_the_spread_is_shown_without_intervals():
    document = result(*tables({"a": 8, "b": 9}))
    found = document.groupings[0]
    rates = [cohort.before for cohort in found.cohorts]
    assert found.spread.max.before == max(rates)
    assert all(getattr(found.spread, name).ci95 is None for name in ("mean", "max", "variance", "relative_gap"))
    assert found.harmed_cohorts == []
    assert document.overall.p is None


def test_small_cohorts_are_merged_and_appear_nowhere_by_name():
    document = result(*tables({"a": 2, "b": 4, "c": 30}))
    found = document.groupings[0]
    assert [cohort.cohort for cohort in found.cohorts] == ["c", "other"]
    other = found.cohorts[1]
    assert other.speakers == 6 and other.discovery is None and other.mitigated is True
    assert [other.label, other.merged] == ["2 cohorts, merged for privacy", True]
    assert [found.hidden.cohorts, found.hidden.merged] == [2, "other"]
    assert found.cohorts[0].discovery_rank == 3 and found.worst_cohort_by_discovery is None
    assert "Region A" not in json.dumps(document.content())
    assert sum(cohort.words for cohort in found.cohorts) == document.words


def test_identical_systems_change_nothing():
    before, _, assignments = tables({"a": 40, "b": 40})
    document = result(before, before, assignments)
    found = document.groupings[0]
    assert document.overall.ci95 == (0.0, 0.0) and document.overall.p == 1.0
    assert all(cohort.relative_change == 0.0 and cohort.p_holm == 1.0 for cohort in found.cohorts)
    assert found.spread.variance.ci95 == (0.0, 0.0)


def test_a_cohort_without_errors_has_no_relative_change():
    before, after, assignments = tables({"a": 40, "b": 40})
    clean = before.assign(substitutions=before["substitutions"].where(assignments["cohort"] != "b", 0))
    found = rule(clean, after, assignments)
    cohort = found.cohorts[1]
    assert cohort.before == 0.0 and cohort.before_ci95 is None
    assert cohort.relative_change is None and cohort.ci95 is None and cohort.p is not None
    assert found.spread.relative_gap.before is None


def test_speakers_who_appear_in_several_cohorts_are_drawn_with_all_their_utterances():
    before, after, assignments = tables({"a": 90}, utterances=6)
    crossed = assignments.assign(cohort=np.where(assignments.index % 2 == 0, "a", "b"))
    found = rule(before, after, crossed, min_speakers=1)
    assert found.speakers == 90 and [cohort.speakers for cohort in found.cohorts] == [90, 90]
    assert found.spread.mean.ci95 is not None


def test_the_order_of_rows_changes_nothing():
    before, after, assignments = tables({"a": 20, "b": 20, "c": 20})
    mixed = before.sample(frac=1, random_state=1).reset_index(drop=True)
    found = result(mixed, after.sample(frac=1, random_state=2), assignments)
    assert similar(found.content(), result(before, after, assignments).content())


def similar(one, other):
    """Whether two contents are the same but for the last digits, which depend on the order in which is added up."""
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-9, abs=1e-12)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(similar(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(similar, one, other))
    return one == other


def test_a_single_cohort_and_a_single_speaker_are_no_failure():
    alone = rule(*tables({"a": 30}))
    assert [cohort.cohort for cohort in alone.cohorts] == ["a"]
    assert alone.spread.relative_gap.before is None
    one = result(*tables({"a": 1}), min_speakers=1)
    assert one.speakers == 1 and one.overall.ci95 is None


def test_where_all_cohorts_are_small_only_the_whole_is_shown():
    document = result(*tables({"a": 2, "b": 3, "c": 4}))
    found = document.groupings[0]
    assert found.cohorts == [] and "too small" in found.withheld and found.found == 3
    assert document.speakers == 9 and document.overall.before is not None
    assert found.worst_cohort_by_discovery is None and found.spread is None


def test_ids_that_differ_are_counted_and_three_are_shown():
    before, after, assignments = tables({"a": 20, "b": 20})
    with pytest.raises(TableError, match=r"5 utterance ids differ: 5 only before, 0 only after \(a0-0, a0-1, a0-2, "):
        result(before, after.iloc[5:], assignments)


def test_tables_that_do_not_fit_together_are_refused():
    before, after, assignments = tables({"a": 20, "b": 20})
    with pytest.raises(TableError, match="1 utterances have another number of reference words"):
        result(before, after.assign(words=[99, *after["words"][1:]]), assignments)
    with pytest.raises(TableError, match="another speaker"):
        result(before, after.assign(speaker_id="x"), assignments)
    with pytest.raises(TableError, match=r"2 of 200 utterances have no cohort in the assignments \(a0-0, a0-1\)"):
        result(before, after, assignments.iloc[2:])
    with pytest.raises(TableError, match="the table after: 1 utterance ids occur twice"):
        result(before, pd.concat([after, after.iloc[:1]]), assignments)
    with pytest.raises(TableError, match="the table before has no utterance"):
        result(before.iloc[:0], after, assignments)


def test_a_cohort_without_reference_words_carries_no_inference():
    before, after, assignments = tables({"a": 30, "b": 30, "c": 30}, factors={"b": 2.0})
    silence = assignments["cohort"] == "c"
    sides = [side.assign(words=side["words"].where(~silence, 0)) for side in (before, after)]
    found = rule(*sides, assignments, ranked={**RANKED, "c": Ranked(3)})
    spoken, quiet = found.cohorts[:2], found.cohorts[2]
    assert quiet.before is None and not quiet.inference and quiet.p is None and quiet.p_holm is None
    alone = rule(*(side[~silence] for side in sides), assignments)
    assert [c.p_holm for c in spoken] == [c.p_holm for c in alone.cohorts]
