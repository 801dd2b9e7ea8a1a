"""Params of discovery: which rules, and one section a rule."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.section import PositiveInt, Section, refuse_duplicates

CohortRule = Literal["geographic", "attribute"]


class CohortsParams(Section):
    """Which cohort rules are discovered; every system is compared under each of them."""

    rules: Annotated[list[CohortRule], Field(min_length=1)] = ["geographic", "attribute"]

    @model_validator(mode="after")
    def _no_rule_twice(self) -> Self:
        refuse_duplicates("cohorts.rules", self.rules)
        return self


class GeographicParams(Section):
    """The tree over latitude and longitude."""

    max_leaves: Annotated[int, Field(ge=2)] = 10
    min_speakers: PositiveInt = 24
    """Fewest speakers a leaf may have."""
    min_words: PositiveInt = 100
    """Fewest reference words a leaf may have."""


class AttributeParams(Section):
    """Cohorts that are the values of known columns and their intersections."""

    columns: Annotated[list[str], Field(min_length=1)] = ["age_band"]
