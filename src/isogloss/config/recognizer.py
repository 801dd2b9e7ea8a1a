"""Params of the recogniser: its training, and one section an encoder."""

from typing import Annotated, Literal

from pydantic import Field

from isogloss.config.section import PositiveInt, Section, Seed

EncoderName = Literal["lstm", "conformer", "contextnet", "convrnnt", "amortized"]


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

    encoder: EncoderName = "lstm"
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


class DecodingParams(Section):
    """How the recogniser's hypotheses are searched for, in `transcribe` and `evaluate`."""

    method: Literal["greedy", "beam"] = "greedy"
    beam: PositiveInt = 4
    """Hypotheses kept from frame to frame; read where `method` is beam."""
    max_tokens_per_frame: PositiveInt = 5


class LstmParams(Section):
    """The LSTM encoder: a causal convolutional front end below unidirectional LSTM layers."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    channels: PositiveInt = 32
    hidden_dim: PositiveInt = 192
    layers: PositiveInt = 2
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1


class ConformerParams(Section):
    """The causal Conformer; the defaults have as many parameters as those of the other encoders."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    channels: PositiveInt = 32
    """Channels of the front end's convolutions."""
    dim: PositiveInt = 96
    layers: PositiveInt = 3
    heads: PositiveInt = 4
    feed_forward: PositiveInt = 368
    kernel: PositiveInt = 15
    """Encoder frames that a depthwise convolution spans."""
    left_context: PositiveInt = 64
    """Encoder frames that attention looks back, at every layer."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1


class ContextNetParams(Section):
    """The causal ContextNet; the defaults have as many parameters as those of the other encoders."""

    subsampling: Literal[4, 8] = 4
    """Feature frames of 10 ms for one encoder frame."""
    alpha: Annotated[float, Field(gt=0)] = 0.28
    """Scales the published widths."""
    blocks: Annotated[int, Field(ge=5)] = 7
    """Blocks of convolutions, 21 as published; fewer than 5 have no room for the strides."""
    layers: PositiveInt = 5
    """Convolutions in a block."""
    kernel: PositiveInt = 5
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1


class ConvRnntParams(Section):
    """ConvRNN-T: a local and a global convolutional encoder below unidirectional LSTM layers."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    local_channels: PositiveInt = 25
    """Channels of the first two local convolutions, 100 in public code; the last two have 0.64 of them."""
    global_dim: PositiveInt = 80
    global_blocks: PositiveInt = 6
    """Residual blocks, each with twice the dilation of the one before."""
    expansion: PositiveInt = 2
    """How much wider a block is inside."""
    hidden_dim: PositiveInt = 160
    layers: PositiveInt = 2
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1


class AmortizedParams(Section):
    """The compute-cost amortized Transformer; with `gates: none` a plain one with a sliding window."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    channels: PositiveInt = 32
    """Channels of the front end's convolutions."""
    dim: PositiveInt = 96
    layers: PositiveInt = 6
    heads: PositiveInt = 4
    feed_forward: PositiveInt = 336
    left_context: PositiveInt = 64
    """Encoder frames that attention looks back, at every layer; the dial of the sliding-window baseline."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    gates: Literal["learned", "none"] = "learned"
    """Whether arbitrators decide what is computed, or everything is."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Of the gates' gradient in training."""
    noise: Annotated[float, Field(ge=0.0)] = 1.0
    """Scale of the noise on the gates in training; 0 trains with the gates of inference."""
    compute_weight: Annotated[float, Field(ge=0.0)] = 0.2
    """The dial: what the loss, in nats for a token, adds for computing everything."""
