"""Random cases of the transducer loss, and its value by listing every alignment."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn


@dataclass
class Case:
    """Inputs of `transducer_loss`, drawn from a seed."""

    encoder: Tensor
    predictor: Tensor
    layer: nn.Linear
    tokens: Tensor
    encoder_lengths: Tensor
    token_lengths: Tensor

    @property
    def arguments(self) -> tuple:
        return (
            self.encoder,
            self.predictor,
            self.layer,
            self.tokens,
            self.encoder_lengths,
            self.token_lengths,
        )

    @property
    def targets(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.tokens, self.encoder_lengths, self.token_lengths

    @property
    def leaves(self) -> list[Tensor]:
        found = [self.encoder, self.predictor, self.layer.weight]
        return found if self.layer.bias is None else [*found, self.layer.bias]

    def logits(self) -> Tensor:
        return self.layer(torch.tanh(self.encoder[:, :, None] + self.predictor[:, None]))


def make_case(
    encoder_lengths: list[int],
    token_lengths: list[int],
    *,
    vocabulary: int = 5,
    width: int = 4,
    blank: int = 0,
    bias: bool = True,
    dtype: torch.dtype = torch.float64,
    extra: tuple[int, int] = (0, 0),
    seed: int = 1,
) -> Case:
    """A random case; `extra` adds frames and tokens beyond every length."""
    generator = torch.Generator().manual_seed(seed)
    batch = len(encoder_lengths)
    frames, labels = max(encoder_lengths) + extra[0], max(token_lengths) + extra[1]
    layer = nn.Linear(width, vocabulary, bias=bias, dtype=dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    choices = torch.tensor([v for v in range(vocabulary) if v != blank])
    drawn = torch.randint(len(choices), (batch, labels), generator=generator)
    return Case(
        torch.randn(batch, frames, width, generator=generator, dtype=torch.float64).to(dtype).requires_grad_(),
        torch.randn(batch, labels + 1, width, generator=generator, dtype=torch.float64).to(dtype).requires_grad_(),
        layer,
        choices[drawn],
        torch.tensor(encoder_lengths),
        torch.tensor(token_lengths),
    )


def alignments(frames: int, labels: int) -> Iterator[list[tuple[str, int, int]]]:
    """Every alignment as its emissions (kind, frame, labels before): the last one is the blank of the last
    frame."""
    moves = frames - 1 + labels
    for chosen in itertools.combinations(range(moves), labels):
        t = u = 0
        emissions = []
        for move in range(moves):
            kind = "label" if move in chosen else "blank"
            emissions.append((kind, t, u))
            t, u = (t, u + 1) if kind == "label" else (t + 1, u)
        yield [*emissions, ("blank", t, u)]


def enumerate_loss(log_blank_TP: Tensor, log_label_TU: Tensor, *, delay_penalty: float = 0.0) -> Tensor:
    """Loss of one utterance (no padding) as -log of the sum over all alignments."""
    frames, positions = log_blank_TP.shape
    scores = []
    for emissions in alignments(frames, positions - 1):
        terms = [log_blank_TP[t, u] if kind == "blank" else log_label_TU[t, u] for kind, t, u in emissions]
        earliness = sum((frames - 1) / 2 - t for kind, t, _ in emissions if kind == "label")
        scores.append(torch.stack(terms).sum() + delay_penalty * earliness)
    return -torch.stack(scores).logsumexp(0)


def arcs_of(logits_TPV: Tensor, tokens_U: Tensor, blank: int = 0) -> tuple[Tensor, Tensor]:
    """Log-probabilities of blank (T, P) and of the next label (T, U) of one utterance."""
    log_probs_TPV = logits_TPV.log_softmax(-1)
    log_label_TU = (
        torch.stack([log_probs_TPV[:, u, token] for u, token in enumerate(tokens_U.tolist())], 1)
        if len(tokens_U)
        else log_probs_TPV.new_zeros(len(log_probs_TPV), 0)
    )
    return log_probs_TPV[..., blank], log_label_TU


def brute_force(case: Case, *, blank: int = 0, delay_penalty: float = 0.0) -> Tensor:
    """Loss of each utterance of a case by enumeration of its own cells alone."""
    logits = case.logits()
    losses = []
    for b, (frames, labels) in enumerate(zip(case.encoder_lengths.tolist(), case.token_lengths.tolist(), strict=True)):
        arcs = arcs_of(logits[b, :frames, : labels + 1], case.tokens[b, :labels], blank)
        losses.append(enumerate_loss(*arcs, delay_penalty=delay_penalty))
    return torch.stack(losses)


@pytest.fixture(autouse=True)
def one_thread():
    """Cases are tiny: a second thread only waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def oracle():
    """The helpers of this module."""

    class Oracle:
        case = staticmethod(make_case)
        loss = staticmethod(brute_force)
        arcs = staticmethod(arcs_of)
        alignments = staticmethod(alignments)
        enumerate_loss = staticmethod(enumerate_loss)

    return Oracle
