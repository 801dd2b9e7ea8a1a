"""Beam search for a transducer: the most probable label sequences, scored over all alignments that the beam holds.

Time-synchronous search (Graves 2012, 1211.3711, section 2.4, in the form of Saon, Tueske & Audhkhasi 2020, "Alignment-
length synchronous decoding for RNN transducer", algorithm 1). In every frame the kept hypotheses are extended by
0, 1, 2, ... tokens; those that then take the blank are candidates for the next frame, and candidates with the same
tokens are merged by adding their probabilities. All hypotheses of all utterances go through joiner and predictor
together.

Shape legend in `isogloss.recognizers.transducer`; K hypotheses of an utterance, N of their extensions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from isogloss.errors import ModelError
from isogloss.recognizers.transducer.decoding.greedy import TokenSequence
from isogloss.recognizers.transducer.decoding.histories import Histories
from isogloss.recognizers.transducer.model import Transducer

IMPOSSIBLE = -torch.inf


@dataclass
class ScoredHypothesis(TokenSequence):
    """A hypothesis with its log-probability.

    Attributes
    ----------
    score
        log P(tokens | audio) in nats, summed over the alignments that stayed in the beam: a lower bound that is exact
        for a beam wide enough to keep every prefix. `frames` are those of the alignments that gave most of it.
    """

    score: float = IMPOSSIBLE


@dataclass(frozen=True)
class _Hypotheses:
    """K hypotheses of each utterance, the most probable first; a score of -inf marks an empty place."""

    score_BK: Tensor
    prefix_BK: Tensor
    alignment_BK: Tensor
    predictor_BKJ: Tensor
    hidden_BKP: Tensor
    cell_BKP: Tensor

    def fields(self) -> tuple[Tensor, ...]:
        """All tensors, in the order of the constructor."""
        return (
            self.score_BK,
            self.prefix_BK,
            self.alignment_BK,
            self.predictor_BKJ,
            self.hidden_BKP,
            self.cell_BKP,
        )

    def of(self, rows: Tensor) -> "_Hypotheses":
        """Those of some utterances."""
        return _Hypotheses(*(field[rows] for field in self.fields()))

    def scored(self, score_BK: Tensor) -> "_Hypotheses":
        """The same with other scores."""
        return _Hypotheses(score_BK, *self.fields()[1:])


@torch.inference_mode()
def beam_decode(
    model: Transducer,
    encoded_BTD: Tensor,
    lengths_B: Tensor,
    *,
    beam: int = 8,
    nbest: int | None = None,
    max_tokens_per_frame: int = 5,
) -> list[list[ScoredHypothesis]]:
    """The most probable label sequences of a batch of utterances.

    With `beam=1` nothing is merged: in each frame the hypothesis is followed by its most probable token, that by its
    most probable one, and so on, and the one of these that is most probable together with the blank that ends the frame
    stays. Greedy search differs in that it ignores this blank.

    Parameters
    ----------
    model
        In evaluation mode.
    encoded_BTD, lengths_B
        The encoder's frames and their numbers, as of `Transducer.encode`.
    beam
        K, hypotheses that an utterance keeps from frame to frame.
    nbest
        How many of them to return; all by default.
    max_tokens_per_frame
        Alignments that emit more tokens in one frame have no part in the search.

    Returns
    -------
    For each utterance its hypotheses, the most probable first, no two with the same tokens. An utterance may have fewer
    than `nbest`: there are no more label sequences.

    Raises
    ------
    ModelError
        `beam` is below 1, `nbest` not between 1 and `beam`, or `max_tokens_per_frame` below 1.
    """
    nbest = beam if nbest is None else nbest
    if not (beam >= 1 and 1 <= nbest <= beam and max_tokens_per_frame >= 1):
        raise ModelError(
            f"beam={beam}, nbest={nbest}, max_tokens_per_frame={max_tokens_per_frame}: none may be below 1, and nbest "
            "cannot exceed beam"
        )
    encoder_BTJ = model.encoder_projection(encoded_BTD)
    histories = Histories(len(encoder_BTJ))
    found: dict[int, list[ScoredHypothesis]] = {}
    utterance_B, kept = torch.arange(len(encoder_BTJ), device=encoder_BTJ.device), _start(model, len(encoder_BTJ))
    for frame in range(int(lengths_B.max())):
        kept = _frame(model, encoder_BTJ[utterance_B, frame], kept, histories, frame, beam, max_tokens_per_frame)
        ended_B = lengths_B.to(utterance_B.device)[utterance_B] == frame + 1
        if ended_B.any():
            ended = zip(utterance_B[ended_B].tolist(), _read(kept.of(ended_B), histories, nbest), strict=True)
            found |= dict(ended)
            utterance_B, kept = utterance_B[~ended_B], kept.of(~ended_B)
    return [found[number] for number in range(len(encoder_BTJ))]


def _start(model: Transducer, batch: int) -> _Hypotheses:
    """The empty hypothesis of each utterance."""
    vector_BP, (hidden_BP, cell_BP) = model.predictor.start(batch)
    root_BK = torch.arange(batch, device=vector_BP.device).unsqueeze(1)
    predictor_BKJ = model.predictor_projection(vector_BP).unsqueeze(1)
    score_BK = torch.zeros(batch, 1, dtype=torch.float64, device=vector_BP.device)
    return _Hypotheses(score_BK, root_BK, root_BK, predictor_BKJ, hidden_BP.unsqueeze(1), cell_BP.unsqueeze(1))


def _frame(
    model: Transducer,
    encoder_BJ: Tensor,
    kept: _Hypotheses,
    histories: Histories,
    frame: int,
    beam: int,
    max_tokens_per_frame: int,
) -> _Hypotheses:
    """The hypotheses after one more frame."""
    open_, log_probs_BKV = kept, _log_probs(model, encoder_BJ, kept)
    ended = _merge(_with_blank(open_, log_probs_BKV), beam)
    for _ in range(max_tokens_per_frame):
        score_BN, parent_BN, token_BN = _candidates(open_, log_probs_BKV, beam)
        if ended.score_BK.shape[1] == beam:
            # A hypothesis that is less probable than all that ended can only become less probable. This is decided for
            # each utterance separately, since hypotheses must not depend on other utterances of the batch.
            score_BN = score_BN.masked_fill(score_BN[:, :1] <= ended.score_BK[:, -1:], IMPOSSIBLE)
        if (score_BN == IMPOSSIBLE).all():
            break
        open_ = _extend(model, open_, score_BN, parent_BN, token_BN, histories, frame)
        log_probs_BKV = _log_probs(model, encoder_BJ, open_)
        ended = _merge(_join(ended, _with_blank(open_, log_probs_BKV)), beam)
    return ended


def _log_probs(model: Transducer, encoder_BJ: Tensor, open_: _Hypotheses) -> Tensor:
    """Log-probabilities of the next token of each hypothesis."""
    return model.join_step(encoder_BJ.unsqueeze(1), open_.predictor_BKJ).double().log_softmax(dim=-1)


def _with_blank(open_: _Hypotheses, log_probs_BKV: Tensor) -> _Hypotheses:
    """The hypotheses once they end the frame."""
    return open_.scored(open_.score_BK + log_probs_BKV[..., 0])


def _candidates(open_: _Hypotheses, log_probs_BKV: Tensor, beam: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best extensions by one token: their scores, the hypothesis that each extends, and the token."""
    score_BKV = open_.score_BK.unsqueeze(-1) + log_probs_BKV
    score_BKV[..., 0] = IMPOSSIBLE
    vocabulary = score_BKV.shape[-1]
    score_BN, index_BN = score_BKV.flatten(1).topk(min(beam, score_BKV.shape[1] * (vocabulary - 1)))
    return score_BN, index_BN // vocabulary, index_BN % vocabulary


