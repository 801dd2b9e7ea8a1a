"""Params of the corpus and of its preparation."""

from math import ceil
from statistics import NormalDist
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.section import PositiveInt, Probability, Section, Seed, Share


class CorpusParams(Section):
    """Which corpus to build. `source` names a description in `corpora/`: atlas, speechocean762 or your own."""

    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = "atlas"
    seed: Seed = 1


class AtlasParams(Section):
    """Size of the embedded corpus.

    Train follows the population, where some dialects are rare. The other splits are surveys: speakers are drawn and
    weighted by where they live and what their ZIP is like, never by their dialect.
    """

    sampling: Literal["stratified", "natural"] = "stratified"
    """How adapt, discovery, dev and test are drawn: stratified draws people of sparse regions and of small groups more
    often, natural draws everybody with the same chance."""
    train_speakers: PositiveInt = 240
    adapt_speakers: PositiveInt = 1000
    discovery_speakers: PositiveInt = 1000
    dev_speakers: PositiveInt = 240
    test_speakers: PositiveInt = 1000
    train_utterances: PositiveInt = 12
    """Utterances of each speaker of train."""
    adapt_utterances: PositiveInt = 2
    """Utterances of each speaker of adapt."""
    held_out_utterances: PositiveInt = 3
    """Utterances of each speaker of discovery, dev and test: many speakers tell more than many utterances of few."""
    utterances_per_recording: PositiveInt = 2
    """Utterances of a speaker that share a recording, hence a channel and its noise."""


class PrepareParams(Section):
    """Splits, text, tokens and features."""

    seed: Seed = 1
    num_filters: Annotated[int, Field(ge=20, le=128)] = 40
    """Log-mel filters; 25 ms windows every 10 ms."""
    tokens: Literal["characters", "words", "pieces"] = "characters"
    """What a recogniser that is trained from scratch writes: characters, words, or pieces of words (SentencePiece)."""
    pieces: Annotated[int, Field(ge=20, le=50000)] = 500
    """Most pieces, where tokens are pieces."""
    assignment: Literal["drawn", "hashed"] = "drawn"
    """How speakers of a corpus that brings no splits get theirs: drawn stratum by stratum, or by a hash of their id, so
    that nobody changes split when speakers are added."""
    engine: Literal["processes", "threads", "dask", "ray"] = "processes"
    """Who computes features: processes of this host, or Prefect tasks on its threads, on Dask or on Ray; the same
    bytes."""
    workers: PositiveInt = 2
    """Threads, or workers of a local cluster of Dask or Ray."""
    scheduler: str | None = None
    """The address of a cluster that is already there, such as tcp://host:8786 (Dask) or ray://host:10001 (Ray)."""
    stratify_by: str | list[str] = "age_band"
    """Column, or columns, whose values are spread evenly over drawn splits; several are combined."""
    adapt_share: Probability = 0.15
    discovery_share: Probability = 0.25
    dev_share: Probability = 0.1
    test_share: Probability = 0.25
    test_min_speakers: PositiveInt = 20
    """Speakers that each stratum sends to test even if its share is smaller, up to two fifths of the stratum."""
    train_min_speakers: PositiveInt = 150
    """If separate adapt speakers left train with fewer, adapt takes other utterances of train's speakers."""
    max_duration_s: Annotated[float, Field(gt=0)] | None = None
    """Longer utterances are left out, for a recogniser with a short window; null keeps all."""
    speaker_utterances: PositiveInt | None = None
    """At most so many utterances of each speaker, drawn at random; null keeps all."""
    train_shares: dict[str, Annotated[float, Field(ge=0.0, lt=1.0)]] = {}
    """Largest share of train's speakers that a value of `stratify_by` may have, as {child 6-12: 0.03}: those beyond it
    go to adapt. It makes a cohort as rare in training as it is among users, for a corpus that brings no splits."""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        held_out = self.adapt_share + self.discovery_share + self.dev_share + self.test_share
        if held_out >= 1.0:
            raise ValueError(f"the shares of adapt, discovery, dev and test sum to {held_out:g}; leave some for train")
        return self


class ValidationParams(Section):
    """Thresholds of the data gate."""

    max_duration_s: Annotated[float, Field(gt=0)] = 30.0
    max_words_per_s: Annotated[float, Field(gt=0)] = 10.0
    min_speakers: PositiveInt = 5
    """Fewest speakers that any split may have."""
    stop: list[str] = []
    """Expectations, by name, that stop the run where they fail although they would only warn."""
    warn: list[str] = []
    """Expectations, by name, that only warn where they fail."""
    detectable: Share = 0.1
    """The difference between error rates of speakers that a cohort should show: 0.1 is ten words in a hundred."""
    power: Share = 0.8
    """With which probability it should be shown."""
    speaker_sd: Share = 0.15
    """The assumed standard deviation of the error rate between speakers."""

    @property
    def effective_speakers(self) -> int:
        """Effective speakers that a cohort needs: ((z_.975 + z_power) * sd / difference)^2, the normal approximation
        for a mean at a level of 5 % (Cohen 1988, chapter 2)."""
        normal = NormalDist()
        return ceil(((normal.inv_cdf(0.975) + normal.inv_cdf(self.power)) * self.speaker_sd / self.detectable) ** 2)
