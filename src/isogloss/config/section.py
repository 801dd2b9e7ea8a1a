"""The base class of the sections of params.yaml, and the types of their values."""

import reprlib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Section(BaseModel):
    """A section of params.yaml: strict types, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def refuse_duplicates(key: str, values: list[Any]) -> None:
    """Raise where a list names an item twice."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{key} lists {reprlib.repr(value)} twice; name each once")
