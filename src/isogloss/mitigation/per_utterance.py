"""Squared gradients of each utterance of a batch, from one backward pass.

Autograd adds the gradients of a batch's utterances; the Fisher information needs their squares before they are added.
For a layer the gradient of one utterance is a product of what the layer saw and of the gradient of what it gave, both
of which a single backward pass over the whole batch knows, utterance by utterance. `UtteranceGradients` notes the two
for every layer and multiplies them out (the idea of Goodfellow 2015, 1510.01799, for each kind of layer; the formulas
are ours and are tested against one backward pass an utterance).

Layers are given by kind: linear, convolution, layer normalisation, embedding and LSTM, whatever is built of them. A
parameter that is used in another way, beside its layer or by a layer that no longer sees utterance by utterance, is out
of sight: its gradients do not add up to what autograd found. `squares` then leaves it out, so that the caller can fall
back on one backward pass an utterance.

Shapes: B utterances; N positions of one utterance (frames, tokens, or both); I inputs, O outputs, H units, C channels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Product:
    """The gradients of a matrix, utterance by utterance, as yet not multiplied out: left @ right.

    All of them at once would be B times the matrix, more than a cache holds.
    """

    left_BON: Tensor
    right_BNI: Tensor


@dataclass
class Call:
    """One call of a layer: what it saw, what it gave, and the gradient of the loss at the latter once it is known."""

    input: Tensor
    output: Tensor
    gradient: Tensor | None = None


Gradients = dict[str, Tensor | Product]
"""By the name of a layer's own parameter, the gradient of each utterance: (B, *parameter.shape)."""


class UtteranceGradients:
    """While active, notes what each layer of a model saw and gave; `squares` after a backward pass multiplies it out.

    Parameters
    ----------
    model
        Every input of its layers has the utterances as its first dimension.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._calls: dict[str, list[Call]] = {}
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        """Start taking notes."""
        for name, module in self.model.named_modules():
            if type(module) in _FORMULAS:
                self._handles.append(module.register_forward_hook(self._note(name)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop taking notes."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def squares(self, utterances: int) -> dict[str, Tensor]:
        """Sum over the utterances of the squared gradient, by parameter, of those that are in sight.

        Call it after `backward` of the sum of the utterances' losses, each of which depends on its own row alone, from
        gradients of zero.
        """
        found: dict[str, Tensor] = {}
        for name, calls in self._calls.items():
            module = self.model.get_submodule(name)
            total: dict[str, list[Tensor | Product]] = {}
            for call in calls:
                if call.gradient is None:  # the loss does not reach this call
                    continue
                if len(call.input) != utterances or call.input.dim() < _DIMENSIONS.get(type(module), 2):
                    total.clear()
                    break
                for parameter, gradient in _FORMULAS[type(module)](module, call, call.gradient).items():
                    total.setdefault(parameter, []).append(gradient)
            for parameter, gradients in total.items():
                whole = module.get_parameter(parameter).grad
                square = None if whole is None else _square_sum(gradients, whole)
                if square is not None:
                    found[f"{name}.{parameter}".lstrip(".")] = square
        return found

    def _note(self, name: str) -> Callable[..., None]:
        """A forward hook for the layer of that name."""

        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
            given = output[0] if isinstance(output, tuple) else output
            if not given.requires_grad:
                return
            call = Call(inputs[0].detach(), given.detach())
            self._calls.setdefault(name, []).append(call)
            given.register_hook(lambda gradient: setattr(call, "gradient", gradient.detach()))

        return hook


def _square_sum(calls: list[Tensor | Product], whole: Tensor) -> Tensor | None:
    """Sum over utterances of the square of what a layer's calls add up to; None if their sum is not the whole."""
    square, total = torch.zeros_like(whole), torch.zeros_like(whole)
    for row in range(len(calls[0].left_BON if isinstance(calls[0], Product) else calls[0])):
        ones = [call.left_BON[row] @ call.right_BNI[row] if isinstance(call, Product) else call[row] for call in calls]
        gradient = sum(ones[1:], start=ones[0]).view(whole.shape)
        square.addcmul_(gradient, gradient)
        total += gradient
    scale = square.sqrt().amax()
    return square if (total - whole).abs().amax() <= 1e-3 * scale else None


