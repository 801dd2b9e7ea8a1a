"""Verdicts of figures set by hand, and what happens to cohorts that cannot be judged."""

import pytest

from isogloss.config import GateParams, MarginParams
from isogloss.errors import ParamsError
from isogloss.gate import read_gate, run_gate
from isogloss.gate.checks import judge
from isogloss.gate.planning import plan_gate
from isogloss.judging.cohort_figures import Rates

BOTH = MarginParams(relative=0.1, absolute=0.01)


def figures(change: tuple[float, float, float], points: tuple[float, float, float]) -> Rates:
    """Rates around 10 % with (low, value, high) of the relative change and of the difference."""
    return Rates(
        before=0.1, after=0.1 * (1 + change[1]), relative_change=change[1], ci95=(change[0], change[2]),
        difference=points[1], difference_ci95=(points[0], points[2]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "points", "p", "verdict"),
    [
        ((-0.05, 0.01, 0.08), (-0.005, 0.001, 0.008), 0.6, "passed"),
        ((-0.05, 0.01, 0.10), (-0.005, 0.001, 0.008), 0.6, "undecided"),  # the bound must lie under the margin
        ((-0.05, 0.01, 0.08), (-0.005, 0.001, 0.020), 0.6, "undecided"),  # and so must the other one
        ((0.02, 0.05, 0.08), (0.002, 0.005, 0.008), 0.001, "passed"),  # it rises, by less than matters
        ((0.02, 0.08, 0.15), (0.002, 0.008, 0.015), 0.001, "harmed"),
        ((0.02, 0.08, 0.15), (0.002, 0.008, 0.015), 0.06, "undecided"),
        ((-0.30, -0.1, 0.15), (-0.03, -0.01, 0.015), 0.001, "undecided"),  # fewer errors are no harm
    ],
)
def test_verdicts(change, points, p, verdict):
    found, reason = judge(figures(change, points), BOTH, p, alpha=0.05)
    assert found == verdict, reason


def test_without_an_interval_there_is_no_verdict_and_only_margins_that_are_asked_for_count():
    rates = Rates(before=0.1, after=0.1, difference=0.0, difference_ci95=(-0.001, 0.001))
    assert judge(rates, MarginParams(absolute=0.01), 1.0, alpha=0.05)[0] == "passed"
    assert judge(rates, MarginParams(relative=0.01), 1.0, alpha=0.05)[0] == "unjudged"
    assert judge(Rates(), MarginParams(absolute=0.01), None, alpha=0.05)[0] == "unjudged"


@pytest.mark.parametrize(
    ("upper", "verdict"), [(-0.001, "passed"), (0.0, "unjudged"), (0.001, "unjudged")]
)  # identical systems without errors have a difference of 0 to 0
def test_a_rate_that_fell_in_points_did_not_rise_by_any_share(upper, verdict):
    rates = Rates(before=0.1, after=0.0, relative_change=-1.0, difference=-0.1, difference_ci95=(-0.2, upper))
    assert judge(rates, MarginParams(relative=0.01), 0.001, alpha=0.05)[0] == verdict


def test_a_candidate_without_errors_may_be_released_and_what_had_none_before_is_not_judged(make, gate_file):
    base = make({"north": 0.2, "south": 0.2}, seed=1)
    best = base.assign(hyp=base["ref"])
    path = gate_file(base, best)
    assert gate(path)["gate"] == "passed"
    one_cohort = best["hyp"].where(best["part"] == "north", base["hyp"])
    assert gate(gate_file(base, base.assign(hyp=one_cohort)))["gate"] == "passed"
    assert gate(gate_file(best, best.assign(extra=1), identical="allowed"))["gate"] == "undecided"
    assert gate(gate_file(best, base))["gate"] == "undecided"


def gate(path, **changes) -> dict[str, tuple[str, bool]]:
    """Verdict of each check, and whether it blocks; the verdict of all."""
    params = read_gate(path)
    result = run_gate(GateParams.model_validate({**params.model_dump(exclude_unset=True), **changes}), path.parent)
    return {one.label: (one.verdict, one.blocks) for one in result.checks} | {"gate": result.verdict}


