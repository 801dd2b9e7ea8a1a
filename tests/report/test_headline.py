"""The sentences say what the numbers allow, and no more."""

import pytest

from isogloss.report.charts import cohort_chart
from isogloss.report.headline import headline, shrinkage_sentence
from isogloss.report.inputs import document_path, read_inputs
from isogloss.report.metrics import metrics
from isogloss.report.page import render
from isogloss.report.verdicts import worst_verdicts

METHODS = ("finetune", "ewc")


def change(repository, edit, *, rule="geographic", methods=METHODS):
    """Edit the comparisons of a rule in place."""
    for method in methods:
        content = repository.rule(method, rule)
        edit(content)
        repository.write_rule(method, content)


def worst(**figures):
    """An edit of the cohort that discovery found worst."""
    return lambda content: content["cohorts"][0].update(figures)


def read(repository):
    return headline(read_inputs(repository.root))


def test_who_gained_and_who_lost_is_in_the_title(repository):
    found = read(repository)
    assert found.title == "finetune and ewc measurably lowered the WER of the worst-served region."
    assert found.consequences == "Measurably harmed: 2 cohorts by finetune."
    assert found.warning is None


def test_the_sentences_carry_the_figures_of_the_file(repository):
    change(repository, worst(before=0.3, after=0.24, relative_change=-0.2, ci95=[-0.31, -0.08]))
    sentence = read(repository).findings[0].sentences[0]
    for figure in ("30.0\u202f%", "24.0\u202f%", "\u221220.0\u202f%", "\u221231.0 to \u22128.0", "95\u202f%"):
        assert figure in sentence
    assert "includes no change" not in sentence


def test_an_interval_that_includes_zero_is_no_gain_however_large_the_change(repository):
    change(repository, worst(relative_change=-0.4, ci95=[-0.9, 0.1]))
    found = read(repository)
    assert found.title.startswith("No mitigation measurably lowered")
    assert "the interval includes no change" in found.findings[0].sentences[0]
    assert {finding.verdict for finding in found.findings} == {"unclear"}


def test_an_interval_that_touches_zero_is_no_gain(repository):
    change(repository, worst(relative_change=-0.4, ci95=[-0.8, 0.0]))
    assert read(repository).title.startswith("No mitigation")


def test_too_few_speakers_are_no_gain_even_with_an_interval(repository):
    change(repository, worst(relative_change=-0.4, ci95=[-0.5, -0.3], inference=False, speakers=12))
    found = read(repository)
    assert found.title.endswith("worst-served region cannot be judged: it has 12 speakers, too few for an inference.")
    assert "from 12 speakers: too few for an inference" in found.findings[0].sentences[0]


def test_a_worse_worst_cohort_is_called_worse_and_never_a_gain(repository):
    change(repository, worst(relative_change=0.4, ci95=[0.2, 0.6]))
    found = read(repository)
    assert found.title.startswith("No mitigation")
    assert {finding.verdict for finding in found.findings} == {"worse"}


def test_harm_under_a_rule_that_was_not_mitigated_counts_and_is_named(repository):
    change(repository, lambda content: content.update(harmed_cohorts=["C03"]), rule="attribute", methods=["ewc"])
    found = read(repository)
    assert found.consequences == "Measurably harmed: 2 cohorts by finetune and 1 cohort by ewc."
    assert "age_band = 45 to 59 (attribute)" in found.findings[1].sentences[-2]


def test_no_measured_harm_is_not_called_harmless(repository):
    change(repository, lambda content: content.update(harmed_cohorts=[]))
    found = read(repository)
    assert found.consequences.startswith("No cohort was measurably harmed;")


def test_a_loss_over_all_speech_is_said_at_the_top(repository):
    change(repository, lambda c: c["overall"].update(relative_change=0.2, ci95=[0.1, 0.3]), methods=["ewc"])
    assert read(repository).consequences.endswith("Speech as a whole became measurably worse with ewc.")


@pytest.mark.parametrize(("rate", "warned"), [(0.49, False), (0.5, True), (1.3, True), (None, False)])
def test_a_recogniser_that_is_too_poor_is_said_to_be(repository, rate, warned):
    change(repository, lambda content: content["overall"].update(before=rate))
    warning = read(repository).warning
    assert (warning is not None) == warned
    assert not warned or f"{100 * rate:.1f}\u202f%" in warning


def test_the_title_follows_the_mitigated_rule(repository):
    repository.write_params(mitigation={"rule": "attribute", "methods": list(METHODS)})
    assert "worst-served cohort" in read(repository).title


def test_without_a_worst_cohort_nothing_is_claimed(repository):
    change(repository, lambda content: [c.update(discovery_rank=None) for c in content["cohorts"]])
    found = read(repository)
    assert found.title == "Whether a mitigation lowered the WER of the worst-served region cannot be judged."
    assert found.findings[0].sentences[0].startswith("All speech")


