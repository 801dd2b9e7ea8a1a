"""What a gate finds: a verdict, and what it rests on. Rates, changes and bounds are fractions."""

from typing import Literal

from isogloss.config import MarginParams
from isogloss.judging.record import Interval, Record

Verdict = Literal["passed", "harmed", "undecided", "unjudged"]
"""The verdict of one check. *passed*: each upper bound lies under its margin. *harmed*: the rate rose, significantly
after Holm's adjustment over all checks, and a rise beyond the margin is not excluded. *undecided*: neither. *unjudged*:
there are too few speakers."""

EXIT_CODES = {"passed": 0, "harmed": 1, "undecided": 3}


class Check(Record):
    """The check of a margin for all speakers together, or for one cohort.

    The figures are None where the cohort's figures may not be shown or are not known.
    """

    grouping: str | None
    """Name of the grouping, which is its column or columns; None for all speakers."""
    cohort: str
    label: str
    """Readable name of the cohort."""
    required: bool = False
    """Whether gate.yaml requires that the cohort be judged."""
    speakers: int | None = None
    """Number of speakers."""
    words: int | None = None
    """Number of reference words."""
    before: float | None = None
    """Error rate of the baseline, a fraction."""
    after: float | None = None
    """Error rate of the candidate, a fraction."""
    relative_change: float | None = None
    """after / before - 1."""
    ci: Interval | None = None
    """Confidence interval of `relative_change`, at the result's `confidence`."""
    difference: float | None = None
    """after - before, a fraction (0.01 is one percentage point)."""
    difference_ci: Interval | None = None
    """Confidence interval of `difference`, at the result's `confidence`."""
    margin: MarginParams
    """The largest harm that would not matter; each upper bound must lie under it."""
    p_holm: float | None = None
    """Two-sided p value of "both systems have the same error rate", after Holm's adjustment over all checks; None where
    there is no test."""
    verdict: Verdict
    blocks: bool
    """Whether the candidate may not be released because of this check."""
    reason: str
    """The reason of the verdict, in words."""


class File(Record):
    """A file that the gate read."""

    role: str
    """What the file was read for: `baseline`, `candidate` or `attributes`."""
    path: str
    """Path of the file as it is written in gate.yaml."""
    sha256: str
    """SHA-256 of the file's content, in hexadecimal."""


class Release(Record):
    """A line of the ledger: one judgement on a test set."""

    test_set: str
    digest: str
    """Digest of the ids, speakers, weights and references of the test set."""
    release: int
    """Number of this release on the test set, from 1."""
    releases: int
    """How many releases are planned on the test set."""
    alpha: float
    """One-sided level of all planned releases together."""
    level: float
    """One-sided level of this release."""
    baseline: str
    candidate: str
    key: str
    """SHA-256 of the inputs and the analysis. A release that is judged again has the same key and adds no line."""
    verdict: Literal["passed", "harmed", "undecided"]
    date: str
    """The day in UTC, as YYYY-MM-DD."""


class GateResult(Record):
    """The verdict on a candidate."""

    kind: Literal["isogloss-gate"] = "isogloss-gate"
    version: str
    """Version of Isogloss."""
    systems: tuple[str, str]
    """Names of the baseline and the candidate."""
    verdict: Literal["passed", "harmed", "undecided"]
    """`harmed` if a check that blocks the release is harmed; else `undecided` if any check blocks it; else `passed`."""
    confidence: float
    """Two-sided level of the intervals; each upper end is a one-sided bound at the level (1 - confidence) / 2."""
    resamples: int
    permutations: int
    seed: int
    normalisation: list[str]
    """Names of the steps by which texts were normalised."""
    utterances: int
    speakers: int
    checks: list[Check]
    files: list[File]
    warnings: list[str] = []
    release: Release | None = None
    """The line of the ledger; None if gate.yaml names no ledger."""

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

    @property
    def level_sentence(self) -> str:
        """The level of the bounds, and the number of the release, as plain text."""
        steps = ", ".join(self.normalisation) or "none"
        said = f"Intervals over speakers: {100 * self.confidence:.4g} %; normalisation: {steps}."
        if self.release is not None:
            number, planned = self.release.release, self.release.releases
            said += f" Release {number} of {planned} on the test set {self.release.test_set}."
        return said
