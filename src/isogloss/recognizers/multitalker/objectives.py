"""The training losses of a multi-talker recogniser.

Shape legend in `isogloss.recognizers.multitalker`.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from isogloss.config.multitalker import MultitalkerParams
from isogloss.corpus.conversations.turns import Turn, assign_channels
from isogloss.corpus.frontend.features import FRAMES_PER_SECOND
from isogloss.errors import ModelError
from isogloss.recognizers.multitalker.batches import MixtureBatch
from isogloss.recognizers.multitalker.recognizer import MultitalkerRecognizer
from isogloss.recognizers.multitalker.streaming import token_time
from isogloss.recognizers.multitalker.systems import Written, written
from isogloss.recognizers.transducer.encoders.encoder import within
from isogloss.recognizers.transducer.losses import transducer_loss
from isogloss.recognizers.transducer.objectives import Targets, ctc_losses


@dataclass(frozen=True)
class MultitalkerLosses:
    """The parts of a batch's loss, each with its graph.

    Attributes
    ----------
    transducer, ctc
        Negative log-likelihoods of all channels' tokens, in nats, summed; the transducer's with FastEmit and the
        penalties on starts and ends of turns out of time.
    tokens
        Number of tokens.
    masking
        Mean squared error of the masks in square nats; None where the sources are not known.
    activity
        Mean cross-entropy of the speech-activity head, in nats a frame.
    """

    transducer: Tensor
    ctc: Tensor
    tokens: int
    masking: Tensor | None
    activity: Tensor

    def total(self, params: MultitalkerParams) -> Tensor:
        """The loss per token in nats, plus the weighted other parts."""
        loss = (self.transducer + params.ctc_weight * self.ctc) / max(self.tokens, 1)
        loss = loss + params.speech_activity_weight * self.activity
        return loss if self.masking is None else loss + params.masking_weight * self.masking


def multitalker_losses(
    model: MultitalkerRecognizer, batch: MixtureBatch, params: MultitalkerParams
) -> MultitalkerLosses:
    """The losses of a batch of mixtures.

    Raises
    ------
    CorpusError
        More than two talkers speak at once, or a transcript has a character that the vocabulary lacks.
    """
    device = batch.features_BTF.device
    masks_BCTF = model.masks(batch.features_BTF, batch.lengths_B)
    encoded_RND, lengths_R = model.encode(batch.features_BTF, masks_BCTF, batch.lengths_B)
    said = [
        channel
        for id_, turns in zip(batch.ids, batch.turns, strict=True)
        for channel in written(turns, model.tokens, model.system, where=id_)
    ]
    tokens_RU = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(one.tokens, dtype=torch.long) for one in said], batch_first=True
    ).to(device)
    targets = Targets(tokens_RU, torch.tensor([len(one.tokens) for one in said], device=device))
    inner = model.transducer
    transducer_R = transducer_loss(
        inner.encoder_projection(encoded_RND),
        inner.predictor_projection(inner.predictor(tokens_RU)),
        inner.output_layer,
        tokens_RU,
        lengths_R,
        targets.lengths_B,
        fastemit=params.fastemit,
        label_bias_BTU=turn_bias(model, said, (encoded_RND.shape[1], tokens_RU.shape[1]), params),
    )
    active_RN = speech_activity(model, batch, encoded_RND.shape[1])
    inside_RN = within(lengths_R, encoded_RND.shape[1])
    activity = F.binary_cross_entropy_with_logits(model.activity(encoded_RND)[inside_RN], active_RN[inside_RN])
    return MultitalkerLosses(
        transducer=transducer_R.sum(),
        ctc=ctc_losses(inner, encoded_RND, lengths_R, targets).sum(),
        tokens=int(targets.lengths_B.sum()),
        masking=None if batch.sources_BCTF is None else masking_loss(masks_BCTF, batch, depth=model.separator.depth),
        activity=activity,
    )


def turn_bias(
    model: MultitalkerRecognizer, said: list[Written], shape: tuple[int, int], params: MultitalkerParams
) -> Tensor | None:
    """The penalty, at most 0 nats, on start-of-turn and end-of-turn tokens at early or late frames: (R, N, U).

    These are the penalties of Li et al. 2020 (2004.11544) on an early and a late end of the query, applied to the
    tokens of each turn. A frame is early if the turn has not yet started (or ended) in the audio so far; without this
    penalty a start could be emitted at the first frame. A frame is late, for ends only, if more than
    `end_of_turn_buffer_s` of audio follow the end. The result is None if there is no penalty.

    Parameters
    ----------
    said
        The targets of each output channel of each mixture, R in total.
    shape
        N and U.
    """
    early, late = params.early_turn_penalty, params.end_of_turn_penalty
    if early == late == 0 or not any(one.starts for one in said):
        return None
    frames, positions = shape
    encoder = model.transducer.encoder
    frame_s = encoder.subsampling / FRAMES_PER_SECOND
    bias_RNU = torch.zeros(len(said), frames, positions)
    heard_N = torch.tensor([token_time(encoder, frame) for frame in range(frames)])
    for row, one in enumerate(said):
        for place, time in (*one.starts, *one.ends):
            bias_RNU[row, :, place] -= early * (time - heard_N).clamp(min=0.0) / frame_s
        for place, end in one.ends:
            bias_RNU[row, :, place] -= late * (heard_N - end - params.end_of_turn_buffer_s).clamp(min=0.0) / frame_s
    return bias_RNU.to(model.transducer.feature_mean_F.device)


def speech_activity(model: MultitalkerRecognizer, batch: MixtureBatch, frames: int) -> Tensor:
    """1 if a turn of the channel is in progress at the end of the audio of an encoder frame, else 0: (R, N)."""
    heard_N = torch.tensor([token_time(model.transducer.encoder, frame) for frame in range(frames)])
    active_RN = torch.zeros(len(batch) * model.output_channels, frames)
    for number, (id_, turns) in enumerate(zip(batch.ids, batch.turns, strict=True)):
        for turn, channel in zip(turns, _channels(model, turns, id_), strict=True):
            row = number * model.output_channels + channel
            active_RN[row, (heard_N >= turn.start) & (heard_N <= turn.end)] = 1.0
    return active_RN.to(batch.features_BTF.device)


def masking_loss(masks_BCTF: Tensor, batch: MixtureBatch, *, depth: float) -> Tensor:
    """The mean squared error of the masks over the frames of all mixtures, in square nats.

    The ideal mask of a channel is the log-ratio of its energy to the mixture's, between -depth and 0. In nats, a filter
    without speech counts as much as one with speech; this is wanted, since silence on the other channel keeps words off
    it (our choice).
    """
    if batch.sources_BCTF is None:
        raise ModelError("the masking loss needs the channels of simulated mixtures, and this batch has none")
    ideal_BCTF = (batch.sources_BCTF - batch.features_BTF[:, None]).clamp(-depth, 0.0)
    inside_BT = within(batch.lengths_B, masks_BCTF.shape[2])
    return (masks_BCTF - ideal_BCTF).square().mean(dim=(1, 3))[inside_BT].mean()


def _channels(model: MultitalkerRecognizer, turns: list[Turn], where: str) -> list[int]:
    """The output channel of each turn; always 0 if there is only one channel."""
    return [0] * len(turns) if model.output_channels == 1 else assign_channels(turns, where=where)
