"""The type of a param that names a component."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from isogloss.config.components import Component, Model
from isogloss.config.registry import names


@dataclass(frozen=True)
class Known:
    """`Annotated[str, Known(kind)]`: a string that names a component of a kind, refused as a wrong choice is.

    The components are looked up when a value is checked, not when the model is made.
    """

    kind: type[Component]
    adapts: Model | None = None
    """For mitigations: only those that can adapt this model are known; None for all."""

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._checked, handler(source))

    def _checked(self, value: Any) -> Any:
        """The value; an error of pydantic's own for choices if there is no such component."""
        known = names(self.kind, adapts=self.adapts)
        if value not in known:
            *others, last = map(repr, known)
            expected = f"{', '.join(others)} or {last}" if others else last
            raise PydanticKnownError("literal_error", {"expected": expected})
        return value
