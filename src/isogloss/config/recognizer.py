"""Params of the recogniser: its training, and one section an encoder."""

from typing import Annotated, Literal

from pydantic import Field

from isogloss.config.section import PositiveInt, Section, Seed

EncoderName = Literal["lstm", "contextnet", "convrnnt"]


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
    learning_rate: Annotated[float, Field(gt=0)] = 3e-3
    batch_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Audio in one batch."""


class LstmParams(Section):
    """The LSTM encoder: a causal convolutional front end below unidirectional LSTM layers."""

    subsampling: Annotated[int, Field(ge=1, le=4)] = 4
    """Feature frames of 10 ms for one encoder frame."""
    channels: PositiveInt = 32
    hidden_dim: PositiveInt = 192
    layers: PositiveInt = 2
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
