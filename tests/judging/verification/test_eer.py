"""The document of verification: figures against direct counts, cohorts that cannot be measured, small ones merged."""

import json

import numpy as np
import pandas as pd
import pytest

from isogloss.config import StatisticsParams
from isogloss.errors import TableError
from isogloss.judging import Grouping
from isogloss.judging import compare as judge
from isogloss.judging.grouping import Ranked
from isogloss.judging.verification import equal_error_rate, min_dcf
from isogloss.judging.verification.study import sides_of

STATISTICS = StatisticsParams(resamples=200, min_speakers=10)


def compare(table, *, statistics=STATISTICS, weights=None, min_speakers=5, ranked=None):
    """The document of two verifiers, and on the same level its one grouping, by gender."""
    sides = sides_of(table, "gender")
    chosen = None if ranked is None else sides
    document = judge(
        table.assign(score=table["score_before"]),
        table,
        [Grouping("gender", sides, chosen=chosen, ranked=ranked or {})],
        statistics=statistics,
        weights=weights,
        min_speakers=min_speakers,
    ).content()
    json.dumps(document, allow_nan=False)
    return {**document.pop("groupings")[0], **document}


@pytest.fixture
def compared(simulate):
    table = simulate(speakers=40)
    return table.assign(score_before=table["score"] - 0.5 * table["target"] * (table["enrol_gender"] == "a"))


def test_figures_are_those_of_trials_within_the_cohort(compared):
    result = compare(compared)
    assert result["overall"]["before"] == pytest.approx(equal_error_rate(compared["score_before"], compared["target"]))
    for cohort in result["cohorts"]:
        rows = compared[(compared["enrol_gender"] == cohort["cohort"]) & (compared["test_gender"] == cohort["cohort"])]
        assert cohort["speakers"] == 20
        assert cohort["targets"] == rows["target"].sum() == 120
        assert cohort["nontargets"] == 190
        assert cohort["before"] == pytest.approx(equal_error_rate(rows["score_before"], rows["target"]))
        assert cohort["after"] == pytest.approx(equal_error_rate(rows["score"], rows["target"]))
    eers = {side: [c[side] for c in result["cohorts"]] for side in ("before", "after")}
    spread = result["spread"]
    assert spread["standard_deviation"]["before"] == pytest.approx(np.std(eers["before"]))
    assert spread["gap"]["before"] == pytest.approx(abs(np.diff(eers["before"])[0]))
    assert spread["gap"]["change"] == pytest.approx(spread["gap"]["after"] - spread["gap"]["before"])
    a, b = result["cohorts"]
    assert a["relative_change"] < 0
    assert a["ci95"][1] < 0
    assert a["p_holm"] < 0.05
    assert b["ci95"] == [0.0, 0.0]
    assert result["worst_cohort_by_test"] == "a"
    assert result["harmed_cohorts"] == []


def test_one_verifier_has_the_figures_of_the_first_of_two_and_nothing_of_a_second(compared):
    first = compared.assign(score=compared["score_before"])
    grouping = Grouping("gender", sides_of(first, "gender"))
    one, two = (judge(first, other, [grouping], statistics=STATISTICS, min_speakers=5) for other in (None, compared))
    pairs = zip([one.overall, *one.groupings[0].cohorts], [two.overall, *two.groupings[0].cohorts], strict=True)
    for alone, beside in pairs:
        assert alone.before == beside.before and alone.before_ci95 == pytest.approx(beside.before_ci95, rel=0.1)
        assert [alone.after, alone.after_ci95, alone.relative_change, alone.ci95, alone.p] == [None] * 5
    assert one.groupings[0].spread.gap.before == two.groupings[0].spread.gap.before
    assert one.groupings[0].spread.gap.after is None and set(one.thresholds) == {"before"}
    assert all(cohort.at_threshold.after is None for cohort in one.groupings[0].cohorts)


def logit(share):
    return np.log(share) - np.log1p(-np.asarray(share))


