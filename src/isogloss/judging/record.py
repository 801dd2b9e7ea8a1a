"""The base class of the parts of a document, which refuses impossible numbers, and the types of their fields."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Interval = tuple[float, float]
Estimand = Literal["population", "speakers"]
Count = Annotated[int, Field(ge=0, le=10**15)]
Probability = Annotated[float, Field(ge=0, le=1)]
Degrees = float
Rectangle = tuple[Degrees, Degrees, Degrees, Degrees]
"""South, west, north and east bound, in degrees."""

_LARGEST = 1e300
"""Largest number in a document. A relative change of a variance near 0 may be 1e150; the axis of a chart overflows soon
after 1e300."""


class Record(BaseModel):
    """A part of a document; unknown keys are refused, and so are numbers larger than any figure can be."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    @model_validator(mode="after")
    def _refuse_huge(self) -> Self:
        """Refuse numbers that occur only in damaged files."""
        for name in type(self).model_fields:
            held = getattr(self, name)
            for number in held if isinstance(held, tuple) else (held,):
                if isinstance(number, int | float) and abs(number) > _LARGEST:
                    raise ValueError(f"{name} is larger than any figure can be")
        return self
