import json

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging.fairness import compare

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


def result(before, after, assignments, **changes):
    options = {
        "system": "ewc",
        "rule": "geographic",
        "statistics": QUICK,
        "min_speakers_shown": 5,
        "labels": {"a": "Region A"},
        "mitigated": ["a"],
        "discovery": {"a": {"wer": 0.3, "rank": 1}, "b": {"wer": 0.2, "rank": 2}, "c": {"wer": 0.1, "rank": 3}},
        "seeds": {"asr": 1},
    }
    return compare(before, after, assignments, **(options | changes))


def test_the_keys_are_those_of_the_format():
    found = result(*tables({"a": 20, "b": 20}))
    assert list(found) == [
        "task", "system", "baseline", "rule", "split", "metric", "unit", "speakers", "utterances", "words",
        "confidence", "overall", "cohorts", "spread", "worst_cohort_by_discovery", "worst_cohort_by_test",
        "harmed_cohorts", "suppressed", "seeds", "test",
    ]  # fmt: skip
    assert list(found["overall"]) == [
        "before", "before_ci95", "after", "after_ci95", "relative_change", "ci95", "p",
    ]  # fmt: skip
    assert list(found["cohorts"][0]) == [
        "cohort", "label", "mitigated", "speakers", "utterances", "words", "discovery_rank", "discovery", "before",
        "before_ci95", "after", "after_ci95", "relative_change", "ci95", "p", "p_holm", "inference",
    ]  # fmt: skip
    assert list(found["spread"]) == ["mean", "max", "variance", "relative_gap"]
    assert list(found["spread"]["max"]) == ["before", "after", "relative_change", "ci95"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_figures_by_cohort_agree_with_fairlearn():
    before, after, assignments = tables({"c": 20, "a": 25, "b": 30}, factors={"a": 0.5})
    found = result(before, after, assignments)
    for side, table in (("before", before), ("after", after)):
        frame = MetricFrame(
            metrics=lambda words, errors, weight: (weight * errors).sum() / (weight * words).sum(),
            y_true=table["words"],
            y_pred=table[ERRORS].sum(axis=1),
            sensitive_features=assignments["cohort"],
            sample_params={"weight": table["weight"]},
        )
        ours = {cohort["cohort"]: cohort[side] for cohort in found["cohorts"]}
        assert ours == pytest.approx(frame.by_group.to_dict())
        assert found["overall"][side] == pytest.approx(frame.overall)
        rates = frame.by_group
        assert found["spread"]["mean"][side] == pytest.approx(rates.mean())
        assert found["spread"]["max"][side] == pytest.approx(rates.max())
        assert found["spread"]["variance"][side] == pytest.approx(rates.var(ddof=0))
        assert found["spread"]["relative_gap"][side] == pytest.approx(rates["a"] / rates["c"] - 1)


def test_cohorts_stand_worst_on_discovery_first_whatever_test_says():
    before, after, assignments = tables({"c": 20, "b": 20, "a": 20}, factors={"c": 3.0})
    found = result(before, before.assign(substitutions=after["substitutions"]), assignments)
    assert [cohort["cohort"] for cohort in found["cohorts"]] == ["a", "b", "c"]
    assert [cohort["discovery"] for cohort in found["cohorts"]] == [0.3, 0.2, 0.1]
    assert found["worst_cohort_by_discovery"] == "a"
    rates = {cohort["cohort"]: cohort["before"] for cohort in found["cohorts"]}
    assert found["worst_cohort_by_test"] == max(rates, key=rates.get)
    assert [cohort["mitigated"] for cohort in found["cohorts"]] == [True, False, False]
    assert [cohort["label"] for cohort in found["cohorts"]] == ["Region A", "b", "c"]


def test_a_planted_harm_and_a_planted_gain_are_found():
    found = result(*tables({"a": 40, "b": 40, "c": 40}, factors={"a": 0.4, "b": 2.0}))
    assert found["harmed_cohorts"] == ["b"]
    first, second, _ = found["cohorts"]
    assert first["ci95"][1] < 0 < second["ci95"][0]
    assert first["p_holm"] <= 0.05 and second["p_holm"] <= 0.05


def test_a_cohort_below_the_speakers_of_inference_is_shown_without_it():
    found = result(*tables({"a": 19, "b": 20, "c": 21}))
    small = found["cohorts"][0]
    assert small["inference"] is False and small["before"] is not None and small["relative_change"] is not None
    assert [small[key] for key in ("before_ci95", "after_ci95", "ci95", "p", "p_holm")] == [None] * 5
    assert all(cohort["inference"] and cohort["ci95"] for cohort in found["cohorts"][1:])
    rates = [cohort["before"] for cohort in found["cohorts"][1:]]
    assert found["spread"]["max"]["before"] == max(rates)


def test_where_no_cohort_carries_inference_the_spread_is_shown_without_intervals():
    found = result(*tables({"a": 8, "b": 9}))
    rates = [cohort["before"] for cohort in found["cohorts"]]
    assert found["spread"]["max"]["before"] == max(rates)
    assert all(measure["ci95"] is None for measure in found["spread"].values())
    assert found["harmed_cohorts"] == []
    assert found["overall"]["p"] is None


def test_small_cohorts_are_merged_and_appear_nowhere_by_name():
    found = result(*tables({"a": 2, "b": 4, "c": 30}))
    assert [cohort["cohort"] for cohort in found["cohorts"]] == ["c", "other"]
    other = found["cohorts"][1]
    assert other["speakers"] == 6 and other["discovery"] is None and other["mitigated"] is True
    assert found["suppressed"] == {"cohorts": 2, "speakers": 6}
    assert found["cohorts"][0]["discovery_rank"] == 3 and found["worst_cohort_by_discovery"] is None
    assert "Region A" not in json.dumps(found)
    assert sum(cohort["words"] for cohort in found["cohorts"]) == found["words"]


def test_identical_systems_change_nothing():
    before, _, assignments = tables({"a": 20, "b": 20})
    found = result(before, before, assignments)
    assert found["overall"]["ci95"] == [0.0, 0.0] and found["overall"]["p"] == 1.0
    assert all(cohort["relative_change"] == 0.0 and cohort["p_holm"] == 1.0 for cohort in found["cohorts"])
    assert found["spread"]["variance"]["ci95"] == [0.0, 0.0]


def test_a_cohort_without_errors_has_no_relative_change():
    before, after, assignments = tables({"a": 20, "b": 20})
    clean = before.assign(substitutions=before["substitutions"].where(assignments["cohort"] != "b", 0))
    found = result(clean, after, assignments)
    cohort = found["cohorts"][1]
    assert cohort["before"] == 0.0 and cohort["before_ci95"] is None
    assert cohort["relative_change"] is None and cohort["ci95"] is None and cohort["p"] is not None
    assert found["spread"]["relative_gap"]["before"] is None
    json.dumps(found, allow_nan=False)


def test_speakers_who_appear_in_several_cohorts_are_drawn_with_all_their_utterances():
    before, after, assignments = tables({"a": 40}, utterances=6)
    crossed = assignments.assign(cohort=np.where(assignments.index % 2 == 0, "a", "b"))
    found = result(before, after, crossed)
    assert found["speakers"] == 40 and [cohort["speakers"] for cohort in found["cohorts"]] == [40, 40]
    assert found["spread"]["mean"]["ci95"] is not None


def test_the_order_of_rows_and_other_splits_change_nothing():
    before, after, assignments = tables({"a": 20, "b": 20, "c": 20})
    wanted = result(before, after, assignments)
    more = before.assign(split="dev", utterance_id="d" + before["utterance_id"])
    shuffled = pd.concat([more, before]).sample(frac=1, random_state=1)
    assert result(shuffled, after.sample(frac=1, random_state=2), assignments) == wanted


def test_a_single_cohort_and_a_single_speaker_are_no_failure():
    alone = result(*tables({"a": 30}))
    assert [cohort["cohort"] for cohort in alone["cohorts"]] == ["a"]
    assert alone["spread"]["relative_gap"]["before"] is None
    one = result(*tables({"a": 1}))
    assert one["speakers"] == 1 and one["overall"]["ci95"] is None


def test_where_all_cohorts_are_small_only_the_whole_is_shown():
    found = result(*tables({"a": 2, "b": 3, "c": 4}))
    assert [cohort["cohort"] for cohort in found["cohorts"]] == ["other"]
    assert all(cohort["speakers"] >= 5 for cohort in found["cohorts"])
    assert found["worst_cohort_by_discovery"] is None


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
    with pytest.raises(TableError, match=r"2 of 200 utterances have no cohort \(a0-0, a0-1\)"):
        result(before, after, assignments.iloc[2:])
    with pytest.raises(TableError, match="the table after: 1 utterance ids occur twice"):
        result(before, pd.concat([after, after.iloc[:1]]), assignments)
    with pytest.raises(TableError, match="no utterance of split test"):
        result(before.assign(split="dev"), after, assignments)


def test_a_cohort_without_reference_words_carries_no_inference():
    before, after, assignments = tables({"a": 30, "b": 30, "c": 30}, factors={"b": 2.0})
    silence = assignments["cohort"] == "c"
    sides = [side.assign(words=side["words"].where(~silence, 0)) for side in (before, after)]
    found = result(*sides, assignments)
    spoken, quiet = found["cohorts"][:2], found["cohorts"][2]
    assert quiet["before"] is None and not quiet["inference"] and quiet["p"] is None and quiet["p_holm"] is None
    alone = result(*(side[~silence] for side in sides), assignments)
    assert [c["p_holm"] for c in spoken] == [c["p_holm"] for c in alone["cohorts"]]
