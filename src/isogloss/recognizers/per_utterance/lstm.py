"""LSTM layers that keep their gate gradients, position by position, for per-sample gradients.

PyTorch's own LSTM does not expose its gates and adds the gradients of a batch's utterances. `RememberedLSTM` computes
the same numbers (Hochreiter & Schmidhuber 1997, with forget gates; PyTorch's order of gates: input, forget, cell,
output), keeps its gates, and passes each layer's gate gradients to a callback, instead of computing gradients of
weights.

Shapes: B utterances, N positions, I inputs, H units, G = 4 H gates, L layers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class LayerGradient:
    """The input of one layer, and the gradient of the loss at its gates' inputs."""

    input_NBI: Tensor
    before_NBH: Tensor
    """The layer's own output one position earlier."""
    gates_NBG: Tensor


@dataclass(frozen=True)
class _Run:
    """The values of one layer's forward pass at all positions."""

    input_NBI: Tensor
    gates_NBG: Tensor
    """Gates after their sigmoid or tanh."""
    cells_NBH: Tensor
    """Cell states, one more than positions: before the first, and after each."""
    squashed_NBH: Tensor
    """tanh of the cells after each position."""
    hidden_NBH: Tensor
    """Outputs, one more than positions: before the first, and after each."""


Heard = Callable[[list[LayerGradient]], None]
"""The callback of each backward pass, called once with the gradients of all layers, first to last."""


def can_be_remembered(lstm: nn.LSTM) -> bool:
    """Whether the LSTM is of the plain kind: utterances first, one direction, no projection, no active dropout."""
    silent = lstm.dropout == 0.0 or not lstm.training
    return lstm.batch_first and not lstm.bidirectional and lstm.proj_size == 0 and silent


class RememberedLSTM(torch.autograd.Function):
    """`nn.LSTM` from zero states: (B, N, I) -> (B, N, H) and the last hidden and cell states, each (L, B, H).

    Its weights get no gradient; `heard` is called with the inputs and gate gradients from which they can be computed.
    """

    @staticmethod
    def forward(
        ctx: Any, input_BNI: Tensor, _anchor: Tensor, lstm: nn.LSTM, heard: Heard
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run layer by layer; `_anchor` is any tensor with a gradient, so that there always is a backward pass."""
        runs: list[_Run] = []
        output_NBH = input_BNI.transpose(0, 1)
        for layer in range(lstm.num_layers):
            runs.append(_run_layer(lstm, layer, output_NBH))
            output_NBH = runs[-1].hidden_NBH[1:]
        ctx.runs, ctx.lstm, ctx.heard = runs, lstm, heard
        ctx.set_materialize_grads(False)
        hidden_LBH = torch.stack([run.hidden_NBH[-1] for run in runs])
        return output_NBH.transpose(0, 1), hidden_LBH, torch.stack([run.cells_NBH[-1] for run in runs])

    @staticmethod
    def backward(
        ctx: Any, output_BNH: Tensor | None, hidden_LBH: Tensor | None, cell_LBH: Tensor | None
    ) -> tuple[Tensor | None, None, None, None]:
        """From the last layer to the first."""
        arriving_NBH = None if output_BNH is None else output_BNH.transpose(0, 1)
        found: list[LayerGradient] = []
        for layer in reversed(range(ctx.lstm.num_layers)):
            run = ctx.runs[layer]
            if arriving_NBH is None:
                arriving_NBH = torch.zeros_like(run.squashed_NBH)
            last_BH = (None if last is None else last[layer] for last in (hidden_LBH, cell_LBH))
            weight_ih, weight_hh, _ = _weights(ctx.lstm, layer)
            gates_NBG = _gate_gradients(run, weight_hh, arriving_NBH, *last_BH)
            found.append(LayerGradient(run.input_NBI, run.hidden_NBH[:-1], gates_NBG))
            arriving_NBH = gates_NBG @ weight_ih if layer > 0 or ctx.needs_input_grad[0] else None
        ctx.heard(found[::-1])
        return None if arriving_NBH is None else arriving_NBH.transpose(0, 1), None, None, None


def _weights(lstm: nn.LSTM, layer: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Input weights, recurrent weights and the sum of the biases of one layer."""
    weight_ih, weight_hh = (getattr(lstm, f"{name}_l{layer}").detach() for name in ("weight_ih", "weight_hh"))
    bias = (getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")).detach() if lstm.bias else None
    return weight_ih, weight_hh, bias


def _run_layer(lstm: nn.LSTM, layer: int, input_NBI: Tensor) -> _Run:
    """One layer forward, from zero states."""
    weight_ih, weight_hh, bias = _weights(lstm, layer)
    gates_NBG = F.linear(input_NBI, weight_ih, bias)
    positions, batch, units = len(gates_NBG), gates_NBG.shape[1], lstm.hidden_size
    cells_NBH, hidden_NBH = (gates_NBG.new_zeros(positions + 1, batch, units) for _ in range(2))
    squashed_NBH = gates_NBG.new_empty(positions, batch, units)
    recurrent_HG = weight_hh.t()
    for position in range(positions):
        gates_BG = gates_NBG[position].addmm_(hidden_NBH[position], recurrent_HG)
        enter, keep, fresh, leave = gates_BG.chunk(4, dim=1)
        gates_BG[:, : 2 * units].sigmoid_()
        fresh.tanh_()
        leave.sigmoid_()
        cell = torch.mul(keep, cells_NBH[position], out=cells_NBH[position + 1]).addcmul_(enter, fresh)
        torch.mul(leave, torch.tanh(cell, out=squashed_NBH[position]), out=hidden_NBH[position + 1])
    return _Run(input_NBI, gates_NBG, cells_NBH, squashed_NBH, hidden_NBH)


def _gate_gradients(
    run: _Run, weight_hh: Tensor, arriving_NBH: Tensor, last_hidden_BH: Tensor | None, last_cell_BH: Tensor | None
) -> Tensor:
    """Gradient of the loss at the gates' inputs, (N, B, G): back-propagation through time."""
    enter, keep, fresh, leave = run.gates_NBG.chunk(4, dim=2)
    squashed = run.squashed_NBH
    # What of the gradient at the cell and at the output reaches each gate's input, for all positions at once.
    into_cell = leave * (1 - squashed**2)
    slopes = torch.stack(
        [fresh * enter * (1 - enter), run.cells_NBH[:-1] * keep * (1 - keep), enter * (1 - fresh**2)], dim=2
    )  # (N, B, 3, H): by the cell's gradient
    leave_slope = squashed * leave * (1 - leave)
    result = torch.empty_like(run.gates_NBG)
    by_gate = result.unflatten(2, (4, -1))
    hidden = torch.zeros_like(squashed[0]) if last_hidden_BH is None else last_hidden_BH
    memory = torch.zeros_like(squashed[0]) if last_cell_BH is None else last_cell_BH
    for position in reversed(range(len(result))):
        hidden = hidden + arriving_NBH[position]
        memory = torch.addcmul(memory, hidden, into_cell[position])
        torch.mul(slopes[position], memory[:, None], out=by_gate[position, :, :3])
        torch.mul(leave_slope[position], hidden, out=by_gate[position, :, 3])
        hidden = result[position] @ weight_hh
        memory = memory * keep[position]
    return result
