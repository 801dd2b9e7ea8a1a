"""Params of the recogniser. The options of an encoder stand beside it, in `isogloss.recognizers.transducer`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.components import EncoderComponent, RecognizerComponent
from isogloss.config.known import Known
from isogloss.config.registry import declaration
from isogloss.config.section import PositiveInt, Section, Seed

EncoderName = Annotated[str, Known(EncoderComponent)]
RecognizerName = Annotated[str, Known(RecognizerComponent)]


class SpecAugmentParams(Section):
    """SpecAugment (1904.08779) on the training features; no masks, no augmentation."""

    time_masks: Annotated[int, Field(ge=0)] = 0
    time_mask_frames: PositiveInt = 20
    """Widest time mask, in frames of 10 ms; a mask never hides more than a fifth of an utterance."""
    freq_masks: Annotated[int, Field(ge=0)] = 0
    freq_mask_bins: PositiveInt = 8
    """Widest frequency mask, in mel filters."""


class AsrParams(Section):
    """The base recogniser and its training."""

    model: RecognizerName = "transducer"
    """The kind of recogniser: our own transducer, trained from scratch, or a pretrained one (`whisper`, `ctc`)."""
    checkpoint: str | None = None
    """Of a pretrained recogniser: a folder in the Hugging Face layout, which may begin with $ISOGLOSS_MODELS, or
    owner/name@commit of the hub."""
    checkpoint_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    """Digest of a folder's checkpoint: checked, and what lets DVC see that it changed."""
    download: bool = False
    """Whether a hub's checkpoint that is not in the local cache may be fetched."""
    epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs of a pretrained recogniser on train; 0 takes it as it is. The transducer has two numbers of its own."""
    encoder: EncoderName = "lstm"
    """Of the transducer."""
    seed: Seed = 1
    threads: PositiveInt = 2
    """Fixed, because gradients differ between one thread and two."""
    predictor_dim: PositiveInt = 128
    joiner_dim: PositiveInt = 128
    token_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of the predictor's history that is hidden from it in training."""
    ctc_epochs: Annotated[int, Field(ge=0)] = 3
    """Epochs of CTC alone that teach the encoder to listen before the predictor has learnt the grammar."""
    transducer_epochs: PositiveInt = 5
    ctc_weight: Annotated[float, Field(ge=0.0)] = 0.3
    loss: Literal["full", "pruned"] = "full"
    """The transducer loss of base training, over all label positions or within windows of them (2206.13236)."""
    prune_range: Annotated[int, Field(ge=2)] = 5
    """Label positions of each encoder frame that the pruned loss keeps."""
    simple_loss_scale: Annotated[float, Field(ge=0.0)] = 0.5
    """Weight of the loss of the simple joiner that places the windows, beside 1 for the pruned loss."""
    prune_warm_up_epochs: Annotated[int, Field(ge=0)] = 1
    """Epochs over which the weights of the two go from 1 and 0.1 to these, epoch by epoch."""
    fastemit: Annotated[float, Field(ge=0.0)] = 0.0
    """FastEmit's lambda (2010.11148): labels' gradients count 1 + lambda times as much, in adaptation too."""
    delay_penalty: Annotated[float, Field(ge=0.0)] = 0.0
    """Nats that a label loses for each encoder frame that it comes later (2211.00490), in adaptation too."""
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    batch_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Audio in one batch, shared out among the processes where several GPUs train."""
    accumulate: PositiveInt = 1
    """Batches whose mean gradient makes one step."""
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """The model is a moving average of the weights with this decay a step; 0 takes the last weights."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """Of matrix products in training; auto is bf16 on a GPU and float32 on the CPU. LSTMs, the predictor's too, are
    float32 always (autocast has them in float16 alone), and the transducer's lattice is never below it."""
    spec_augment: SpecAugmentParams = SpecAugmentParams()

    @model_validator(mode="after")
    def _pretrained_models_have_a_checkpoint(self) -> Self:
        pretrained = declaration(RecognizerComponent, self.model).pretrained
        if pretrained and self.checkpoint is None:
            raise ValueError(f"asr.model is {self.model}, which needs asr.checkpoint: a folder, or a model of the hub")
        if not pretrained and self.checkpoint is not None:
            raise ValueError(
                f"asr.checkpoint is set, but a {self.model} is trained from scratch; leave one of them out"
            )
        return self


class DecodingParams(Section):
    """How the recogniser's hypotheses are searched for, in `transcribe` and `evaluate`."""

    method: Literal["greedy", "beam"] = "greedy"
    beam: PositiveInt = 4
    """Hypotheses kept from frame to frame; read where `method` is beam."""
    max_tokens_per_frame: PositiveInt = 5