def rates_in_draws(rows, accepted, draws, rng):
    """FAR and FRR where speakers are drawn with replacement, by the definition: a target once, a non-target twice."""
    names = sorted(set(rows["enrol_speaker"]) | set(rows["test_speaker"]))
    enrol, test = (rows[f"{side}_speaker"].map(names.index).to_numpy() for side in ("enrol", "test"))
    target, result = rows["target"].to_numpy(), []
    for _ in range(draws):
        counts = np.bincount(rng.integers(len(names), size=len(names)), minlength=len(names))
        weights = np.where(target, counts[enrol], counts[enrol] * counts[test])
        far = weights[accepted & ~target].sum() / weights[~target].sum()
        result.append((far, weights[~accepted & target].sum() / weights[target].sum()))
    return np.array(result)


def test_rates_at_the_threshold_have_intervals_as_long_as_drawing_speakers_says(simulate):
    table = simulate(speakers=120, shift=1.5)
    alike = dict(zip(sorted(set(table["enrol_speaker"])), np.random.default_rng(4).normal(size=120), strict=True))
    pull = table["enrol_speaker"].map(alike) + table["test_speaker"].map(alike)
    table["score"] += 0.5 * pull * ~table["target"]
    result = compare(table.assign(score_before=table["score"] - 0.3 * table["target"]))
    for side, column in (("before", table["score"] - 0.3 * table["target"]), ("after", table["score"])):
        for cohort in result["cohorts"]:
            rows = (table["enrol_gender"] == cohort["cohort"]) & (table["test_gender"] == cohort["cohort"])
            accepted = (column >= result["thresholds"][side])[rows].to_numpy()
            target, at = table["target"][rows].to_numpy(), cohort["at_threshold"][side]
            assert at["far"] == pytest.approx(accepted[~target].mean())
            assert at["frr"] == pytest.approx((~accepted)[target].mean())
            drawn = rates_in_draws(table[rows], accepted, 400, np.random.default_rng(0))
            for place, rate in enumerate(("far", "frr")):
                low, high = logit(at[f"{rate}_ci95"])
                assert low < logit(at[rate]) < high
                assert (low + high) / 2 == pytest.approx(logit(at[rate]))
                assert high - low == pytest.approx(2 * 1.96 * logit(drawn[:, place]).std(), rel=0.25)


def test_the_interval_of_a_rate_stays_between_nothing_and_all(simulate):
    table = simulate(speakers=24, shift=4.0)
    bad = (table["enrol_gender"] == "a") & table["target"]
    table["score"] -= 6.0 * bad
    frr = compare(table.assign(score_before=table["score"]))["cohorts"][0]["at_threshold"]["after"]
    assert frr["frr"] > 0.5
    assert 0 < frr["frr_ci95"][0] < frr["frr"] < frr["frr_ci95"][1] < 1


def test_a_rate_of_zero_has_no_interval_and_neither_has_a_cohort_without_inference(compared):
    easy = compared["target"] & (compared["enrol_gender"] == "b")
    table = compared.assign(score=compared["score"] + 50.0 * easy)
    a, b = compare(table)["cohorts"]
    assert a["at_threshold"]["after"]["frr_ci95"] is not None
    assert b["at_threshold"]["after"]["frr"] == 0
    assert b["at_threshold"]["after"]["frr_ci95"] is None
    assert b["at_threshold"]["before"]["frr_ci95"] is not None
    for cohort in compare(table, statistics=STATISTICS.model_copy(update={"min_speakers": 30}))["cohorts"]:
        for at in cohort["at_threshold"].values():
            assert at["far_ci95"] is None and at["frr_ci95"] is None


