"""The inputs of the report: documents, checked against their schema, and hashed.

The files come from earlier stages under one repository root. Any input that would make the page wrong (a missing file,
a missing key, a comparison of another system or split than its path says) raises a `TableError`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from isogloss.checks import LARGEST
from isogloss.config import Params, load_params
from isogloss.errors import ParamsError, TableError
from isogloss.judging.document import Document
from isogloss.judging.grouping_figures import GroupingFigures
from isogloss.judging.pairing import refuse_duplicates
from isogloss.judging.stage_files import read_model
from isogloss.judging.system import judge_base, read_rules
from isogloss.tables import METADATA_COLUMNS, RESULT_COLUMNS, read_parquet

Count = Annotated[int, Field(ge=0, le=LARGEST)]


class _Record(BaseModel):
    """A part of an input file; keys that the report does not use are allowed."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Parameters(_Record):
    """Numbers of parameters of a recogniser: of its encoder, and in total."""

    encoder: Count | None
    total: Count


class Operations(_Record):
    """Floating-point operations of an encoder for a second of audio, and their share of the dense encoder's."""

    per_second: float
    dense_share: float | None


class EmissionDelay(_Record):
    """Time from the end of speech to the last token: median and 95th percentile over utterances, in milliseconds."""

    median_ms: float | None
    p95_ms: float | None


class Cost(_Record):
    """The base recogniser's `cost.json`; what the recogniser cannot count is None."""

    parameters: Parameters
    flops: Operations | None
    emission_delay: EmissionDelay


@dataclass(frozen=True)
class RuleInputs:
    """One cohort rule: the base system under it, and each method compared with the base, in the order of params."""

    rule: str
    base: GroupingFigures
    methods: dict[str, GroupingFigures]
    documents: dict[str, Document]

    @property
    def any_method(self) -> GroupingFigures:
        """One of the comparisons, for the parts that all of them share: the cohorts and the base figures."""
        return next(iter(self.methods.values()))

    @property
    def document(self) -> Document:
        """The document of that comparison."""
        return next(iter(self.documents.values()))


@dataclass(frozen=True)
class ReportInputs:
    """Everything that the page shows."""

    params: Params
    base: Document
    methods: dict[str, Document]
    cost: Cost
    hashes: dict[str, str]

    @property
    def rules(self) -> dict[str, RuleInputs]:
        """The rules in the order of params."""
        return {
            one.name: RuleInputs(
                rule=one.name,
                base=one,
                methods={method: document.grouping(one.name) for method, document in self.methods.items()},
                documents=self.methods,
            )
            for one in self.base.groupings
        }

    @property
    def main(self) -> RuleInputs:
        """The rule whose worst cohorts were mitigated."""
        return self.rules[self.params.mitigation.rule]


def document_path(method: str) -> str:
    """The path of the document of an adapted recogniser below the root."""
    return f"results/asr/{method}/fairness.json"


def read_inputs(root: Path) -> ReportInputs:
    """Read and check all inputs of the report under a repository root.

    Raises
    ------
    ParamsError
        params.yaml is not acceptable, or lists no cohort rule.
    TableError
        An input is missing, lacks a key, or compares something else than its path says.
    """
    params = load_params(root / "params.yaml")
    if not params.cohorts.rules:
        raise ParamsError(
            "cohorts.rules is [], so there are no cohorts for a report about a recogniser; list a rule, or run "
            "`isogloss run report_speaker` for a report about verifiers"
        )
    hashes: dict[str, str] = {}

    def hashed(relative: str) -> Path:
        """The path of an input, whose hash is noted once it is known to exist."""
        path = root / relative
        if path.is_file():
            hashes[relative] = _md5(path)
        return path

    metadata = read_parquet(hashed("data/utterances.parquet"), METADATA_COLUMNS)
    refuse_duplicates(metadata["utterance_id"], "data/utterances.parquet")
    results = read_parquet(hashed("results/asr/base/utterances.parquet"), {**METADATA_COLUMNS, **RESULT_COLUMNS})
    cost = read_model(hashed("results/asr/base/cost.json"), Cost)
    for rule in params.cohorts.rules:
        for file in ("assignments.parquet", "summary.json"):
            hashed(f"cohorts/{rule}/{file}")
    base = judge_base(results, read_rules(root / "cohorts", params), params, metadata=metadata)
    methods: dict[str, Document] = {}
    for method in params.mitigation.methods:
        path = hashed(document_path(method))
        document = read_model(path, Document)
        _check_identity(document, method=method, rules=params.cohorts.rules, path=path)
        methods[method] = _hide_few(document, base)
    _check_same_base(methods)
    return ReportInputs(params=params, base=base, methods=methods, cost=cost, hashes=hashes)


def _check_identity(document: Document, *, method: str, rules: Sequence[str], path: Path) -> None:
    """Refuse a comparison that is not what its path says, not of the test split, or not of the rules of params."""
    names = [one.name for one in document.groupings]
    for key, found, expected in (
        ("systems", document.systems, ["base", method]),
        ("split", document.split, "test"),
        ("groupings", names, list(rules)),
    ):
        if found != expected:
            raise TableError(f"{path}: {key} is {found!r}, but {expected!r} belongs here; run its stage again")


def _hide_few(document: Document, base: Document) -> Document:
    """The document without discovery figures of cohorts that may not be shown separately, even if the file has them."""
    groupings = []
    for grouping in document.groupings:
        shown = {one.cohort for one in base.grouping(grouping.name).cohorts if one.discovery is not None}
        none = {"discovery": None, "discovery_ci95": None}
        cohorts = [one if one.cohort in shown else one.model_copy(update=none) for one in grouping.cohorts]
        groupings.append(grouping.model_copy(update={"cohorts": cohorts}))
    return document.model_copy(update={"groupings": groupings})


def _check_same_base(methods: Mapping[str, Document]) -> None:
    """Refuse comparisons with different bases: their charts would put unrelated numbers side by side."""
    first, *others = methods.items()
    for method, document in others:
        if _base_of(document) != _base_of(first[1]):
            raise TableError(
                f"{document_path(method)} and {document_path(first[0])} compare with different bases; evaluate both "
                "methods again"
            )


def _base_of(document: Document) -> list[tuple[Any, ...]]:
    """The base system's figures in a document."""
    return [
        (grouping.name, one.cohort, one.label, one.words, one.before)
        for grouping in document.groupings
        for one in sorted(grouping.cohorts, key=lambda one: one.cohort)
    ]


def _md5(path: Path) -> str:
    """The md5 of a file, as dvc.lock states it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
