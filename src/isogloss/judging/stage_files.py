"""JSON files of earlier stages through pydantic models; the model of a cohort rule's summary.json."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from isogloss.errors import TableError
from isogloss.judging.record import Rectangle
from isogloss.tables import read_json

_Model = TypeVar("_Model", bound=BaseModel)
Fraction = Annotated[float, Field(ge=0, le=1e6)]
"""An error rate; insertions may take it far beyond 1."""


class _Record(BaseModel):
    """A part of a file of an earlier stage; keys that no reader uses are allowed."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, allow_inf_nan=False)


class OfDiscovery(_Record):
    """The figures of a cohort on discovery; the error rate is None if the cohort has no speaker there."""

    speakers: Annotated[int, Field(ge=0)]
    wer: Fraction | None
    ci95: Annotated[list[Fraction], Field(min_length=2, max_length=2)] | None = None


class Geometry(_Record):
    """The part of the map that a cohort holds."""

    rectangles: Annotated[list[Annotated[Rectangle, Field(strict=False)]], Field(min_length=1)]


class CohortSummary(_Record):
    """One cohort of a rule's summary.json."""

    cohort: str
    label: str
    wer_rank: Annotated[int, Field(ge=1)]
    discovery: OfDiscovery
    geometry: Geometry | None = None


class RuleSummary(_Record):
    """The content of a rule's summary.json."""

    rule: str
    cohorts: Annotated[list[CohortSummary], Field(min_length=1)]
    worst: list[str]


def read_summary(path: Path) -> dict[str, Any]:
    """The content of a rule's summary.json.

    Raises
    ------
    TableError
        The file does not exist, is no JSON, or lacks a key that its readers need, or has another kind of value there.
    """
    return read_model(path, RuleSummary).model_dump()


def read_model(path: Path, model: type[_Model]) -> _Model:
    """A JSON file through its model; raises `TableError` for the first key that does not fit."""
    content = read_json(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise TableError(f"{path}: {key}: {problem['msg'].lower()}; run the stage that makes it again") from None
