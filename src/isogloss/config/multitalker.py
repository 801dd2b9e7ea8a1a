"""Params of the recognition of overlapping talkers: conversations, the systems that hear them, and their training."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.section import PositiveInt, Section, Seed, refuse_duplicates

Talkers = Literal["sts", "tsot", "single"]
"""The separator-transducer-segmenter (2205.05199), its baseline t-SOT (2202.00842), and one output for everybody."""
ConversationSet = Literal["simulated", "libricss", "librispeechmix"]


class ConversationParams(Section):
    """Conversations that are mixed from single-talker utterances."""

    speakers: Annotated[int, Field(ge=2)] = 2
    """Of a conversation. More than two take turns; never more than two speak at once."""
    fewest_turns: Annotated[int, Field(ge=2)] = 2
    most_turns: Annotated[int, Field(ge=2)] = 4
    overlap_ratios: Annotated[list[Annotated[float, Field(ge=0.0, le=0.6)]], Field(min_length=1)] = [0.0, 0.15, 0.4]
    """Seconds with two talkers over seconds with any. Each stored conversation is mixed once with each of them; in
    training the ratio is uniform between the least and the largest."""
    pauses: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.25
    """Share of the changes of talker that are pauses in a conversation with overlap."""
    pause_s: Annotated[float, Field(ge=0.0)] = 0.5
    """Mean length of a pause, which is exponential."""
    level_db: Annotated[float, Field(ge=0.0)] = 2.5
    """A turn's level lies within so many decibels of the conversation's, uniformly."""
    least_snr_db: float = 15.0
    """Of the noise of the recording, against the level of speech; drawn for each conversation."""
    most_snr_db: float = 30.0

    @model_validator(mode="after")
    def _ranges_are_in_order(self) -> Self:
        refuse_duplicates("multitalker.conversations.overlap_ratios", self.overlap_ratios)
        for low, high in (("fewest_turns", "most_turns"), ("least_snr_db", "most_snr_db")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is {getattr(self, low)}, more than {high}, {getattr(self, high)}; swap them")
        if self.fewest_turns < self.speakers:
            raise ValueError(
                f"fewest_turns is {self.fewest_turns}, but {self.speakers} speakers take part; let each have a turn"
            )
        return self


class MultitalkerParams(Section):
    """Recognition of overlapping talkers: nothing of it runs while `systems` is empty."""

    systems: list[Talkers] = []
    sets: list[ConversationSet] = []
    """Conversations to judge the systems by: `simulated` from the split test, or a corpus of conversations."""
    folder: str | None = None
    """Where LibriCSS or the manifests of LibriSpeechMix lie, for those sets; may begin with $ISOGLOSS_DATA."""
    conversations: ConversationParams = ConversationParams()
    stored_conversations: PositiveInt = 120
    """Of the simulated set; each is mixed at every overlap ratio."""
    stored_seed: Seed = 1
    """Of the simulated set, so that systems of several seeds are judged on the same conversations."""
    seed: Seed = 1
    threads: PositiveInt = 2
    epochs: PositiveInt = 10
    epoch_conversations: PositiveInt = 480
    """Mixed anew in every epoch."""
    batch_conversations: PositiveInt = 8
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    from_base: bool = True
    """Whether training starts from the single-talker recogniser, or from random weights of its shape."""
    separator_channels: PositiveInt = 16
    separator_dim: PositiveInt = 128
    separator_layers: PositiveInt = 1
    mask_depth: Annotated[float, Field(gt=0)] = 6.0
    """Nats by which a mask can lower the energy of a filter."""
    turn_tokens: bool = True
    """Whether turns begin and end with tokens of their own (sts)."""
    fastemit: Annotated[float, Field(ge=0.0)] = 0.01
    ctc_weight: Annotated[float, Field(ge=0.0)] = 0.3
    masking_weight: Annotated[float, Field(ge=0.0)] = 0.3
    """Of the mean squared error of the masks in square nats, where the sources are known: in simulated mixtures."""
    speech_activity_weight: Annotated[float, Field(ge=0.0)] = 0.3
    """Of the cross-entropy of the speech-activity head."""
    early_turn_penalty: Annotated[float, Field(ge=0.0)] = 0.2
    """Nats that a start- or end-of-turn token loses for each encoder frame that it comes before the voice starts or
    ends."""
    end_of_turn_penalty: Annotated[float, Field(ge=0.0)] = 0.2
    """Nats that an end-of-turn token loses for each encoder frame that it comes later than `end_of_turn_buffer_s`."""
    end_of_turn_buffer_s: Annotated[float, Field(ge=0.0)] = 0.2

    @model_validator(mode="after")
    def _systems_have_something_to_hear(self) -> Self:
        refuse_duplicates("multitalker.systems", list(self.systems))
        refuse_duplicates("multitalker.sets", list(self.sets))
        if self.systems and not self.sets:
            raise ValueError("multitalker.systems names some, but multitalker.sets is empty; add simulated there")
        if set(self.sets) - {"simulated"} and self.folder is None:
            raise ValueError("multitalker.sets names a corpus of conversations; say in multitalker.folder where it is")
        return self
