"""What the report reads: typed, checked against the contract, and hashed.

The files come from earlier stages under one repository root. Anything that a reader of the page could not trust - a
missing file, a key that is absent, a comparison of another rule or split than its path says - is one `TableError`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from isogloss.config import Params, load_params
from isogloss.errors import TableError
from isogloss.judging.publication import ShownNames, shown_names
from isogloss.judging.rules import RuleComparison, compare_rule
from isogloss.report.text import Interval
from isogloss.tables import ASSIGNMENT_COLUMNS, METADATA_COLUMNS, RESULT_COLUMNS, read_json, read_parquet

Degrees = float
Rectangle = tuple[Degrees, Degrees, Degrees, Degrees]  # south, west, north, east


class _Record(BaseModel):
    """A part of an input file; keys that the report does not use are allowed."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Change(_Record):
    """A figure before and after, and its relative change with the interval of that change."""

    before: float | None
    after: float | None
    relative_change: float | None = None
    ci95: Interval | None = None


class Comparison(Change):
    """A change of an error rate with the intervals of both sides."""

    before_ci95: Interval | None = None
    after_ci95: Interval | None = None
    p: float | None = None


class CohortComparison(Comparison):
    """One cohort of the test split, before and after."""

    cohort: str
    label: str
    mitigated: bool
    speakers: int
    words: int
    discovery_rank: int | None = None
    discovery: float | None = None
    p_holm: float | None = None
    inference: bool = True


class Spread(_Record):
    """How far the cohorts lie apart."""

    mean: Change
    max: Change
    variance: Change
    relative_gap: Change


class Suppressed(_Record):
    """What was merged for privacy."""

    cohorts: int
    speakers: int


class Fairness(_Record):
    """A `fairness.json`: one system against the base under one cohort rule."""

    task: str
    system: str
    baseline: str
    rule: str
    split: str
    metric: str
    speakers: int
    utterances: int
    words: int
    confidence: float
    overall: Comparison
    cohorts: Annotated[list[CohortComparison], Field(min_length=1)]
    spread: Spread
    worst_cohort_by_discovery: str | None
    worst_cohort_by_test: str | None
    harmed_cohorts: list[str]
    suppressed: Suppressed
    seeds: dict[str, int]
    test: str

    def cohort(self, name: str) -> CohortComparison:
        """The comparison of one cohort."""
        return next(c for c in self.cohorts if c.cohort == name)


class Geometry(_Record):
    """The part of the map that a cohort holds."""

    rectangles: Annotated[list[Rectangle], Field(min_length=1)]


class DiscoveryFigures(_Record):
    """A cohort on the split that chose it."""

    speakers: int
    words: int
    wer: float | None
    ci95: Interval | None = None


class DiscoveredCohort(_Record):
    """A cohort of a rule's `summary.json`."""

    cohort: str
    label: str
    wer_rank: int
    discovery: DiscoveryFigures
    geometry: Geometry | None = None


class Summary(_Record):
    """A rule's `summary.json`."""

    rule: str
    cohorts: Annotated[list[DiscoveredCohort], Field(min_length=1)]


class Parameters(_Record):
    """Parameters of a recogniser."""

    encoder: int | None
    total: int


class Operations(_Record):
    """Floating-point operations of an encoder for a second of audio, and their share of the dense encoder's."""

    per_second: float
    dense_share: float | None


class EmissionDelay(_Record):
    """From the end of speech to the last token, over utterances."""

    median_ms: float | None
    p95_ms: float | None


class Cost(_Record):
    """The base recogniser's `cost.json`; what the recogniser cannot count is None."""

    parameters: Parameters
    flops: Operations | None
    emission_delay: EmissionDelay


@dataclass(frozen=True)
class RuleInputs:
    """One cohort rule: what discovery found, the base system's gap, each method's comparison in the order of params."""

    rule: str
    summary: Summary
    comparison: RuleComparison
    methods: dict[str, Fairness]

    @property
    def any_method(self) -> Fairness:
        """One of the comparisons, for what all of them share: the cohorts and the base figures."""
        return next(iter(self.methods.values()))


