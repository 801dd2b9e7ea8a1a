"""The base class of the parts of a document, which refuses impossible numbers, and the types of their fields."""

import ast
import inspect
from itertools import pairwise
from textwrap import dedent
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

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
    """A part of a document; unknown keys are refused, and so are numbers larger than any figure can be.

    The strings below its fields describe them in the schema.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema with the descriptions of the fields.

        With `use_attribute_docstrings` pydantic would read the source of every class each time that it is imported,
        0.1 s of each command and stage.
        """
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema)["properties"]
        for one in cls.__mro__[: cls.__mro__.index(Record)]:
            for name, description in _described(one).items():
                properties[name].setdefault("description", description)
        return schema

    @model_validator(mode="after")
    def _refuse_huge(self) -> Self:
        """Refuse numbers that occur only in damaged files."""
        for name in type(self).model_fields:
            held = getattr(self, name)
            for number in held if isinstance(held, tuple) else (held,):
                if isinstance(number, int | float) and abs(number) > _LARGEST:
                    raise ValueError(f"{name} is larger than any figure can be")
        return self


def _described(record: type) -> dict[str, str]:
    """Field -> the string below it, of the fields in a class's own body."""
    (definition,) = ast.parse(dedent(inspect.getsource(record))).body
    found = {}
    for field, below in pairwise(definition.body if isinstance(definition, ast.ClassDef) else ()):
        text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, str):
            found[field.target.id] = inspect.cleandoc(text)
    return found
