"""The pipeline of dvc.yaml as a whole: what a run does, what the next one leaves alone, and that its bytes hold."""

import hashlib
import json

from isogloss.config import overridden_text, read_yaml

STAGES = {
    "corpus",
    "prepare",
    "cohort_inputs",
    "voice_inputs",
    "validate",
    "train_asr",
    "train_speaker@base",
    "transcribe",
    "measure_cost",
    "discover@geographic",
    "discover@geodemographic",
    "discover@automatic",
    "discover@attribute",
    "mitigate@ewc",
    "mitigate@cohort_input",
    "evaluate@ewc",
    "evaluate@cohort_input",
    "mitigate_speaker@group_dro",
    "evaluate_speaker@group_dro",
    "report_speaker@group_dro",
    "conversations@simulated",
    "train_multitalker@sts",
    "evaluate_multitalker@sts",
    "report_multitalker@sts",
    "report",
}
AGAIN = ("discover@automatic", "report")
HERE = (
    "discover@automatic",
    "mitigate@ewc",
    "evaluate@ewc",
    "evaluate_speaker@group_dro",
    "report_speaker@group_dro",
    "report",
)
"""Stages that are executed a second time: by DVC elsewhere, and in the process of the tests. They adapt and decode a
recogniser, embed, draw trials, cluster, resample and render; the tests of `training` hold the base models' training to
the byte."""


def test_every_kind_of_stage_is_executed_once(micro):
    kinds = set(read_yaml(micro.root / "dvc.yaml")["stages"])
    assert {name.partition("@")[0] for name in STAGES} == kinds
    provenance = json.loads((micro.root / "reports/provenance.json").read_text())
    assert {name: stage["state"] for name, stage in provenance["stages"].items()} == dict.fromkeys(STAGES, "executed")
    assert provenance["ended"] == "succeeded" and provenance["dirty"] is False
    assert set(read_yaml(micro.root / "dvc.lock")["stages"]) == STAGES
    assert f"{len(STAGES)} executed" in micro.printed


def test_a_second_run_has_nothing_to_do(micro):
    lock = (micro.root / "dvc.lock").read_bytes()
    assert micro.command("isogloss", "run").stdout == f"Nothing to do: all {len(STAGES)} stages are up to date.\n"
    assert (micro.root / "dvc.lock").read_bytes() == lock


def test_dvc_finds_every_input_and_output_as_the_lock_has_it(micro):
    assert json.loads(micro.command("dvc", "status", "--json").stdout) == {}


def test_dvc_repro_elsewhere_gives_the_same_lock(micro, tmp_path):
    """Forced, so that each stage executes for a second time: neither the cache nor the run cache answers."""
    other = micro.copy(tmp_path / "other")
    printed = other.command("dvc", "repro", "--force", "--single-item", *AGAIN).stdout
    assert printed.count("Running stage") == len(AGAIN)
    assert (other.root / "dvc.lock").read_text() == (micro.root / "dvc.lock").read_text()


def test_scripts_in_another_process_give_the_same_bytes(micro, tmp_path):
    other = micro.copy(tmp_path / "other")
    other.run_scripts(*HERE)
    first, second = (
        {path.relative_to(one.root): hashlib.sha256(path.read_bytes()).hexdigest() for path in one.outputs(*HERE)}
        for one in (micro, other)
    )
    assert first == second and len(first) > 5


def test_a_change_concerns_no_more_stages_than_it_should(micro, tmp_path):
    other = micro.copy(tmp_path / "other")

    def stale():
        status = other.command("isogloss", "status").stdout.splitlines()
        return STAGES & {line.split()[0] for line in status if "up to date" not in line}

    page = next((other.root / "src/isogloss/report").rglob("*.css"))
    page.write_text(page.read_text() + "/* */\n")
    assert stale() == {"report", "report_speaker@group_dro", "report_multitalker@sts"}
    params = other.root / "params.yaml"
    params.write_text(overridden_text(params.read_text(), {"ewc.strength": 3.0}, where="params.yaml"))
    assert stale() == {
        "report",
        "report_speaker@group_dro",
        "report_multitalker@sts",
        "mitigate@ewc",
        "evaluate@ewc",
    }