def _linear(module: nn.Module, call: Call, gradient_BNO: Tensor) -> Gradients:
    """Weight: sum over positions of output gradient times input."""
    layer = cast(nn.Linear, module)
    found: Gradients = {"weight": Product(gradient_BNO.flatten(1, -2).transpose(1, 2), call.input.flatten(1, -2))}
    if layer.bias is not None:
        found["bias"] = gradient_BNO.flatten(1, -2).sum(dim=1)
    return found


def _convolution(module: nn.Module, call: Call, gradient_BON: Tensor) -> Gradients:
    """A convolution is a linear layer on the patches that it slides over, group by group."""
    layer, input_BCN = cast("nn.Conv1d | nn.Conv2d", module), call.input
    if isinstance(layer, nn.Conv1d):
        input_BCN, gradient_BON = input_BCN.unsqueeze(2), gradient_BON.unsqueeze(2)
    # A convolution over one axis is one over two, the first of which has size 1.
    kernel, dilation, padding, stride = (
        (neutral, *size) if isinstance(layer, nn.Conv1d) else size
        for size, neutral in (
            (layer.kernel_size, 1),
            (layer.dilation, 1),
            (cast(tuple[int, ...], layer.padding), 0),
            (layer.stride, 1),
        )
    )
    if (*kernel, *stride, *padding) == (1, 1, 1, 1, 0, 0):  # pointwise: a patch is a position
        patches_BCN = input_BCN.flatten(2)
    else:
        patches_BCN = F.unfold(input_BCN, kernel, dilation=dilation, padding=padding, stride=stride)
    batch, groups = len(input_BCN), layer.groups
    patches = patches_BCN.view(batch, groups, -1, patches_BCN.shape[-1])
    gradient = gradient_BON.reshape(batch, groups, layer.out_channels // groups, -1)
    found: Gradients = {"weight": (gradient @ patches.transpose(2, 3)).view(batch, *layer.weight.shape)}
    if layer.bias is not None:
        found["bias"] = gradient_BON.flatten(2).sum(dim=2)
    return found


def _layer_norm(module: nn.Module, call: Call, gradient_BNC: Tensor) -> Gradients:
    """Weight: output gradient times the normalised input."""
    layer = cast(nn.LayerNorm, module)
    shape = (len(call.input), -1, *layer.normalized_shape)
    found: Gradients = {}
    if layer.weight is not None:
        normal = F.layer_norm(call.input, layer.normalized_shape, eps=layer.eps)
        found["weight"] = (gradient_BNC * normal).reshape(shape).sum(dim=1)
    if layer.bias is not None:
        found["bias"] = gradient_BNC.reshape(shape).sum(dim=1)
    return found


def _embedding(module: nn.Module, call: Call, gradient_BNC: Tensor) -> Gradients:
    """Each row of the table gathers the gradients of its positions."""
    layer, input_BN = cast(nn.Embedding, module), call.input
    gradient = gradient_BNC.new_zeros(len(input_BN), *layer.weight.shape)
    rows = torch.arange(len(input_BN), device=input_BN.device)[:, None].expand_as(input_BN)
    return {"weight": gradient.index_put_((rows, input_BN), gradient_BNC, accumulate=True)}


def _lstm(module: nn.Module, call: Call, gradient_BNH: Tensor) -> Gradients:
    """Layer by layer from the top: its gates, back-propagation through time, and two linear layers' products.

    PyTorch's LSTM keeps its gates to itself. With the outputs known, the gates of all positions come from one
    product; only the cells and the backward recursion go position by position.
    """
    lstm = cast(nn.LSTM, module)
    inputs = [call.input]
    for layer in range(lstm.num_layers - 1):
        inputs.append(_run_layer(lstm, layer, inputs[-1]))
    inputs.append(call.output)
    found: Gradients = {}
    for layer in reversed(range(lstm.num_layers)):
        weight_ih, _, _ = _weights(lstm, layer)
        before_BNH = F.pad(inputs[layer + 1], (0, 0, 1, 0))[:, :-1]
        gates_BNG = _gate_gradients(lstm, layer, inputs[layer], before_BNH, gradient_BNH)
        transposed_BGN = gates_BNG.transpose(1, 2)
        found[f"weight_ih_l{layer}"] = Product(transposed_BGN, inputs[layer])
        found[f"weight_hh_l{layer}"] = Product(transposed_BGN, before_BNH)
        if lstm.bias:
            bias = gates_BNG.sum(dim=1)
            found[f"bias_ih_l{layer}"], found[f"bias_hh_l{layer}"] = bias, bias.clone()
        gradient_BNH = gates_BNG @ weight_ih
    return found


def _weights(lstm: nn.LSTM, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """Input weights, recurrent weights and the sum of the biases of one layer."""
    weight_ih: Tensor = getattr(lstm, f"weight_ih_l{layer}").detach()
    weight_hh: Tensor = getattr(lstm, f"weight_hh_l{layer}").detach()
    if not lstm.bias:
        return weight_ih, weight_hh, weight_ih.new_zeros(len(weight_ih))
    return weight_ih, weight_hh, (getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")).detach()


def _run_layer(lstm: nn.LSTM, layer: int, input_BNI: Tensor) -> Tensor:
    """The outputs of one layer, which a fused forward pass over several does not show."""
    weights = [getattr(lstm, f"{name}_l{layer}").detach() for name in ("weight_ih", "weight_hh")]
    if lstm.bias:
        weights += [getattr(lstm, f"{name}_l{layer}").detach() for name in ("bias_ih", "bias_hh")]
    start = input_BNI.new_zeros(1, len(input_BNI), lstm.hidden_size)
    with torch.no_grad():
        return torch.lstm(input_BNI, [start, start], weights, lstm.bias, 1, 0.0, False, False, True)[0]


def _gate_gradients(lstm: nn.LSTM, layer: int, input_BNI: Tensor, before_BNH: Tensor, gradient_BNH: Tensor) -> Tensor:
    """Gradient of the loss at the gates' inputs, (B, N, 4H) in PyTorch's order: input, forget, cell, output."""
    weight_ih, weight_hh, bias = _weights(lstm, layer)
    gates = (input_BNI @ weight_ih.T + before_BNH @ weight_hh.T + bias).transpose(0, 1).chunk(4, dim=2)
    enter, keep, leave = gates[0].sigmoid(), gates[1].sigmoid(), gates[3].sigmoid()
    fresh = gates[2].tanh()
    positions = len(enter)
    cells = [torch.zeros_like(enter[0])]
    for position in range(positions):
        cells.append(torch.addcmul(enter[position] * fresh[position], keep[position], cells[-1]))
    cell, cell_before = torch.stack(cells[1:]), torch.stack(cells[:-1])
    squashed = cell.tanh()
    # What of the gradient at h and c reaches each gate's input, for all positions at once.
    into_cell = leave * (1 - squashed**2)
    slopes = torch.stack(
        [fresh * enter * (1 - enter), cell_before * keep * (1 - keep), enter * (1 - fresh**2)], dim=2
    )  # (N, B, 3, H): by the cell's gradient
    leave_slope = squashed * leave * (1 - leave)
    result = torch.empty(positions, len(input_BNI), 4, lstm.hidden_size, dtype=enter.dtype, device=enter.device)
    arriving_NBH = gradient_BNH.transpose(0, 1)
    hidden, memory = torch.zeros_like(cells[0]), torch.zeros_like(cells[0])
    for position in reversed(range(positions)):
        hidden = hidden + arriving_NBH[position]
        memory = torch.addcmul(memory, hidden, into_cell[position])
        torch.mul(slopes[position], memory[:, None], out=result[position, :, :3])
        torch.mul(leave_slope[position], hidden, out=result[position, :, 3])
        hidden = result[position].flatten(1) @ weight_hh
        memory = memory * keep[position]
    return result.flatten(2).transpose(0, 1)


_FORMULAS: dict[type[nn.Module], Callable[[nn.Module, Call, Tensor], Gradients]] = {
    nn.Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.LayerNorm: _layer_norm,
    nn.Embedding: _embedding,
    nn.LSTM: _lstm,
}

_DIMENSIONS: dict[type[nn.Module], int] = {nn.Linear: 3}
"""Dimensions of an input that has utterances: frames that were gathered from all of a batch, (N, I), have none."""
