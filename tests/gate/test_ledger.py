"""Repeated releases: levels, reruns, and ledgers that were tampered with."""

import json

import numpy as np
import pytest

from isogloss.config import GateParams
from isogloss.errors import TableError
from isogloss.gate import read_gate, run_gate
from isogloss.gate.ledger import level_after, read_ledger
from isogloss.gate.result import Release

EQUAL = {"north": 0.2, "south": 0.2}
LEDGER = {"file": "ledger.jsonl", "test_set": "spring", "releases": 3}


def release(verdict: str, level: float) -> Release:
    return Release(
        test_set="t", digest="d", release=1, releases=4, alpha=0.025, level=level, baseline="a", candidate="b",
        key="k", verdict=verdict, date="2026-01-01",
    )  # fmt: skip


def test_a_release_that_passes_hands_its_level_on():
    first = level_after([], alpha=0.04, releases=4)
    assert first == pytest.approx(0.01)
    assert level_after([release("passed", 0.01)], alpha=0.04, releases=4) == pytest.approx(0.02)
    assert level_after([release("harmed", 0.02)], alpha=0.04, releases=4) == pytest.approx(0.01)


@pytest.mark.parametrize("harmful", [(1, 1, 1, 1), (0, 1, 1, 0), (0, 0, 0, 1), (1, 0, 1, 0)])
def test_any_harmful_release_passes_at_most_as_often_as_the_level_says(harmful):
    """p values of releases on the same speakers are dependent; the bound must not need independence."""
    rng, alpha, wrong = np.random.default_rng(1), 0.2, 0
    shared = rng.uniform(size=4000)
    for u in shared:
        judged: list[Release] = []
        passed = False
        for number, bad in enumerate(harmful):
            p = (u + rng.choice([0.0, number / 4])) % 1.0 if bad else 0.0
            level = level_after(judged, alpha=alpha, releases=4)
            judged.append(release("passed" if p <= level else "undecided", level))
            passed |= bool(bad) and p <= level
        wrong += passed
    assert wrong / len(shared) < alpha + 3 * np.sqrt(alpha * (1 - alpha) / len(shared))


def test_releases_are_written_down_reruns_are_not_and_a_spent_test_set_is_refused(make, gate_file):
    base = make(EQUAL, seed=1)
    path = gate_file(base, make(EQUAL, seed=2), ledger=LEDGER)
    first = run_gate(read_gate(path), path.parent)
    assert first.verdict == "passed" and first.release.level == pytest.approx(0.025 / 3)
    assert first.confidence == pytest.approx(1 - 0.05 / 3) and first.resamples >= 400
    assert run_gate(read_gate(path), path.parent).release == first.release
    for seed, level in ((3, 2 * 0.025 / 3), (4, 0.025)):
        path = gate_file(base, make(EQUAL, seed=seed), ledger=LEDGER)
        assert run_gate(read_gate(path), path.parent).release.level == pytest.approx(level)
    lines = read_ledger(path.parent / "ledger.jsonl")
    assert [one.release for one in lines] == [1, 2, 3] and len({one.digest for one in lines}) == 1
    path = gate_file(base, make(EQUAL, seed=5), ledger=LEDGER)
    with pytest.raises(TableError, match="all 3 releases planned for the test set 'spring'"):
        run_gate(read_gate(path), path.parent)
    other = read_gate(path).model_dump(exclude_unset=True) | {"ledger": LEDGER | {"test_set": "autumn"}}
    assert run_gate(GateParams.model_validate(other), path.parent).release.release == 1


def test_a_ledger_that_does_not_follow_from_itself_is_refused(make, gate_file):
    base = make(EQUAL, seed=1)
    for seed in (2, 3):
        path = gate_file(base, make(EQUAL, seed=seed), ledger=LEDGER)
        run_gate(read_gate(path), path.parent)
    ledger = path.parent / "ledger.jsonl"
    lines = ledger.read_text().splitlines()
    raised = json.dumps({**json.loads(lines[1]), "level": 0.02})
    for damaged in (lines[1:], [lines[0], raised], [lines[0][:50], lines[1]]):
        ledger.write_text("\n".join(damaged) + "\n")
        with pytest.raises(TableError, match="restore"):
            run_gate(read_gate(path), path.parent)
    ledger.write_text("\n".join(lines) + "\n")
    changed = gate_file(base.iloc[6:], make(EQUAL, seed=3).iloc[6:], ledger=LEDGER)
    with pytest.raises(TableError, match="give changed ones a new name"):
        run_gate(read_gate(changed), changed.parent)
    longer = gate_file(base, make(EQUAL, seed=4), ledger=LEDGER | {"releases": 5})
    with pytest.raises(TableError, match="planned for 3 releases"):
        run_gate(read_gate(longer), longer.parent)


def test_the_same_release_under_another_normaliser_of_the_sides_is_another_look_at_the_test_set(make, gate_file):
    base, new = make(EQUAL, seed=1), make(EQUAL, seed=2)
    new["hyp"] = new["hyp"].str.replace("w1 ", "w1, ")  # errors that a normaliser without punctuation does not see

    def judged(*steps: str) -> int:
        path = gate_file(base, new, ledger=LEDGER)
        params = read_gate(path).model_dump(exclude_unset=True)
        sides = {side: {"table": params[side]["table"], "normalise": list(steps)} for side in ("baseline", "candidate")}
        return run_gate(GateParams.model_validate(params | sides), path.parent).release.release

    assert [judged("lower"), judged("lower", "punctuation"), judged("lower")] == [1, 2, 1]
