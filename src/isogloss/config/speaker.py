"""Params of the speaker encoder: the verifier, and the source of embeddings for automatic cohorts."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.components import MitigationComponent
from isogloss.config.known import Known
from isogloss.config.section import PositiveInt, Section, Seed, refuse_duplicates

SpeakerSize = Literal["small", "ecapa_512", "ecapa_1024"]
SpeakerLoss = Literal["angular_prototypical", "aam_softmax"]
SpeakerMethod = Annotated[str, Known(MitigationComponent, adapts="speaker")]


class SpeakerParams(Section):
    """The base speaker encoder and its training, on the speakers of train."""

    size: SpeakerSize = "small"
    """`small` for two cores; ECAPA-TDNN with 512 or 1,024 channels as published."""
    embedding_dim: PositiveInt = 96
    loss: SpeakerLoss = "angular_prototypical"
    seed: Seed = 1
    threads: PositiveInt = 1
    """Fixed, because gradients differ between one thread and two."""
    epochs: PositiveInt = 5
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    speakers_per_batch: Annotated[int, Field(ge=2)] = 80
    utterances_per_speaker: Annotated[int, Field(ge=2)] = 2
    """Of each speaker in a batch; the last is the query of the angular prototypical loss."""
    crop_seconds: Annotated[float, Field(ge=0.2)] = 1.5
    """Length of the random crops that training sees; shorter utterances are repeated."""
    embeddings: str | None = None
    """A parquet file `utterance_id, vector` of another encoder's embeddings, for every utterance; nothing is trained
    then."""
    embeddings_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    """Digest of that file: checked, and what lets DVC see that it changed."""

    @model_validator(mode="after")
    def _digest_belongs_to_a_file(self) -> Self:
        if self.embeddings_sha256 is not None and self.embeddings is None:
            raise ValueError("speaker.embeddings_sha256 is set, but speaker.embeddings names no file; add it")
        return self


class VerificationParams(Section):
    """Mitigations of the speaker encoder, and how verification is judged."""

    methods: list[SpeakerMethod] = []
    """None by default: verification is not part of the short run."""
    attribute: str = "gender"
    """Column by which group_balanced and group_dro know the groups."""
    attributes: Annotated[list[str], Field(min_length=1)] = ["gender", "age_band"]
    """Columns by whose values verifiers are compared, beside the rules of cohorts.rules."""
    seed: Seed = 1
    threads: PositiveInt = 1
    epochs: PositiveInt = 6
    """Of each method, `continued` too, so that all have the same budget."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    clusters: Annotated[int, Field(ge=2)] = 8
    """k-means clusters of voices that the adversary is told."""
    refresh_epochs: PositiveInt = 2
    """The clusters are made anew every so many epochs."""
    hidden_dim: Annotated[int, Field(ge=0)] = 32
    """Units of the adversary's hidden layer; 0 for a linear one."""
    adversary_learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    dro_step_size: Annotated[float, Field(ge=0.0)] = 0.01
    max_nontargets: Annotated[int, Field(ge=100)] = 100_000
    """Most non-target trials of a list that is made."""
    trials: str | None = None
    """A list file (`1 enrol_id test_id` a target, `0 ...` a non-target) of trials among the utterances of test, in
    place of made ones. Discovery, which ranks the cohorts, has made ones all the same."""
    trials_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    """Digest of that file: checked, and what lets DVC see that it changed."""
    s_norm: bool = False
    """Whether scores are normalised by the nearest speakers of train (adaptive s-norm)."""
    impostors: Annotated[int, Field(ge=2)] = 200
    """How many of these count."""

    @model_validator(mode="after")
    def _digest_belongs_to_a_list(self) -> Self:
        if self.trials_sha256 is not None and self.trials is None:
            raise ValueError("verification.trials_sha256 is set, but verification.trials names no file; add it")
        return self

    @model_validator(mode="after")
    def _no_method_twice(self) -> Self:
        refuse_duplicates("verification.methods", self.methods)
        refuse_duplicates("verification.attributes", self.attributes)
        return self
