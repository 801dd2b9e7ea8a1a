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

    encoders: Annotated[list[Literal["base"]], Field(max_length=1)] = []
    """`[base]` trains the base speaker encoder, which `verification.methods` and `cohorts.voices: speaker` need; empty
    by default, since the short run needs none."""
    size: SpeakerSize = "small"
    """`small` trains on two CPU cores; the others are ECAPA-TDNN with 512 or 1,024 channels as published
    (2005.07143)."""
    embedding_dim: PositiveInt = 96
    """Dimension of an embedding."""
    loss: SpeakerLoss = "angular_prototypical"
    """Training loss: angular prototypical (2003.11982), or additive angular margin softmax (1801.07698)."""
    seed: Seed = 1
    """Seed of the initial weights, the batches, the crops and their augmentation."""
    threads: PositiveInt = 1
    """CPU threads. The number is fixed, since gradients differ between one thread and two."""
    epochs: PositiveInt = 5
    """Epochs of training; each draws every utterance of train about once."""
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    """Peak learning rate of AdamW: it rises linearly over the first tenth of the steps, then falls to 0 as a cosine."""
    speakers_per_batch: Annotated[int, Field(ge=2)] = 80
    """Largest number of speakers in a batch."""
    utterances_per_speaker: Annotated[int, Field(ge=2)] = 2
    """Utterances of each speaker in a batch. For the angular prototypical loss the last one is the query, and the mean
    of the others the prototype."""
    crop_seconds: Annotated[float, Field(ge=0.2)] = 1.5
    """Length in seconds of the random crops on which the encoder is trained; shorter utterances are repeated."""
    embeddings: str | None = None
    """Path of a parquet file `utterance_id, vector` with another encoder's embeddings of every utterance, which are
    used instead of training an encoder; null trains one."""
    embeddings_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    """SHA-256 digest of that file, which is checked, and lets DVC see that the file changed."""

    @model_validator(mode="after")
    def _digest_belongs_to_a_file(self) -> Self:
        if self.embeddings_sha256 is not None and self.embeddings is None:
            raise ValueError("speaker.embeddings_sha256 is set, but speaker.embeddings names no file; add it")
        return self


class VerificationParams(Section):
    """Mitigations of the speaker encoder, and how verification is judged."""

    methods: list[SpeakerMethod] = []
    """Names of the mitigations of the speaker encoder; empty by default, since the short run does not include
    verification."""
    attribute: str = "gender"
    """Column whose values are the groups of `group_balanced` and `group_dro`."""
    attributes: Annotated[list[str], Field(min_length=1)] = ["gender", "age_band"]
    """Columns by whose values verifiers are compared, in addition to the rules of `cohorts.rules`."""
    seed: Seed = 1
    """Seed of each adaptation and of generated trials."""
    threads: PositiveInt = 1
    """CPU threads. The number is fixed, since gradients differ between one thread and two."""
    epochs: PositiveInt = 6
    """Epochs of each method, including `continued` (plain further training), so that all have the same budget."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Peak learning rate of AdamW, with the schedule of `speaker.learning_rate`."""
    clusters: Annotated[int, Field(ge=2)] = 8
    """Number of k-means clusters of voices. The adversary of the `arw_...` methods sees the cluster of each
    utterance."""
    refresh_epochs: PositiveInt = 2
    """Epochs after which the clusters are computed again."""
    hidden_dim: Annotated[int, Field(ge=0)] = 32
    """Units of the adversary's hidden layer; 0 for a linear adversary."""
    adversary_learning_rate: Annotated[float, Field(gt=0)] = 1e-2
    """Learning rate of the adversary's Adam optimiser."""
    dro_step_size: Annotated[float, Field(ge=0.0)] = 0.01
    """Step size of `group_dro`: after each batch a group's weight is multiplied by exp(step size * the group's mean
    loss)."""
    max_nontargets: Annotated[int, Field(ge=100)] = 100_000
    """Largest number of non-target trials in a generated list."""
    trials: str | None = None
    """Path of a list of trials among the utterances of test, one a line: `1 enrol_id test_id` for a target, `0 ...` for
    a non-target. null generates them. Trials of discovery, on which cohorts are ranked, are always generated."""
    trials_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    """SHA-256 digest of that file, which is checked, and lets DVC see that the file changed."""
    s_norm: bool = False
    """Whether scores are normalised by adaptive s-norm, with the speakers of train as impostors."""
    impostors: Annotated[int, Field(ge=2)] = 200
    """Number of the nearest impostors that s-norm uses."""

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