def test_shrinkage_shows_both_figures_and_does_not_claim_one_that_is_not_there(repository):
    change(repository, worst(discovery=0.4, before=0.3))
    shrunk = shrinkage_sentence(read_inputs(repository.root).rules["geographic"])
    assert "40.0\u202f%" in shrunk and "30.0\u202f%" in shrunk and "shrinks" in shrunk
    change(repository, worst(discovery=0.2, before=0.3))
    grown = shrinkage_sentence(read_inputs(repository.root).rules["geographic"])
    assert "did not shrink" in grown


def test_nobody_is_cleared_whom_nothing_tested(repository):
    for rule in ("geographic", "attribute"):
        change(repository, lambda content: content.update(harmed_cohorts=[]), rule=rule)
    found = read(repository)
    nothing = "No cohort was measurably harmed; 1 of 13 cohorts could not be judged."
    assert found.consequences.startswith(f"{nothing} That clears nobody: finetune may still have changed lat >= 37.4, ")
    assert found.findings[0].sentences[-2] == nothing
    nothing = {"inference": False, "p": None, "p_holm": None}
    for rule in ("geographic", "attribute"):
        change(repository, lambda content: [c.update(nothing) for c in content["cohorts"]], rule=rule)
    found = read(repository)
    assert found.consequences == "No cohort has enough speakers to be judged."
    assert "No cohort was measurably harmed" not in render(read_inputs(repository.root))


def test_a_harm_of_the_worst_cohort_is_in_the_title_and_among_the_harmed(repository):
    change(repository, worst(relative_change=0.4, ci95=[0.2, 0.6], p=0.03, p_holm=0.15), methods=["ewc"])
    change(repository, worst(relative_change=-0.4, ci95=[-0.6, -0.2], p=0.01), methods=["finetune"])
    found = read(repository)
    assert found.title == "finetune measurably lowered the WER of the worst-served region; ewc measurably raised it."
    assert found.consequences == "Measurably harmed: 2 cohorts by finetune and 1 cohort by ewc."
    rule = read_inputs(repository.root).rules["geographic"]
    row = cohort_chart(list(rule.documents.values()), "geographic", worst_verdicts(rule)).rows[0]
    assert row.gained_with == ("finetune",) and row.harmed_by == ("ewc",)
    assert [mark.hollow for mark in row.changes] == [False, False]


def test_gain_and_harm_of_the_worst_cohort_are_adjusted_over_the_methods_alike(repository):
    """Two methods: 0.04 fails after doubling, and passes where the other one is at most 0.05 as well."""
    for low, high in ((-0.5, -0.01), (0.01, 0.5)):
        middle = (low + high) / 2
        change(repository, worst(relative_change=middle, ci95=[low, high], p=0.04), methods=["finetune"])
        change(repository, worst(relative_change=middle, ci95=[low, high], p=0.06), methods=["ewc"])
        assert read(repository).title == "No mitigation measurably lowered the WER of the worst-served region."
        change(repository, worst(p=0.02), methods=["ewc"])
        assert {finding.verdict for finding in read(repository).findings} == {"better" if high < 0 else "worse"}


def test_where_the_worst_cohort_is_hidden_the_runner_up_is_not_called_the_worst(repository):
    def hide(content):
        first, *others = content["cohorts"]
        hidden = {**first, "cohort": "other", "label": "2 small cohorts", "discovery_rank": None, "discovery": None}
        content.update(cohorts=[*others, hidden], worst_cohort_by_discovery=None, harmed_cohorts=[])

    change(repository, hide)
    inputs = read_inputs(repository.root)
    found, named = headline(inputs), "worst-served region that may be shown (rank 2)"
    assert found.title.endswith(f"measurably lowered the WER of the {named}.")
    assert found.findings[0].sentences[0].startswith("Worst-served region that may be shown (rank 2: lat < 31.9")
    assert "the worst cohort that may be shown (rank 2: lat < 31.9" in shrinkage_sentence(inputs.rules["geographic"])
    assert "worst" not in metrics(inputs)["asr"]["ewc"]["geographic"]
    assert metrics(inputs)["asr"]["ewc"]["attribute"]["worst"]


def weighted(repository, **figures):
    """Give every document weights, and the worst cohort figures of the other estimand."""
    for method in METHODS:
        content = repository.read(document_path(method))
        content["weighted"] = True
        overall = {key: content["overall"][key] for key in ("before", "after", "relative_change", "ci95")}
        content["overall"]["other"] = {**overall, "before": 0.4321}
        for grouping in content["groupings"]:
            for cohort in grouping["cohorts"]:
                keys = ("before", "after", "relative_change", "ci95", "inference", "p", "p_holm", "effective_speakers")
                cohort["other"] = {key: cohort[key] for key in keys}
            grouping["cohorts"][0]["other"] |= figures
        content["groupings"][0]["other_harmed_cohorts"] = ["C04"]
        repository.write(document_path(method), content)


