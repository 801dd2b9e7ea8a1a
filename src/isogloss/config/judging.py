"""Params of judging: statistics, and what may be shown."""

from typing import Annotated

from pydantic import Field

from isogloss.config.section import PositiveInt, Section, Seed


class StatisticsParams(Section):
    """Intervals and tests; speakers are the units."""

    seed: Seed = 1
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    resamples: Annotated[int, Field(ge=200)] = 2000
    permutations: Annotated[int, Field(ge=200)] = 10000
    min_speakers: PositiveInt = 20
    """Below this a cohort's figure is shown without interval or p value."""


class PrivacyParams(Section):
    """What may be shown."""

    min_speakers: PositiveInt = 5
    """A smaller cohort is merged or suppressed in whatever leaves the machine."""