@pytest.fixture
def small(make, gate_file):
    """North can be judged, west has too few speakers to be judged, and east too few to be shown."""
    sizes = {"north": 40, "west": 12, "south": 40, "east": 3}
    tables = []
    for seed in (1, 2):
        table = make(dict.fromkeys(sizes, 0.2), seed=seed)
        number = table["speaker_id"].str[-2:].astype(int)
        tables.append(table[number < table["part"].map(sizes)])
    return gate_file(*tables)


def test_what_cannot_be_judged_blocks_unless_it_is_allowed_or_required(small):
    found = gate(small)
    assert found["north"] == ("passed", False) and found["gate"] == "undecided"
    assert any(verdict == ("unjudged", True) for verdict in found.values())
    allowed = gate(small, unjudged="allowed")
    assert allowed["gate"] == "passed" and ("unjudged", False) in allowed.values()
    for name in ("east", "nowhere"):
        required = gate(small, unjudged="allowed", cohorts=[{"by": "part", "required": [name]}])
        assert required[name] == ("unjudged", True) and required["gate"] == "undecided"
    assert gate(small, unjudged="allowed", cohorts=[{"by": "part", "required": ["north"]}])["gate"] == "passed"


def test_a_cohort_may_have_a_margin_of_its_own(small):
    strict = [{"by": "part", "margins": {"north": {"absolute": 0.0001}}}]
    found = gate(small, unjudged="allowed", cohorts=strict)
    assert found["north"] == ("undecided", True) and found["south"] == ("passed", False)


def test_a_cohort_with_a_margin_of_its_own_that_is_hidden_is_not_judged_by_what_it_was_merged_into(small):
    """East has three speakers: it is merged with west, and the merged cohort has the usual margin."""
    for cohorts, blocks in (({"margins": {"east": {"relative": 0.01}}}, False), ({"required": ["east"]}, True)):
        found = gate(small, unjudged="allowed", cohorts=[{"by": "part", **cohorts}])
        assert found["east"] == ("unjudged", blocks)
    found = gate(small, cohorts=[{"by": "part", "margins": {"east": {"relative": 0.01}}}])
    assert found["east"] == ("unjudged", True) and found["gate"] == "undecided"


def test_a_merged_cohort_is_not_the_required_cohort_whose_name_it_bears(make, gate_file):
    """Ten small parts, the required one called `other`, are merged into a cohort `other` that can be judged."""
    names = ["other", *(f"p{number}" for number in range(9))]
    tables = [make({**dict.fromkeys(names, 0.2), "north": 0.2}, seed=seed) for seed in (1, 2)]
    kept = [one[(one["part"] == "north") | (one["speaker_id"].str[-2:].astype(int) < 3)] for one in tables]
    path = gate_file(*kept, cohorts=[{"by": "part", "required": ["other"]}])
    result = run_gate(read_gate(path), path.parent)
    (merged,) = [one for one in result.checks if one.label.endswith("merged for privacy")]
    assert merged.cohort == "other" and merged.verdict == "passed" and not merged.required
    (required,) = [one for one in result.checks if one.required]
    assert (required.label, required.verdict, required.blocks) == ("other", "unjudged", True)
    assert result.verdict == "undecided"


def test_too_few_speakers_altogether_are_no_pass_even_where_cohorts_may_be_unjudged(make, gate_file):
    tables = [make({"north": 0.2, "south": 0.2}, seed=seed, speakers=8) for seed in (1, 2)]
    path = gate_file(*tables, unjudged="allowed")
    result = run_gate(read_gate(path), path.parent)
    assert result.verdict == "undecided" and result.exit_code == 3
    assert [one.label for one in result.checks if one.blocks] == ["all speakers"]
    assert "too few speakers: 16.0 effective ones" in result.checks[0].reason


def test_nothing_is_judged_nor_planned_of_a_cohort_in_which_one_speaker_has_nearly_all_words(make, gate_file):
    tables = [make({"north": 0.2, "south": 0.2}, seed=seed) for seed in (1, 2)]
    for table in tables:
        talkative = table["speaker_id"] == "north00"
        for column in ("ref", "hyp"):
            table.loc[talkative, column] = (table.loc[talkative, column] + " ") * 400
    path = gate_file(*tables)
    params = read_gate(path)
    result = run_gate(params, path.parent)
    north, south = (next(one for one in result.checks if one.label == label) for label in ("north", "south"))
    assert (north.verdict, north.ci) == ("unjudged", None) and "too few speakers who decide" in north.reason
    assert south.ci is not None and result.verdict == "undecided"
    needs = {need.label: need for need in plan_gate(params, path.parent)}
    assert (needs["north"].power, needs["north"].needed) == (None, None) and needs["south"].needed is not None


