"""Params of judging: statistics and privacy."""

from typing import Annotated, Literal

from pydantic import Field

from isogloss.config.section import PositiveInt, Section, Seed


class TextParams(Section):
    """How references and hypotheses are written before words are compared."""

    normalizer: Literal["none", "basic", "english"] = "none"
    """Whisper's normalisers, for all languages or for English (`isogloss.io.normalise`); a pretrained recogniser that
    writes capitals, punctuation or digits needs one."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of `isogloss.io.normalise.normalise`."""
        return () if self.normalizer == "none" else (self.normalizer,)


class StatisticsParams(Section):
    """Intervals and tests; speakers are the units."""

    seed: Seed = 1
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    resamples: Annotated[int, Field(ge=200)] = 2000
    permutations: Annotated[int, Field(ge=200)] = 10000
    estimand: Literal["population", "speakers"] = "population"
    """What is estimated first: the error rate of the population, in which each speaker has their weight, or that of the
    speakers alike, all weights 1. The other one stands beside it everywhere."""
    margin: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """Relative harm that would not matter: where a larger one is excluded, a cohort is not inferior (our choice)."""
    min_speakers: PositiveInt = 20
    """Cohorts with fewer effective speakers (Kish's number) are shown without intervals and p values."""
    min_deciding: Annotated[float, Field(ge=1.0)] = 5.0
    """So many speakers at least must decide on a figure (`judging.statistics.intervals.deciding_speakers`): where fewer
    do, no interval holds its level, so it has none (`benchmarks/results/statistics_pairs.md`)."""


class PrivacyParams(Section):
    """What may be shown."""

    min_speakers: PositiveInt = 5
    """Cohorts with fewer speakers are merged or suppressed in everything that is published."""
