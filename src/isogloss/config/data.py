"""Params of the corpus and of its preparation."""

from math import ceil
from statistics import NormalDist
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.section import PositiveInt, Probability, Section, Seed, Share


class CorpusParams(Section):
    """Which corpus to build."""

    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = "atlas"
    """Name of a description in `corpora/`, without `.yaml`: atlas, speechocean762 or your own."""
    seed: Seed = 1
    """Seed of the embedded corpus, atlas; a recorded corpus does not use it."""


class AtlasParams(Section):
    """Size of the embedded corpus, Atlas.

    Train follows the population, where some dialects are rare. The other splits are surveys: speakers are drawn and
    weighted by where they live and what their ZIP is like, never by their dialect.
    """

    sampling: Literal["stratified", "natural"] = "stratified"
    """How the speakers of adapt, discovery, dev and test are drawn: stratified draws people of sparse regions and of
    small groups more often, natural draws everybody with the same chance."""
    train_speakers: PositiveInt = 240
    """Speakers of train, the split of base training."""
    adapt_speakers: PositiveInt = 1000
    """Speakers of adapt, on whose utterances mitigations are trained."""
    discovery_speakers: PositiveInt = 1000
    """Speakers of discovery, on which cohort rules are fitted and cohorts are ranked."""
    dev_speakers: PositiveInt = 240
    """Speakers of dev, on which options are chosen."""
    test_speakers: PositiveInt = 1000
    """Speakers of test, on which results are reported."""
    train_utterances: PositiveInt = 12
    """Utterances of each speaker of train."""
    adapt_utterances: PositiveInt = 2
    """Utterances of each speaker of adapt."""
    held_out_utterances: PositiveInt = 3
    """Utterances of each speaker of discovery, dev and test. It is small, since many speakers tell more than many
    utterances of a few speakers."""
    utterances_per_recording: PositiveInt = 2
    """Utterances of a speaker that share a recording, hence a channel and its noise."""


class PrepareParams(Section):
    """Splits, text, tokens and features."""

    seed: Seed = 1
    """Seed of the splits and of the choice of utterances (`speaker_utterances`)."""
    num_filters: Annotated[int, Field(ge=20, le=128)] = 40
    """Number of log-mel filters. Features have windows of 25 ms, one every 10 ms."""
    tokens: Literal["characters", "words", "pieces"] = "characters"
    """Output tokens of a recogniser that is trained from scratch: characters, words, or pieces of words (byte pair
    encoding by SentencePiece)."""
    pieces: Annotated[int, Field(ge=20, le=50000)] = 500
    """Largest number of pieces; read where `tokens` is pieces."""
    assignment: Literal["drawn", "hashed"] = "drawn"
    """How the speakers of a corpus without splits of its own get a split: drawn at random from each stratum
    (`stratify_by`), or hashed, by a hash of the speaker's id, so that nobody changes split when speakers are added."""
    engine: Literal["processes", "threads", "dask", "ray"] = "processes"
    """What computes the features: processes of this host, at most one per CPU core, or Prefect tasks on threads of this
    host, on Dask or on Ray. The resulting bytes are the same."""
    workers: PositiveInt = 2
    """Number of threads, or of worker processes of a local Dask or Ray cluster. Not read where `engine` is processes,
    or where `scheduler` names a cluster."""
    scheduler: str | None = None
    """Address of a running cluster whose workers see the same files, such as tcp://host:8786 (Dask) or ray://host:10001
    (Ray); null starts a local cluster."""
    stratify_by: str | list[str] = "age_band"
    """Column, or list of columns, whose values are spread evenly over drawn splits; a stratum is a combination of the
    columns' values."""
    adapt_share: Probability = 0.15
    """Share of the speakers that adapt gets, where `prepare` makes this split. Train gets what the four shares
    leave."""
    discovery_share: Probability = 0.25
    """Share of the speakers that discovery gets, where `prepare` makes this split."""
    dev_share: Probability = 0.1
    """Share of the speakers that dev gets, where `prepare` makes this split."""
    test_share: Probability = 0.25
    """Share of the speakers that test gets, where `prepare` makes this split."""
    test_min_speakers: PositiveInt = 20
    """Smallest number of speakers that each stratum gives to test, even if `test_share` of the stratum is less; for
    this, test may take up to two fifths of the stratum. Drawn splits only."""
    train_min_speakers: PositiveInt = 150
    """Smallest number of speakers of train. If adapt with speakers of its own would leave train fewer, adapt gets a
    part of the utterances of train's speakers instead. Drawn splits only."""
    max_duration_s: Annotated[float, Field(gt=0)] | None = None
    """Longest utterance in seconds; longer ones are left out, for a recogniser with a short window. null keeps all."""
    speaker_utterances: PositiveInt | None = None
    """Largest number of utterances of each speaker; those that are kept are drawn at random. null keeps all."""
    train_shares: dict[str, Annotated[float, Field(ge=0.0, lt=1.0)]] = {}
    """Largest share of train's speakers that a value of `stratify_by` may have, such as {child 6-12: 0.03}; the
    speakers beyond it go to adapt. It makes a cohort as rare in training as it is among users. With several columns a
    value is their combination, such as `child 6-12 | female`. No effect on a corpus that brings all five splits."""

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        held_out = self.adapt_share + self.discovery_share + self.dev_share + self.test_share
        if held_out >= 1.0:
            raise ValueError(f"the shares of adapt, discovery, dev and test sum to {held_out:g}; leave some for train")
        limited = sum(self.train_shares.values())
        if limited >= 1.0:
            raise ValueError(f"train_shares sum to {limited:g}; leave a share of train for the other speakers")
        return self

    @model_validator(mode="after")
    def _a_scheduler_belongs_to_a_cluster(self) -> Self:
        if self.scheduler is not None and self.engine not in ("dask", "ray"):
            raise ValueError(
                f"scheduler is {self.scheduler}, but engine is {self.engine}, which has none; set engine to dask or ray"
            )
        return self


class ValidationParams(Section):
    """Thresholds of the data gate."""

    max_duration_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest utterance in seconds that passes. The window of a recogniser that has one (`whisper.window_seconds`)
    lowers it."""
    max_words_per_s: Annotated[float, Field(gt=0)] = 10.0
    """Highest number of reference words per second of audio that passes."""
    min_speakers: PositiveInt = 5
    """Smallest number of speakers that each split may have."""
    stop: list[str] = []
    """Names of expectations that stop the run if they fail, although they would only warn by default."""
    warn: list[str] = []
    """Names of expectations that only warn if they fail, although they may stop the run by default."""
    detectable: Share = 0.1
    """Difference of error rates, not relative, that each value of `attribute.columns` should be able to show in test:
    0.1 is ten errors more in a hundred words."""
    power: Share = 0.8
    """Probability with which this difference should be shown."""
    speaker_sd: Share = 0.15
    """Assumed standard deviation of the error rate between speakers."""

    @property
    def effective_speakers(self) -> int:
        """Effective speakers that a cohort needs: ((z_.975 + z_power) * sd / difference)^2, the normal approximation
        for a mean at a level of 5 % (Cohen 1988, chapter 2)."""
        normal = NormalDist()
        return ceil(((normal.inv_cdf(0.975) + normal.inv_cdf(self.power)) * self.speaker_sd / self.detectable) ** 2)