def _extend(
    model: Transducer,
    open_: _Hypotheses,
    score_BN: Tensor,
    parent_BN: Tensor,
    token_BN: Tensor,
    histories: Histories,
    frame: int,
) -> _Hypotheses:
    """The hypotheses with one more token, through the predictor."""
    parents = _pick(open_, parent_BN)
    batch, width = token_BN.shape
    vector_RP, memory = model.predictor.step(
        token_BN.flatten(), (parents.hidden_BKP.flatten(0, 1), parents.cell_BKP.flatten(0, 1))
    )
    predictor_BNJ = model.predictor_projection(vector_RP).unflatten(0, (batch, width))
    hidden_BNP, cell_BNP = (part.unflatten(0, (batch, width)) for part in memory)
    nodes = [
        histories.append(prefix, alignment, token, frame) if alive else (-1, -1)
        for prefix, alignment, token, alive in zip(
            parents.prefix_BK.flatten().tolist(),
            parents.alignment_BK.flatten().tolist(),
            token_BN.flatten().tolist(),
            (score_BN > IMPOSSIBLE).flatten().tolist(),
            strict=True,
        )
    ]
    prefix_BN, alignment_BN = torch.tensor(nodes, device=score_BN.device).T.unflatten(1, (batch, width))
    return _Hypotheses(score_BN, prefix_BN, alignment_BN, predictor_BNJ, hidden_BNP, cell_BNP)


def _merge(hypotheses: _Hypotheses, beam: int) -> _Hypotheses:
    """Add up hypotheses with the same tokens and keep the best `beam`."""
    prefix_BK, score_BK = hypotheses.prefix_BK, hypotheses.score_BK
    same_BKK = prefix_BK.unsqueeze(2) == prefix_BK.unsqueeze(1)
    shared_BKK = score_BK.unsqueeze(1).masked_fill(~same_BKK, IMPOSSIBLE)
    again_BK = same_BKK.tril(-1).any(dim=-1)
    total_BK = shared_BKK.logsumexp(dim=-1).masked_fill(again_BK, IMPOSSIBLE)
    alignment_BK = hypotheses.alignment_BK.gather(1, shared_BKK.argmax(dim=-1))
    _, _, _, *rest = hypotheses.fields()
    merged = _Hypotheses(total_BK, prefix_BK, alignment_BK, *rest)
    return _pick(merged, total_BK.topk(min(beam, total_BK.shape[1])).indices)


def _join(first: _Hypotheses, second: _Hypotheses) -> _Hypotheses:
    """Two sets of hypotheses as one."""
    pairs = zip(first.fields(), second.fields(), strict=True)
    return _Hypotheses(*(torch.cat(pair, dim=1) for pair in pairs))


def _pick(hypotheses: _Hypotheses, index_BN: Tensor) -> _Hypotheses:
    """The hypotheses at some places of each utterance."""
    rows_B1 = torch.arange(len(index_BN), device=index_BN.device).unsqueeze(1)
    return _Hypotheses(*(field[rows_B1, index_BN] for field in hypotheses.fields()))


def _read(hypotheses: _Hypotheses, histories: Histories, nbest: int) -> list[list[ScoredHypothesis]]:
    """The best hypotheses of each utterance in plain numbers."""
    columns = (hypotheses.prefix_BK, hypotheses.alignment_BK, hypotheses.score_BK)
    rows = zip(*(column[:, :nbest].tolist() for column in columns), strict=True)
    return [
        [
            ScoredHypothesis(*histories.read(prefix, alignment), score=score)
            for prefix, alignment, score in zip(*row, strict=True)
            if score > IMPOSSIBLE
        ]
        for row in rows
    ]
