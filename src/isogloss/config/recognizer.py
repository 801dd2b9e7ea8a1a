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
    """SpecAugment (1904.08779) on the training features; it is off while both numbers of masks are 0."""

    time_masks: Annotated[int, Field(ge=0)] = 0
    """Time masks on each utterance."""
    time_mask_frames: PositiveInt = 20
    """Widest time mask, in frames of 10 ms; a mask never hides more than a fifth of an utterance."""
    freq_masks: Annotated[int, Field(ge=0)] = 0
    """Frequency masks on each utterance."""
    freq_mask_bins: PositiveInt = 8
    """Widest frequency mask, in mel filters."""


class AsrParams(Section):
    """The base recogniser and its training."""

    model: RecognizerName = "transducer"
    """The kind of recogniser: our own `transducer`, trained from scratch, or a pretrained one (`whisper`, `ctc`)."""
    checkpoint: str | None = None
    """Checkpoint of a pretrained recogniser: a folder in the Hugging Face layout, whose path may begin with
    $ISOGLOSS_MODELS, or owner/name@commit on the Hugging Face hub. null for a transducer."""
    checkpoint_sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    """SHA-256 digest of a checkpoint that is a folder; required there, checked, and what lets DVC see that the
    checkpoint changed. `isogloss params` writes it. null for a checkpoint on the hub."""
    download: bool = False
    """Whether a checkpoint on the hub may be downloaded if it is not in the local cache."""
    epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs of training a pretrained recogniser on train; 0 takes it as it is. A transducer has `ctc_epochs` and
    `transducer_epochs` instead."""
    encoder: EncoderName = "lstm"
    """The encoder of the transducer; its options are the section of the same name."""
    seed: Seed = 1
    """Seed of base training: of the initial weights, the order of batches, dropout and SpecAugment."""
    threads: PositiveInt = 2
    """CPU threads of base training. The number is fixed, since gradients differ between one thread and two."""
    predictor_dim: PositiveInt = 128
    """Dimension of the token embedding and units of the LSTM layer in the transducer's predictor."""
    joiner_dim: PositiveInt = 128
    """Units of the transducer's joiner, onto which encoder and predictor are projected."""
    token_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Probability that a token of the history is hidden from the predictor in training."""
    ctc_epochs: Annotated[int, Field(ge=0)] = 2
    """First epochs of a transducer, with the CTC loss alone: they teach the encoder to use the audio before the
    predictor has learnt the grammar."""
    transducer_epochs: PositiveInt = 4
    """Epochs with the transducer loss, after `ctc_epochs`."""
    ctc_weight: Annotated[float, Field(ge=0.0)] = 0.3
    """Weight of the CTC loss in `transducer_epochs`; the transducer loss has weight 1."""
    loss: Literal["full", "pruned"] = "pruned"
    """The transducer loss of base training: `full`, over all label positions, or `pruned`, over a window of them at
    each encoder frame (2206.13236), which gave a lower WER on Atlas."""
    prune_range: Annotated[int, Field(ge=2)] = 5
    """Label positions in each window of the pruned loss."""
    simple_loss_scale: Annotated[float, Field(ge=0.0)] = 0.5
    """Weight of the loss of the simple joiner, which places the windows of the pruned loss; the pruned loss has weight
    1."""
    prune_warm_up_epochs: Annotated[int, Field(ge=0)] = 1
    """Epochs over which the weights of the simple and the pruned loss change from 1 and 0.1 to `simple_loss_scale` and
    1, in one step per epoch; with 0 they have their final values at once."""
    fastemit: Annotated[float, Field(ge=0.0)] = 0.0
    """FastEmit's lambda (2010.11148): the gradients of labels are multiplied by 1 + lambda, so that tokens are emitted
    earlier, in adaptation too. 0 turns it off."""
    delay_penalty: Annotated[float, Field(ge=0.0)] = 0.0
    """Nats that a label loses for each encoder frame by which it is emitted later (2211.00490), in adaptation too. 0
    turns it off."""
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    """Peak learning rate of AdamW: it rises linearly over the first tenth of the steps, then falls to a twentieth of
    the peak as a cosine."""
    batch_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Seconds of audio in one batch; where several GPUs train, they divide it among themselves."""
    accumulate: PositiveInt = 1
    """Number of batches whose mean gradient makes one optimiser step."""
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Decay per step of a moving average of the weights, which becomes the model after training; 0 takes the last
    weights."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """Precision of matrix products in base training; auto is bf16 on a GPU and float32 on the CPU. LSTM layers,
    including the predictor's, always run in float32 (autocast offers them float16 only), and the transducer's lattice
    has at least float32."""
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
    """Search of whole utterances; a stream is always decoded greedily."""
    beam: PositiveInt = 4
    """Hypotheses that a beam search keeps; read where `method` is beam."""
    max_tokens_per_frame: PositiveInt = 5
    """Largest number of tokens that a transducer may emit at one encoder frame."""
    threads: PositiveInt = 1
    """CPU threads of `transcribe` and `voice_inputs`, which run the base model; other stages can run beside them on the
    other cores."""
