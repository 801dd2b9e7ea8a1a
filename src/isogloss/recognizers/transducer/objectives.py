"""The training losses of a transducer: the transducer loss and CTC, one of each for an utterance.

Shape legend in `isogloss.recognizers.transducer`.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from isogloss.config import AsrParams
from isogloss.recognizers.transducer.losses import Pruning, transducer_loss, warm_up_scales
from isogloss.recognizers.transducer.model import Transducer

PLAIN = AsrParams()
"""Default options: neither FastEmit nor delay penalty."""


@dataclass(frozen=True)
class Targets:
    """Tokens of the transcripts of a batch, padded with blanks, and their numbers."""

    tokens_BU: Tensor
    lengths_B: Tensor


def transducer_losses(
    model: Transducer,
    encoded_BTD: Tensor,
    lengths_B: Tensor,
    targets: Targets,
    params: AsrParams = PLAIN,
    *,
    warm_up: float | None = None,
) -> Tensor:
    """The transducer loss of each utterance, in nats, with FastEmit and delay penalty as section `asr` has them: (B,).

    A base recogniser and its adaptations use the same options, since an adaptation with the plain loss would undo the
    early emission. FastEmit does not change the values; a method that weighs utterances by their losses uses the
    penalised ones. The Fisher information is that of the likelihood, without either option.

    If `warm_up` is given and the model has a simple joiner, this is the pruned loss at that share of the warm-up.
    """
    predicted_BUP = model.predictor(targets.tokens_BU)
    pruning = None
    if warm_up is not None and model.simple_joiner is not None:
        encoder_BTV, predictor_BPV = model.simple_joiner(encoded_BTD, predicted_BUP)
        simple_scale, pruned_scale = warm_up_scales(warm_up, params.simple_loss_scale)
        pruning = Pruning(
            range=params.prune_range,
            encoder_BTV=encoder_BTV,
            predictor_BPV=predictor_BPV,
            simple_scale=simple_scale,
            pruned_scale=pruned_scale,
        )
    return transducer_loss(
        model.encoder_projection(encoded_BTD),
        model.predictor_projection(predicted_BUP),
        model.output_layer,
        targets.tokens_BU,
        lengths_B,
        targets.lengths_B,
        fastemit=params.fastemit,
        delay_penalty=params.delay_penalty,
        pruning=pruning,
    )


def ctc_losses(model: Transducer, encoded_BTD: Tensor, lengths_B: Tensor, targets: Targets) -> Tensor:
    """The CTC loss of each utterance, in nats: (B,); 0 where the text is longer than the audio.

    In float32 and on the CPU always: its gradient on a GPU differs from run to run.
    """
    log_probs_TBV = model.ctc_layer(encoded_BTD).float().log_softmax(dim=-1).transpose(0, 1).cpu()
    on_cpu = (targets.tokens_BU.cpu(), lengths_B.cpu(), targets.lengths_B.cpu())
    return F.ctc_loss(log_probs_TBV, *on_cpu, reduction="none", zero_infinity=True).to(encoded_BTD.device)
