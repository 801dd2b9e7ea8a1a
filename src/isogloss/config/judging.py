"""Params of judging: statistics and privacy."""

from typing import Annotated, Literal

from pydantic import Field

from isogloss.config.section import PositiveInt, Section, Seed


class TextParams(Section):
    """How references and hypotheses are written before words are compared."""

    normalizer: Literal["none", "basic", "english"] = "none"
    """Whisper's text normaliser for any language (`basic`) or for English (`english`; `isogloss.io.normalise`), or
    none. A pretrained recogniser that writes capitals, punctuation or digits needs one."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps of `isogloss.io.normalise.normalise`."""
        return () if self.normalizer == "none" else (self.normalizer,)


class StatisticsParams(Section):
    """Confidence intervals and tests, with speakers as units."""

    seed: Seed = 1
    """Seed of resamples and permutations, and of the halves of speakers on which an audit discovers and reports."""
    confidence: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.95
    """Confidence level of intervals."""
    resamples: Annotated[int, Field(ge=200)] = 2000
    """Bootstrap resamples of speakers for each interval."""
    permutations: Annotated[int, Field(ge=200)] = 10000
    """Permutations, or sign flips, of each test; all sign flips are enumerated where there are no more than this."""
    estimand: Literal["population", "speakers"] = "population"
    """The main error rate: that of the population, in which speakers count by their weights, or that of the speakers,
    who all have weight 1. The other one is shown beside it everywhere."""
    margin: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """Relative rise of the error rate that would not matter: a cohort is called non-inferior where a larger rise is
    excluded (our choice)."""
    min_speakers: PositiveInt = 20
    """Cohorts with fewer effective speakers (Kish's number) are shown without intervals and p values."""
    min_deciding: Annotated[float, Field(ge=1.0)] = 5.0
    """Smallest number of speakers who must decide on a figure for it to have an interval
    (`judging.statistics.intervals.deciding_speakers`): with fewer, no interval holds its level
    (`benchmarks/results/statistics_pairs.md`)."""


class PrivacyParams(Section):
    """What may be shown."""

    min_speakers: PositiveInt = 5
    """Cohorts with fewer speakers are merged or suppressed in everything that is published."""
