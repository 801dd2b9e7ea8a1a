"""Squared gradients of each utterance of a batch, from one backward pass.

Autograd adds the gradients of a batch's utterances; the Fisher information needs their squares before they are added.
The gradient of one utterance in a layer's weights is a product of the layer's input and of the gradient of its output,
and a single backward pass over the whole batch gives both for each utterance. `UtteranceGradients` records the two for
every layer and multiplies them (the idea of Goodfellow 2015, 1510.01799, for each kind of layer; the formulas are ours
and are tested against one backward pass per utterance).

It covers models built of linear, convolution, layer normalisation, embedding and LSTM layers. An LSTM runs as one that
keeps its gates' gradients (`lstm`), so that autograd computes none for its weights. A parameter that several layers
share gets the sum of their gradients, utterance by utterance. A parameter that is also used outside its layers, or by a
layer whose input mixes utterances, cannot be recorded: its per-sample gradients do not add up to autograd's gradient.
`squares` then leaves it out, so that the caller can fall back on one backward pass per utterance.

Shapes: B utterances; N positions of one utterance (frames, tokens, or both); I inputs, O outputs, H units, C channels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv1d_weight, conv2d_weight
from torch.nn.utils import parametrize

from isogloss.recognizers.per_utterance.lstm import LayerGradient, RememberedLSTM, can_be_remembered

LARGE = 2**24
"""Number of elements of a batch's per-sample gradients above which an embedding table's are handled one utterance at a
time."""


@dataclass(frozen=True)
class Product:
    """The per-sample gradients of a matrix in factored form: left @ right.

    All of them at once would be B times the matrix, more than a cache holds.
    """

    left_BON: Tensor
    right_BNI: Tensor


@dataclass(frozen=True)
class Rows:
    """The per-sample gradients of a large table, stored only for the few rows that each utterance reads."""

    rows_BN: Tensor
    gradient_BNC: Tensor


@dataclass
class Call:
    """One call of a layer: its input, and, after the backward pass, the gradient of the loss at its output."""

    input: Tensor
    gradient: Tensor | None = None


Gradient = Tensor | Product | Rows
Gradients = dict[str, Gradient]
"""Name of a layer's parameter -> its gradient for each utterance, (B, *parameter.shape)."""


