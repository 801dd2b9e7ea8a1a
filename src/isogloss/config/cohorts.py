"""Params of discovery: which rules, and one section a rule."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from isogloss.config.section import PositiveInt, Section, Seed, refuse_duplicates

CohortRule = Literal["geographic", "geodemographic", "automatic", "attribute"]


class CohortsParams(Section):
    """Which cohort rules are discovered; every system is compared under each of them."""

    rules: Annotated[list[CohortRule], Field(min_length=1)] = ["geographic", "geodemographic", "automatic", "attribute"]

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
    alpha: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Level of the test over speakers that a split must pass; without it regions are split while their WER differs."""
    random_state: Seed = 1
    """Seed of that test's permutations."""


class GeodemographicParams(Section):
    """The partition of ZIP codes in two."""

    attributes: Annotated[list[str], Field(min_length=1)] = [
        "percent_white",
        "percent_black",
        "percent_asian",
        "percent_hispanic",
        "per_capita_income",
        "median_rent",
        "median_age",
    ]
    """Columns of the corpus' ZIP table; those named percent_... divide at the majority, others at their median."""
    min_speakers: PositiveInt = 30
    """Fewest speakers a side may have."""
    min_words: PositiveInt = 100
    """Fewest reference words a side may have."""
    pairs: bool = True
    """Whether pairs of attributes are tried as well."""

    @model_validator(mode="after")
    def _no_attribute_twice(self) -> Self:
        refuse_duplicates("geodemographic.attributes", self.attributes)
        return self


class AutomaticParams(Section):
    """Clusters of speaker embeddings."""

    n_clusters: int | Literal["auto"] = 10
    """Clusters, or auto: as many as come out the same from different halves of the speakers; where one difference
    between voices is much larger than all others (gender, mostly), those are the two of it."""
    max_clusters: Annotated[int, Field(ge=2)] = 12
    """Most clusters that auto may choose."""
    random_state: Seed = 1

    @field_validator("n_clusters", mode="before")
    @classmethod
    def _auto_or_several(cls, value: Any) -> Any:
        if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or value < 2):
            raise ValueError(f"automatic.n_clusters is {value!r}, but must be auto or a whole number of at least 2")
        return value


class AttributeParams(Section):
    """Cohorts that are the values of known columns and their intersections."""

    columns: Annotated[list[str], Field(min_length=1)] = ["age_band"]