def test_both_estimands_are_said_where_they_differ(repository):
    few = {"inference": False, "ci95": None, "p": None, "p_holm": None, "speakers": 36, "effective_speakers": 16.74}
    change(repository, worst(**few))
    weighted(repository, inference=True, p=0.0001, ci95=[-0.15, -0.05], relative_change=-0.1, after=0.1234)
    found = read(repository)
    assert found.title.endswith("cannot be judged: it has 36 speakers (16.7 effective), too few for an inference.")
    said = "With each speaker alike: finetune and ewc measurably lowered the WER of the worst-served region."
    assert found.consequences.startswith(said)
    sentence = next(s for s in found.findings[0].sentences if s.startswith("With each speaker alike"))
    assert all(figure in sentence for figure in ("12.3\u202f%", "43.2\u202f%", "\u221215.0 to \u22125.0"))
    harmed = "With each speaker alike it measurably harms lat < 37.4, -103.7 <= lon < -90.2 (by geographic)."
    assert harmed in found.findings[0].sentences
    page = render(read_inputs(repository.root))
    assert page.count("with each speaker alike") > 5 and "16.7" in page


def test_without_weights_nothing_is_said_twice(repository):
    page = render(read_inputs(repository.root))
    assert "All speakers weigh the same here" in page and "With each speaker alike:" not in page


@pytest.mark.parametrize(
    ("ci95", "said", "at_the_top"),
    [
        ([0.05, 0.6], "measurably wider (+5 to +60 relative)", True),
        ([-0.6, -0.05], "measurably narrower (\u221260 to \u22125 relative)", False),
        ([-0.2, 0.3], "no measurable change (\u221220 to +30 relative)", False),
        (None, "no interval can be given of its change", False),
    ],
)
def test_a_gap_that_widens_is_said_like_one_that_narrows(repository, ci95, said, at_the_top):
    change(repository, lambda content: content["spread"]["relative_gap"].update(ci95=ci95))
    found = read(repository)
    assert all(any(said in sentence for sentence in finding.sentences) for finding in found.findings)
    wider = "The gap between the worst and the best cohort became measurably wider with finetune and ewc."
    assert (wider in found.consequences) == at_the_top


def test_a_change_on_which_few_speakers_decide_carries_no_inference(repository):
    none = {"ci95": None, "p": None, "p_holm": None, "deciding_speakers": 2.34, "harm_bound": None}
    change(repository, worst(**none))
    for method in METHODS:
        repository.write(document_path(method), {**repository.read(document_path(method)), "min_deciding": 5.0})
    found = read(repository)
    assert found.title.endswith("cannot be judged: too few speakers decide on its change.")
    assert "2.3 speakers decide on it: too few for an inference" in found.findings[0].sentences[0]
    assert "few speakers decide on the change with finetune and ewc" in render(read_inputs(repository.root))


def test_speech_as_a_whole_that_cannot_be_judged_is_not_said_to_be_unchanged(repository):
    change(repository, lambda content: content["overall"].update(ci95=None, p=None))
    page = render(read_inputs(repository.root))
    assert page.count("cannot be judged</td>") == 2 and "no measurable change</td>" not in page


def test_a_cohort_is_unharmed_only_where_every_method_was_tested_on_it(repository):
    for rule in ("geographic", "attribute"):
        change(repository, lambda content: content.update(harmed_cohorts=[]), rule=rule)
    untested = {"p": None, "p_holm": None, "ci95": None, "harm_bound": None}
    change(repository, lambda content: content["cohorts"][0].update(untested), rule="attribute", methods=["ewc"])
    found = read(repository)
    assert found.consequences.startswith("No cohort was measurably harmed; 2 of 13 cohorts could not be judged.")
    said = ["; ".join(finding.sentences) for finding in found.findings]
    assert "harmed; 1 of 13" in said[0] and "harmed; 2 of 13" in said[1]


def test_no_harm_is_called_possible_where_every_cohort_that_was_judged_has_a_bound_below_zero(repository):
    for rule in ("geographic", "attribute"):
        change(repository, lambda content: content.update(harmed_cohorts=[]), rule=rule)
        gained = {"harm_bound": -0.02, "noninferior": True}
        change(repository, lambda content, all=gained: [c.update(all) for c in content["cohorts"]], rule=rule)
    assert "clears nobody" not in read(repository).consequences