@dataclass(frozen=True)
class ReportInputs:
    """Everything that the page shows."""

    params: Params
    metadata: pd.DataFrame
    base: pd.DataFrame
    cost: Cost
    rules: dict[str, RuleInputs]
    hashes: dict[str, str]


_Model = TypeVar("_Model", bound=BaseModel)


def read_inputs(root: Path) -> ReportInputs:
    """Read and check all inputs of the report under a repository root.

    Raises
    ------
    ParamsError
        params.yaml is not acceptable.
    TableError
        An input is missing, lacks a key, or compares something else than its path says.
    """
    params = load_params(root / "params.yaml")
    hashes: dict[str, str] = {}

    def hashed(relative: str) -> Path:
        """The path of an input, whose hash is noted once it is known to exist."""
        path = root / relative
        if path.is_file():
            hashes[relative] = _md5(path)
        return path

    metadata = read_parquet(hashed("data/utterances.parquet"), METADATA_COLUMNS)
    base = read_parquet(hashed("results/asr/base/utterances.parquet"), {**METADATA_COLUMNS, **RESULT_COLUMNS})
    cost = _parse(hashed("results/asr/base/cost.json"), Cost)
    assignments = {
        rule: read_parquet(hashed(f"cohorts/{rule}/assignments.parquet"), ASSIGNMENT_COLUMNS)
        for rule in params.cohorts.rules
    }
    shown = shown_names(assignments, base, min_speakers=params.privacy.min_speakers)
    rules: dict[str, RuleInputs] = {}
    for rule in params.cohorts.rules:
        path = hashed(f"cohorts/{rule}/summary.json")
        summary = _parse(path, Summary)
        methods: dict[str, Fairness] = {}
        for method in params.mitigation.methods:
            fairness_path = hashed(f"results/asr/{method}/{rule}/fairness.json")
            fairness = _parse(fairness_path, Fairness)
            _check_identity(fairness, method=method, rule=rule, path=fairness_path)
            methods[method] = _hide_few(fairness, shown[rule])
        comparison = compare_rule(
            read_json(path), assignments[rule], base, shown=shown[rule], statistics=params.statistics
        )
        rules[rule] = RuleInputs(rule=rule, summary=summary, comparison=comparison, methods=methods)
        _check_same_base(rules[rule])
    return ReportInputs(params=params, metadata=metadata, base=base, cost=cost, rules=rules, hashes=hashes)


def _parse(path: Path, model: type[_Model]) -> _Model:
    """A JSON input through its model."""
    content = read_json(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise TableError(f"{path}: {key}: {problem['msg'].lower()}; run the stage that makes it again") from None


def _check_identity(fairness: Fairness, *, method: str, rule: str, path: Path) -> None:
    """Refuse a comparison that is not what its path says, or not of the test split."""
    for key, found, expected in (
        ("system", fairness.system, method),
        ("rule", fairness.rule, rule),
        ("split", fairness.split, "test"),
    ):
        if found != expected:
            raise TableError(f"{path}: {key} is {found!r}, but {expected!r} belongs here; run its stage again")


def _hide_few(fairness: Fairness, shown: ShownNames) -> Fairness:
    """Without the discovery figure of cohorts that may not be shown for themselves there, whatever the file has."""
    cohorts = [
        c if shown.alone("discovery", c.cohort) else c.model_copy(update={"discovery": None}) for c in fairness.cohorts
    ]
    return fairness.model_copy(update={"cohorts": cohorts})


def _check_same_base(rule: RuleInputs) -> None:
    """Refuse comparisons with different bases: their charts would put unrelated numbers side by side."""
    first, *others = rule.methods.items()
    expected = {c.cohort: (c.label, c.words, c.before) for c in first[1].cohorts}
    for method, fairness in others:
        if {c.cohort: (c.label, c.words, c.before) for c in fairness.cohorts} != expected:
            raise TableError(
                f"results/asr/{method}/{rule.rule}/fairness.json and results/asr/{first[0]}/{rule.rule}/fairness.json "
                "compare with different bases; evaluate both methods again"
            )


def _md5(path: Path) -> str:
    """The md5 of a file, as dvc.lock states it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