class UtteranceGradients:
    """Records the input and the output gradient of each layer; `squares` combines them after a backward pass.

    Parameters
    ----------
    model
        Every input of its layers has the utterances as its first dimension.
    utterances
        How many there are in the batch.
    formulas
        For further kinds of layers, the gradients of a call from its first input and the gradient of its output.
    changed_in_place
        Whether the model may change a layer's output in place, so that the layer has to return a copy.
    """

    def __init__(
        self,
        model: nn.Module,
        utterances: int,
        *,
        formulas: Mapping[type[nn.Module], Callable[[nn.Module, Call, Tensor], Gradients]] | None = None,
        changed_in_place: bool = False,
    ) -> None:
        self.model = model
        self.utterances = utterances
        self._formulas = {**_FORMULAS, **(formulas or {})}
        self._changed_in_place = changed_in_place
        self._calls: dict[str, list[Call]] = {}
        self._recurrent: dict[str, list[Gradients]] = {}
        self._handles: list[Any] = []
        self._lstms: list[nn.LSTM] = []

    def __enter__(self) -> Self:
        """Start recording."""
        for name, module in self.model.named_modules():
            if _kind(module) in self._formulas:
                self._handles.append(module.register_forward_hook(self._note(name)))
            elif type(module) is nn.LSTM:
                self._lstms.append(module)
                module.forward = self._remembered(name, module)  # type: ignore[method-assign]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop recording."""
        for handle in self._handles:
            handle.remove()
        for lstm in self._lstms:
            del lstm.forward
        self._handles.clear()
        self._lstms.clear()

    @torch.no_grad()
    def squares(self) -> dict[str, Tensor]:
        """Sum over the utterances of the squared gradient, by parameter, for every parameter that could be recorded.

        Call it after `backward` of the sum of the utterances' losses, each of which depends on its own row alone, from
        gradients of zero.
        """
        sums = {
            name: (weight, *_sums(calls, like=weight), recurrent)
            for name, (weight, calls, recurrent) in self._by_shared_parameter().items()
        }
        # A gradient that is zero up to rounding, such as of a bias below a softmax, counts as recorded.
        largest = max((float(square.amax()) ** 0.5 for _, square, _, _ in sums.values()), default=0.0)
        found: dict[str, Tensor] = {}
        for name, (weight, square, total, recurrent) in sums.items():
            if recurrent:  # autograd has gradients of an LSTM's weights only if they are used outside it.
                total = torch.zeros_like(weight)
            whole = torch.zeros_like(weight) if weight.grad is None else weight.grad
            rounding = 100 * torch.finfo(weight.dtype).eps * largest
            if (total - whole).abs().amax() <= 1e-3 * square.sqrt().amax() + rounding:
                found[name] = square
        return found

    def _by_shared_parameter(self) -> dict[str, tuple[nn.Parameter, list[Gradient], bool]]:
        """For each parameter, by its name in the model: itself, its layers' gradients, and whether it is an LSTM's."""
        gradients = {name: self._of_layer(name, calls) for name, calls in self._calls.items()}
        gradients |= {name: _by_parameter(calls) for name, calls in self._recurrent.items()}
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        found: dict[str, tuple[nn.Parameter, list[Gradient], bool]] = {}
        for layer, by_parameter in gradients.items():
            module = self.model.get_submodule(layer)
            for parameter, calls in by_parameter.items():
                weight = module.get_parameter(parameter)
                shared = found.setdefault(names[id(weight)], (weight, [], isinstance(module, nn.LSTM)))
                shared[1].extend(calls)
        return found

    def _of_layer(self, name: str, calls: list[Call]) -> dict[str, list[Gradient]]:
        """The per-sample gradients of a layer's parameters; None if the input of one of its calls mixes utterances."""
        module = self.model.get_submodule(name)
        reached = [(call, call.gradient) for call in calls if call.gradient is not None]
        kind = _kind(module)
        least = _DIMENSIONS.get(kind, 2)
        if any(len(call.input) != self.utterances or call.input.dim() < least for call, _ in reached):
            return {}
        found = [self._formulas[kind](module, call, gradient) for call, gradient in reached]
        return _by_parameter([_through_parametrization(module, gradients) for gradients in found])

    def _remembered(self, name: str, lstm: nn.LSTM) -> Callable[..., Any]:
        """A forward pass of the LSTM that keeps its gates' gradients; PyTorch's own for an LSTM of another kind."""
        usual = lstm.forward

        def heard(layers: list[LayerGradient]) -> None:
            self._recurrent.setdefault(name, []).append(_lstm(layers, bias=lstm.bias))

        def forward(input_BNI: Any, state: Any = None) -> Any:
            sees_utterances = (
                isinstance(input_BNI, Tensor) and input_BNI.dim() == 3 and len(input_BNI) == self.utterances
            )
            if state is not None or not sees_utterances or not can_be_remembered(lstm):
                with torch.backends.cudnn.flags(enabled=False):  # cuDNN's LSTM has no backward pass in evaluation mode.
                    return usual(input_BNI, state)
            output_BNH, *last = RememberedLSTM.apply(input_BNI, lstm.weight_ih_l0, lstm, heard)
            return output_BNH, tuple(last)

        return forward

    def _note(self, name: str) -> Callable[..., Tensor | None]:
        """A forward hook for the layer of that name."""

        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            if not output.requires_grad:
                return None
            call = Call(inputs[0].detach())
            self._calls.setdefault(name, []).append(call)
            output.register_hook(lambda gradient: setattr(call, "gradient", gradient.detach()))
            return output.clone() if self._changed_in_place else None

        return hook


def _kind(module: nn.Module) -> type[nn.Module]:
    """The class of a layer; of one with parametrized weights, the class that it had before."""
    return type(module).__bases__[0] if parametrize.is_parametrized(module) else type(module)


def _through_parametrization(module: nn.Module, gradients: Gradients) -> Gradients:
    """The gradients of what parametrized weights (such as weight normalisation's) are computed from."""
    if not parametrize.is_parametrized(module):
        return gradients
    found: Gradients = {}
    for name, gradient in gradients.items():
        if not parametrize.is_parametrized(module, name):
            found[name] = gradient
            continue
        weight = cast(Tensor, getattr(module, name))
        rows = [_of_utterance(gradient, row, weight) for row in range(_utterances(gradient))]
        prefix = f"parametrizations.{name}."
        originals = {p: module.get_parameter(p) for p, _ in module.named_parameters() if p.startswith(prefix)}
        with torch.enable_grad():
            # Compute the weight again, with a graph down to the original parameters.
            computed = cast(Tensor, getattr(module, name))
            by_row = [torch.autograd.grad(computed, list(originals.values()), row, retain_graph=True) for row in rows]
        for number, original in enumerate(originals):
            found[original] = torch.stack([row[number] for row in by_row])
    return found