def test_a_cohort_without_nontargets_is_not_measurable_and_not_zero(compared):
    lonely = compared["enrol_speaker"] == "s000"
    table = compared.copy()
    for side in ("enrol", "test"):
        table.loc[table[f"{side}_speaker"] == "s000", f"{side}_gender"] = "c"
    result = compare(table, min_speakers=1)
    assert lonely.any()
    (cohort,) = [c for c in result["cohorts"] if c["cohort"] == "c"]
    assert result["not_measurable"] == ["c"]
    assert cohort["before"] is None
    assert cohort["after"] is None
    assert cohort["nontargets"] == 0
    assert not cohort["measurable"]
    assert "c" not in result["spread"]["cohorts"]


def test_small_cohorts_are_merged(compared):
    table = compared.copy()
    for name, speakers in (("c", ["s000", "s001"]), ("d", ["s002", "s003"])):
        for side in ("enrol", "test"):
            table.loc[table[f"{side}_speaker"].isin(speakers), f"{side}_gender"] = name
    result = compare(table, min_speakers=3)
    assert "c" not in json.dumps([c["cohort"] for c in result["cohorts"]])
    merged = next(c for c in result["cohorts"] if c["cohort"] == "other")
    assert merged["speakers"] == 4


def test_cohorts_are_ranked_by_their_errors_on_discovery(compared):
    result = compare(compared, ranked={"a": Ranked(2), "b": Ranked(1)})
    assert [c["cohort"] for c in result["cohorts"]] == ["b", "a"]
    assert [c["discovery_rank"] for c in result["cohorts"]] == [1, 2]
    assert result["worst_cohort_by_discovery"] == "b"
    b, a = result["cohorts"]
    assert result["spread"]["relative_gap"]["before"] == pytest.approx(b["before"] / a["before"] - 1)


def test_few_speakers_carry_no_inference(compared):
    result = compare(compared, statistics=STATISTICS.model_copy(update={"min_speakers": 30}))
    assert all(c["ci95"] is None and c["p_holm"] is None and not c["inference"] for c in result["cohorts"])
    assert result["overall"]["ci95"] is not None


@pytest.mark.parametrize("kind", [True, False])
def test_speakers_without_targets_or_without_nontargets_carry_no_inference(compared, kind):
    """Of the twenty speakers of `a` nine have targets, or non-targets among themselves: fewer than the ten it takes."""
    kept = [f"s{number:03d}" for number in range(9)]
    others = ~(compared["enrol_speaker"].isin(kept) & compared["test_speaker"].isin(kept))
    within = (compared["enrol_gender"] == "a") & (compared["test_gender"] == "a")
    result = compare(compared[~(within & others & (compared["target"] == kind))].reset_index(drop=True))
    a, b = sorted(result["cohorts"], key=lambda one: one["cohort"])
    assert a["speakers"] == 20 and a["before"] is not None and not a["inference"]
    assert [a["ci95"], a["before_ci95"], a["p"], a["at_threshold"]["before"]["frr_ci95"]] == [None] * 4
    assert b["inference"] and b["ci95"] is not None and result["overall"]["ci95"] is not None


@pytest.mark.parametrize(("speakers", "judged"), [(39, []), (40, ["0.05"]), (99, ["0.05"]), (100, ["0.01", "0.05"])])
def test_detection_costs_have_intervals_where_they_hold(simulate, speakers, judged):
    table = simulate(speakers=speakers, shift=3.0)
    table = table.assign(score_before=table["score"] - 0.5 * table["target"])
    overall = compare(table)["overall"]
    assert overall["ci95"] is not None
    for p, cost in overall["min_dcf"].items():
        assert (cost["ci95"] is not None) == (p in judged)
        for side, column in (("before", "score_before"), ("after", "score")):
            assert cost[side] == pytest.approx(min_dcf(table[column], table["target"], p_target=float(p)))
            bounds = cost[f"{side}_ci95"]
            assert (bounds is not None) == (p in judged)
            assert bounds is None or bounds[0] < cost[side] < bounds[1]
    strict = STATISTICS.model_copy(update={"min_speakers": 101})
    assert all(cost["ci95"] is None for cost in compare(table, statistics=strict)["overall"]["min_dcf"].values())


