"""Params of the recognition of overlapping talkers: conversations, the systems that hear them, and their training."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isogloss.config.section import PositiveInt, Section, Seed, refuse_duplicates

Talkers = Literal["sts", "tsot", "single"]
"""Systems: `sts` is the separator-transducer-segmenter (2205.05199), `tsot` its baseline t-SOT (2202.00842), `single`
has one output for all talkers."""
ConversationSet = Literal["simulated", "libricss", "librispeechmix"]


class ConversationParams(Section):
    """Conversations that are mixed from single-talker utterances."""

    speakers: Annotated[int, Field(ge=2)] = 2
    """Speakers of a conversation. They take turns, and never more than two speak at once."""
    fewest_turns: Annotated[int, Field(ge=2)] = 2
    """Smallest number of turns of a conversation; a turn is one utterance. The number is uniform up to `most_turns`."""
    most_turns: Annotated[int, Field(ge=2)] = 4
    """Largest number of turns of a conversation."""
    overlap_ratios: Annotated[list[Annotated[float, Field(ge=0.0, le=0.6)]], Field(min_length=1)] = [0.0, 0.15, 0.4]
    """Seconds in which two people speak over seconds in which anybody does. Each stored conversation is mixed once at
    each of these ratios; in training the ratio is uniform between the smallest and the largest."""
    pauses: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.25
    """Probability that a change of speaker is a pause and not an overlap, in a conversation with overlap; at least one
    change is an overlap."""
    pause_s: Annotated[float, Field(ge=0.0)] = 0.5
    """Mean length of a pause in seconds; lengths follow an exponential distribution."""
    level_db: Annotated[float, Field(ge=0.0)] = 2.5
    """The level of each turn differs from that of the conversation by up to this number of decibels, uniformly."""
    least_snr_db: float = 15.0
    """Smallest signal-to-noise ratio of a recording in dB; each conversation's is uniform up to `most_snr_db`."""
    most_snr_db: float = 30.0
    """Largest signal-to-noise ratio of a recording in dB."""

    @model_validator(mode="after")
    def _ranges_are_in_order(self) -> Self:
        # Conditions are named by the percentage, in six digits.
        percentages = [f"{100 * ratio:g} %" for ratio in self.overlap_ratios]
        refuse_duplicates("multitalker.conversations.overlap_ratios", percentages)
        for low, high in (("fewest_turns", "most_turns"), ("least_snr_db", "most_snr_db")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is {getattr(self, low)}, more than {high}, {getattr(self, high)}; swap them")
        if self.fewest_turns < self.speakers:
            raise ValueError(
                f"fewest_turns is {self.fewest_turns}, but {self.speakers} speakers take part; let each have a turn"
            )
        return self


class MultitalkerParams(Section):
    """Recognition of overlapping talkers; nothing of it runs while `systems` is empty."""

    systems: list[Talkers] = []
    """Systems that are trained and compared: sts, tsot, single."""
    sets: list[ConversationSet] = []
    """Sets of conversations on which the systems are judged: `simulated`, mixed from the split test, or the corpora
    `libricss` and `librispeechmix`."""
    folder: str | None = None
    """Folder of LibriCSS or of the manifests of LibriSpeechMix, which may begin with $ISOGLOSS_DATA; null if `sets` has
    neither."""
    conversations: ConversationParams = ConversationParams()
    stored_conversations: PositiveInt = 120
    """Conversations of the simulated set; each is mixed at every overlap ratio."""
    stored_seed: Seed = 1
    """Seed of the simulated set. It is separate from `seed`, so that systems of several seeds are judged on the same
    conversations."""
    seed: Seed = 1
    """Seed of training: of the initial weights, the mixtures and dropout."""
    threads: PositiveInt = 2
    """CPU threads of training and transcription. The number is fixed, since gradients differ between one thread and
    two."""
    epochs: PositiveInt = 10
    """Epochs of training."""
    epoch_conversations: PositiveInt = 480
    """Conversations of an epoch, which are mixed anew in every epoch."""
    batch_conversations: PositiveInt = 8
    """Conversations in one batch."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Peak learning rate of AdamW, with the schedule of `asr.learning_rate`."""
    from_base: bool = True
    """Whether training starts from the weights of the single-talker recogniser; if false, from random weights of the
    same shape."""
    separator_channels: PositiveInt = 16
    """Channels of the convolutions below the separator's LSTM layers."""
    separator_dim: PositiveInt = 128
    """Units of each LSTM layer of the separator."""
    separator_layers: PositiveInt = 1
    """LSTM layers of the separator."""
    mask_depth: Annotated[float, Field(gt=0)] = 6.0
    """Largest attenuation by a mask, in nats of the energy of a mel filter."""
    turn_tokens: bool = True
    """Whether sts emits a token at the start and at the end of each turn."""
    fastemit: Annotated[float, Field(ge=0.0)] = 0.01
    """FastEmit's lambda, as `asr.fastemit`."""
    ctc_weight: Annotated[float, Field(ge=0.0)] = 0.3
    """Weight of the CTC loss; the transducer loss has weight 1."""
    masking_weight: Annotated[float, Field(ge=0.0)] = 0.3
    """Weight of the mean squared error of the separator's masks, in square nats."""
    speech_activity_weight: Annotated[float, Field(ge=0.0)] = 0.3
    """Weight of the cross-entropy of the speech-activity head, in nats per encoder frame."""
    early_turn_penalty: Annotated[float, Field(ge=0.0)] = 0.2
    """Penalty on an early start-of-turn or end-of-turn token: nats for each encoder frame by which it precedes the
    start or end of the turn."""
    end_of_turn_penalty: Annotated[float, Field(ge=0.0)] = 0.2
    """Penalty on a late end-of-turn token: nats for each encoder frame beyond `end_of_turn_buffer_s` after the end of
    the turn."""
    end_of_turn_buffer_s: Annotated[float, Field(ge=0.0)] = 0.2
    """Seconds after the end of a turn for which an end-of-turn token is not late."""

    @model_validator(mode="after")
    def _systems_have_something_to_hear(self) -> Self:
        refuse_duplicates("multitalker.systems", list(self.systems))
        refuse_duplicates("multitalker.sets", list(self.sets))
        if self.systems and not self.sets:
            raise ValueError("multitalker.systems names some, but multitalker.sets is empty; add simulated there")
        if set(self.sets) - {"simulated"} and self.folder is None:
            raise ValueError("multitalker.sets names a corpus of conversations; say in multitalker.folder where it is")
        return self
