"""What a gate finds: a verdict, and what it rests on. Rates, changes and bounds are fractions."""

from typing import Literal

from isogloss.config import MarginParams
from isogloss.judging.record import Interval, Record

Verdict = Literal["passed", "harmed", "undecided", "unjudged"]
"""Of one check. *passed*: each upper bound lies under its margin. *harmed*: the rate rose, significantly after Holm's
adjustment over all checks, and a rise beyond the margin is not excluded. *undecided*: neither. *unjudged*: there are
too few speakers."""

EXIT_CODES = {"passed": 0, "harmed": 1, "undecided": 3}


class Check(Record):
    """All speakers together, or one cohort."""

    grouping: str | None
    """The column; None for all speakers."""
    cohort: str
    label: str
    required: bool = False
    speakers: int | None = None
    words: int | None = None
    before: float | None = None
    after: float | None = None
    relative_change: float | None = None
    ci: Interval | None = None
    """Of `relative_change`, at the result's `confidence`."""
    difference: float | None = None
    difference_ci: Interval | None = None
    margin: MarginParams
    p_holm: float | None = None
    """Of "both systems have the same error rate", two-sided, adjusted over all checks."""
    verdict: Verdict
    blocks: bool
    """Whether the candidate may not be released because of this check."""
    reason: str


class File(Record):
    """An input."""

    role: str
    path: str
    """As gate.yaml has it."""
    sha256: str


class Release(Record):
    """A line of the ledger: one judgement on a test set."""

    test_set: str
    digest: str
    """Of ids, speakers, weights and references."""
    release: int
    """From 1."""
    releases: int
    """How many were planned."""
    alpha: float
    """One-sided, of all of them together."""
    level: float
    """One-sided, of this one."""
    baseline: str
    candidate: str
    key: str
    """Of the inputs and the analysis: the same release judged again is the same line."""
    verdict: Literal["passed", "harmed", "undecided"]
    date: str
    """UTC."""


class GateResult(Record):
    """The verdict on a candidate."""

    kind: Literal["isogloss-gate"] = "isogloss-gate"
    version: str
    """Of Isogloss."""
    systems: tuple[str, str]
    verdict: Literal["passed", "harmed", "undecided"]
    """The worst of the checks that block: harmed, else undecided; passed where none blocks."""
    confidence: float
    """Of the intervals, two-sided; their upper ends are bounds at half of the rest."""
    resamples: int
    permutations: int
    seed: int
    normalisation: list[str]
    utterances: int
    speakers: int
    checks: list[Check]
    files: list[File]
    warnings: list[str] = []
    release: Release | None = None

    @property
    def exit_code(self) -> int:
        """0 passed, 1 a cohort is harmed, 3 undecided."""
        return EXIT_CODES[self.verdict]

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        baseline, candidate = self.systems
        blocking = [check for check in self.checks if check.blocks]
        if self.verdict == "passed":
            judged = sum(check.verdict == "passed" for check in self.checks)
            return f"passed: {candidate} may replace {baseline}; all {judged} judged margins hold"
        named = ", ".join(
            check.label for check in blocking if (check.verdict == "harmed") == (self.verdict == "harmed")
        )
        if self.verdict == "harmed":
            return f"failed: {candidate} harms {named}, compared with {baseline}"
        return f"undecided: the speakers do not allow to say whether {candidate} keeps the margins for {named}"