def _by_parameter(calls: list[Gradients]) -> dict[str, list[Gradient]]:
    """The gradients of all calls of a layer, by parameter."""
    found: dict[str, list[Gradient]] = {}
    for call in calls:
        for parameter, gradient in call.items():
            found.setdefault(parameter, []).append(gradient)
    return found


def _sums(calls: list[Gradient], like: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over utterances of the calls' total gradient: of its square, and of the gradient itself."""
    if all(isinstance(call, Tensor) for call in calls):
        gradients = torch.stack(cast(list[Tensor], calls)).sum(dim=0)
        return gradients.square().sum(dim=0), gradients.sum(dim=0)
    square, total = torch.zeros_like(like), torch.zeros_like(like)
    for row in range(_utterances(calls[0])):
        ones = [_of_utterance(call, row, like) for call in calls]
        gradient = sum(ones[1:], start=ones[0])
        square.addcmul_(gradient, gradient)
        total += gradient
    return square, total


def _utterances(call: Gradient) -> int:
    """The number of utterances in the input of a call."""
    return len(call.left_BON if isinstance(call, Product) else call.rows_BN if isinstance(call, Rows) else call)


def _of_utterance(call: Gradient, row: int, like: Tensor) -> Tensor:
    """The gradient of one utterance, multiplied out or spread over its table."""
    if isinstance(call, Product):
        return call.left_BON[row] @ call.right_BNI[row]
    if isinstance(call, Rows):
        return torch.zeros_like(like).index_put_((call.rows_BN[row],), call.gradient_BNC[row], accumulate=True)
    return call[row]


def _linear(module: nn.Module, call: Call, gradient_BNO: Tensor) -> Gradients:
    """Weight: sum over positions of output gradient times input."""
    layer = cast(nn.Linear, module)
    found: Gradients = {"weight": Product(gradient_BNO.flatten(1, -2).transpose(1, 2), call.input.flatten(1, -2))}
    if layer.bias is not None:
        found["bias"] = gradient_BNO.flatten(1, -2).sum(dim=1)
    return found


def _convolution(module: nn.Module, call: Call, gradient_BON: Tensor) -> Gradients:
    """The utterances as groups of one convolution, whose weights are then one an utterance."""
    layer = cast("nn.Conv1d | nn.Conv2d", module)
    weight_gradient = conv1d_weight if isinstance(layer, nn.Conv1d) else conv2d_weight
    batch = len(call.input)
    found: Gradients = {
        "weight": weight_gradient(
            call.input.reshape(1, -1, *call.input.shape[2:]),
            (batch * layer.out_channels, *layer.weight.shape[1:]),
            gradient_BON.reshape(1, -1, *gradient_BON.shape[2:]),
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=batch * layer.groups,
        ).view(batch, *layer.weight.shape)
    }
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
    """Each row of the table gathers the gradients of its positions; a large table's are spread out one at a time."""
    layer, input_BN = cast(nn.Embedding, module), call.input
    if len(input_BN) * layer.weight.numel() > LARGE:
        return {"weight": Rows(input_BN, gradient_BNC)}
    gradient = gradient_BNC.new_zeros(len(input_BN), *layer.weight.shape)
    rows = torch.arange(len(input_BN), device=input_BN.device)[:, None].expand_as(input_BN)
    return {"weight": gradient.index_put_((rows, input_BN), gradient_BNC, accumulate=True)}


def _lstm(layers: list[LayerGradient], *, bias: bool) -> Gradients:
    """Each layer is two linear layers into the same gates."""
    found: Gradients = {}
    for layer, gradient in enumerate(layers):
        gates_BGN = gradient.gates_NBG.permute(1, 2, 0)
        found[f"weight_ih_l{layer}"] = Product(gates_BGN, gradient.input_NBI.transpose(0, 1))
        found[f"weight_hh_l{layer}"] = Product(gates_BGN, gradient.before_NBH.transpose(0, 1))
        if bias:
            sums = gradient.gates_NBG.sum(dim=0)
            found[f"bias_ih_l{layer}"], found[f"bias_hh_l{layer}"] = sums, sums.clone()
    return found


_FORMULAS: dict[type[nn.Module], Callable[[nn.Module, Call, Tensor], Gradients]] = {
    nn.Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.LayerNorm: _layer_norm,
    nn.Embedding: _embedding,
}

_DIMENSIONS: dict[type[nn.Module], int] = {nn.Linear: 3}
"""Number of dimensions of a layer's input whose first dimension is the utterance. An input (N, I) of frames gathered
from the whole batch has none."""
