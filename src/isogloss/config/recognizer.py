"""Params of the recogniser: its training, and one section an encoder."""

from typing import Annotated, Literal

from pydantic import Field

from isogloss.config.section import PositiveInt, Section, Seed

EncoderName = Literal["lstm"]


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