def test_missing_groups_are_unspecified(compared):
    table = compared.copy()
    for side in ("enrol", "test"):
        table.loc[table[f"{side}_gender"] == "b", f"{side}_gender"] = None
    assert [c["cohort"] for c in compare(table)["cohorts"]] == ["a", "unspecified"]


def test_scores_before_that_are_not_finite_are_one_sentence(compared):
    table = compared.assign(score_before=np.nan)
    with pytest.raises(TableError, match="row 0 has the score nan"):
        compare(table)


def test_a_list_of_targets_alone_is_refused(compared):
    with pytest.raises(TableError, match="needs both"):
        compare(compared[compared["target"]])


def test_population_weights_move_the_figures(compared):
    names = sorted(set(compared["enrol_speaker"]))
    weights = pd.Series(np.where(np.arange(40) < 20, 5.0, 1.0), index=names)
    weighted, plain = compare(compared, weights=weights), compare(compared)
    assert weighted["overall"]["before"] > plain["overall"]["before"]
    for one, other in zip(weighted["cohorts"], plain["cohorts"], strict=True):
        assert one["before"] == pytest.approx(other["before"])


def test_the_merged_cohort_is_shown_but_neither_judged_nor_compared(compared):
    """Twelve speakers of two groups, merged: served worst, and worse by the second verifier."""
    table = compared.copy()
    names = dict(zip(sorted(set(table["enrol_speaker"])), "c" * 6 + "d" * 6 + "a" * 8 + "b" * 20, strict=True))
    for side in ("enrol", "test"):
        table[f"{side}_gender"] = table[f"{side}_speaker"].map(names)
    hurt = table["target"] & table["enrol_gender"].isin(["c", "d"])
    table = table.assign(score=table["score"] - 3.0 * hurt, score_before=table["score_before"] - 1.5 * hurt)
    few = STATISTICS.model_copy(update={"min_speakers": 5})
    result = compare(table, statistics=few, min_speakers=7)
    a, b, merged = result["cohorts"]
    assert [merged["cohort"], merged["label"], merged["speakers"], merged["merged"]] == [
        "other",
        "2 cohorts, merged for privacy",
        12,
        True,
    ]
    assert merged["nontargets"] == 66 and merged["before"] > max(a["before"], b["before"])
    assert not merged["inference"] and merged["p"] is None and merged["p_holm"] is None
    assert result["worst_cohort_by_test"] == max((a, b), key=lambda c: c["before"])["cohort"]
    assert result["harmed_cohorts"] == []
    rates = [a["before"], b["before"]]
    assert result["spread"]["cohorts"] == ["a", "b"] and result["spread"]["max"]["before"] == max(rates)
    assert result["spread"]["gap"]["before"] == pytest.approx(abs(np.diff(rates)[0]))
    judged = compare(table, statistics=few)  # nothing merged: all four are judged
    assert all(c["inference"] and not c["merged"] for c in judged["cohorts"])


def test_a_speaker_alone_in_their_cohort_takes_no_interval_from_the_others(simulate):
    table = simulate(speakers=41)
    table["score_before"] = table["score"] - 0.3 * table["target"]
    alone = table.assign(
        **{f"{s}_gender": table[f"{s}_gender"].mask(table[f"{s}_speaker"] == "s040", "c") for s in ("enrol", "test")}
    )
    without = table[(table["enrol_speaker"] != "s040") & (table["test_speaker"] != "s040")].reset_index(drop=True)
    found, wanted = compare(alone, min_speakers=1), compare(without, min_speakers=1)
    assert [one["cohort"] for one in found["cohorts"] if one["ci95"] is None] == ["c"]
    for name in ("a", "b"):
        own, same = (next(one for one in each["cohorts"] if one["cohort"] == name) for each in (found, wanted))
        assert own["before"] == same["before"]
        assert own["before_ci95"] == pytest.approx(same["before_ci95"], rel=0.1)
