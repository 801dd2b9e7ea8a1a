"""A cohort rule: north and south of a parallel."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from sklearn.utils.validation import check_is_fitted

from isogloss.cohorts.rule import UNSPECIFIED, ErrorRateRule, feature_names, lacking_columns, require_rule, set_features
from isogloss.config.components import RuleComponent
from isogloss.config.section import Section


class ParallelParams(Section):
    """One line over the map."""

    degrees: Annotated[float, Field(ge=-90.0, le=90.0)] = 38.0
    """Latitude of the line."""


COMPONENT = RuleComponent(
    name="toy_parallel",
    options=ParallelParams,
    implementation="ParallelCohorts",
    inputs=("latitude",),
    title="side of a parallel",
    about="North and south of {degrees} degrees.",
    unit="side",
)


class ParallelCohorts(ErrorRateRule):
    rule_name = COMPONENT.name

    def __init__(self, *, degrees: float = 38.0) -> None:
        self.degrees = degrees

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        self._observe(X, y, sample_weight, groups)
        self.line_ = self.degrees
        return self

    def predict(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.object_]:
        del groups
        latitude_N = self._features(X)[:, 0]
        sides = np.where(latitude_N > self.degrees, "north", "south").astype(object)
        return np.where(np.isnan(latitude_N), UNSPECIFIED, sides)

    def input_columns(self, present: Sequence[str]) -> list[str]:
        del present
        return ["latitude"]

    def lacks(self, utterances: pd.DataFrame) -> str:
        return lacking_columns(utterances, ["latitude"], all_needed=True)

    def to_json(self) -> dict[str, Any]:
        check_is_fitted(self)
        return {"rule": self.rule_name, "params": self.get_params(), "features": feature_names(self)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        require_rule(content, cls.rule_name, ("params", "features"))
        rule = cls(**content["params"])
        set_features(rule, content["features"], 1)
        rule.line_ = rule.degrees
        return rule

    def label(self, cohort: str) -> str:
        return "position unknown" if cohort == UNSPECIFIED else f"{cohort} of {self.degrees:g}° N"