def test_a_plan_has_the_checks_of_the_gate_and_no_hope_for_what_it_cannot_judge(small, make, gate_file):
    """Whatever margin, the gate judges nothing with fewer than 20 effective speakers, nor what is hidden or absent."""
    cohorts = [{"by": "part", "margins": {"east": {"relative": 0.01}}, "required": ["nowhere"]}]
    asked = {"cohorts": cohorts, "margin": {"relative": 5.0}}
    params = GateParams.model_validate({**read_gate(small).model_dump(exclude_unset=True), **asked})
    checks = {one.label: one for one in run_gate(params, small.parent).checks}
    needs = {one.label: one for one in plan_gate(params, small.parent)}
    assert set(needs) == set(checks)
    for label, need in needs.items():
        assert (need.speakers, need.margin) == (checks[label].speakers, checks[label].margin)
        if checks[label].verdict == "unjudged":
            assert not need.power
    assert needs["east"].missing == checks["east"].reason and needs["nowhere"].missing == checks["nowhere"].reason
    assert needs["north"].power > 0.99 and needs["north"].needed == 20


def test_a_plan_says_how_many_speakers_of_unequal_weight_a_judgement_needs(make, gate_file):
    tables = [make({"north": 0.2, "south": 0.2}, seed=seed) for seed in (1, 2)]
    for table in tables:  # Kish: (20 * 9 + 20)^2 / (20 * 81 + 20) = 24.4 of 40
        table["weight"] = [9.0 if int(name[-2:]) < 20 else 1.0 for name in table["speaker_id"]]
    path = gate_file(*tables, margin={"relative": 5.0})
    params = read_gate(path)
    north = next(one for one in plan_gate(params, path.parent) if one.label == "north")
    assert (north.speakers, north.needed) == (40, 33)  # 20 * 40 / 24.4


def test_a_plan_refuses_a_margin_for_a_cohort_that_does_not_exist_as_the_gate_does(small):
    params = GateParams.model_validate(
        {
            **read_gate(small).model_dump(exclude_unset=True),
            "cohorts": [{"by": "part", "margins": {"nroth": {"relative": 0.1}}}],
        }
    )
    with pytest.raises(ParamsError, match="'nroth', which is no cohort; did you mean 'north'"):
        plan_gate(params, small.parent)


def test_a_plan_of_a_grouping_of_which_nothing_may_be_shown_says_so(make, gate_file):
    tables = [make({"north": 0.2, "south": 0.2}, seed=seed) for seed in (1, 2)]
    kept = [one[(one["part"] == "north") | (one["speaker_id"].str[-2:].astype(int) < 3)] for one in tables]
    path = gate_file(*kept)
    params = read_gate(path)
    (check,) = [one for one in run_gate(params, path.parent).checks if one.grouping is not None]
    (need,) = [one for one in plan_gate(params, path.parent) if one.grouping is not None]
    assert (need.label, need.missing, need.speakers) == (check.label, check.reason, None)


def test_a_hint_names_no_cohort_that_has_too_few_speakers_to_be_shown(make, gate_file):
    parts = {"north": 0.2, "south": 0.2, "west": 0.2, "harbour": 0.2}
    few = [
        one[(one["part"] != "harbour") | (one["speaker_id"].str[-2:].astype(int) < 3)]
        for one in (make(parts, seed=seed) for seed in (1, 2))
    ]
    path = gate_file(*few, cohorts=[{"by": "part", "required": ["harbor", "elsewhere"]}])
    params = read_gate(path)
    needs = {one.label: one.missing for one in plan_gate(params, path.parent)}
    for check in run_gate(params, path.parent).checks:
        if check.label in ("harbor", "elsewhere"):
            assert check.reason.startswith("no speaker; there are ") and "harbour" not in check.reason
            assert needs[check.label] == check.reason
    with pytest.raises(ParamsError, match=r"no cohort; there are (?!.*harbour)"):
        named = {"by": "part", "margins": {"harbor": {"relative": 0.1}}}
        run_gate(GateParams.model_validate({**params.model_dump(exclude_unset=True), "cohorts": [named]}), path.parent)
