"""Squared gradients of each utterance of a batch, from one backward pass.

Autograd adds the gradients of a batch's utterances; the Fisher information needs their squares before they are added.
For a layer the gradient of one utterance is a product of what the layer saw and of the gradient of what it gave, both
of which a single backward pass over the whole batch knows, utterance by utterance. `UtteranceGradients` notes the two
for every layer and multiplies them out (the idea of Goodfellow 2015, 1510.01799, for each kind of layer; the formulas
are ours and are tested against one backward pass an utterance).

Layers are given by kind: linear, convolution, layer normalisation, embedding and LSTM, whatever is built of them. An
LSTM runs as one that tells its gates' gradients (`lstm`) and leaves autograd none for its weights. A
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
from torch.nn.grad import conv1d_weight, conv2d_weight

from isogloss.recognizers.per_utterance.lstm import LayerGradient, RememberedLSTM, can_be_remembered


@dataclass(frozen=True)
class Product:
    """The gradients of a matrix, utterance by utterance, as yet not multiplied out: left @ right.

    All of them at once would be B times the matrix, more than a cache holds.
    """

    left_BON: Tensor
    right_BNI: Tensor


@dataclass
class Call:
    """One call of a layer: what it saw, and the gradient of the loss at what it gave once that is known."""

    input: Tensor
    gradient: Tensor | None = None


Gradients = dict[str, Tensor | Product]
"""By the name of a layer's own parameter, the gradient of each utterance: (B, *parameter.shape)."""


class UtteranceGradients:
    """While active, notes what each layer of a model saw and gave; `squares` after a backward pass multiplies it out.

    Parameters
    ----------
    model
        Every input of its layers has the utterances as its first dimension.
    utterances
        How many there are in the batch.
    """

    def __init__(self, model: nn.Module, utterances: int) -> None:
        self.model = model
        self.utterances = utterances
        self._calls: dict[str, list[Call]] = {}
        self._recurrent: dict[str, list[Gradients]] = {}
        self._handles: list[Any] = []
        self._lstms: list[nn.LSTM] = []

    def __enter__(self) -> Self:
        """Start taking notes."""
        for name, module in self.model.named_modules():
            if type(module) in _FORMULAS:
                self._handles.append(module.register_forward_hook(self._note(name)))
            elif type(module) is nn.LSTM:
                self._lstms.append(module)
                module.forward = self._remembered(name, module)  # type: ignore[method-assign]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop taking notes."""
        for handle in self._handles:
            handle.remove()
        for lstm in self._lstms:
            del lstm.forward
        self._handles.clear()
        self._lstms.clear()

    @torch.no_grad()
    def squares(self) -> dict[str, Tensor]:
        """Sum over the utterances of the squared gradient, by parameter, of those that are in sight.

        Call it after `backward` of the sum of the utterances' losses, each of which depends on its own row alone, from
        gradients of zero.
        """
        gradients = {name: self._of_layer(name, calls) for name, calls in self._calls.items()}
        gradients |= {name: _by_parameter(calls) for name, calls in self._recurrent.items()}
        found: dict[str, Tensor] = {}
        for name, by_parameter in gradients.items():
            module = self.model.get_submodule(name)
            for parameter, calls in by_parameter.items():
                weight = module.get_parameter(parameter)
                square, total = _sums(calls, like=weight)
                if isinstance(module, nn.LSTM):  # autograd meets its weights only where they are used beside it
                    total = torch.zeros_like(weight)
                whole = torch.zeros_like(weight) if weight.grad is None else weight.grad
                if (total - whole).abs().amax() <= 1e-3 * square.sqrt().amax():
                    found[f"{name}.{parameter}".lstrip(".")] = square
        return found

    def _of_layer(self, name: str, calls: list[Call]) -> dict[str, list[Tensor | Product]]:
        """What a layer's calls that the loss reaches give its parameters; nothing if one did not see utterances."""
        module = self.model.get_submodule(name)
        reached = [(call, call.gradient) for call in calls if call.gradient is not None]
        least = _DIMENSIONS.get(type(module), 2)
        if any(len(call.input) != self.utterances or call.input.dim() < least for call, _ in reached):
            return {}
        return _by_parameter([_FORMULAS[type(module)](module, call, gradient) for call, gradient in reached])

    def _remembered(self, name: str, lstm: nn.LSTM) -> Callable[..., Any]:
        """A forward pass of the LSTM that notes its gates' gradients; PyTorch's own where it is no plain one."""
        usual = lstm.forward

        def heard(layers: list[LayerGradient]) -> None:
            self._recurrent.setdefault(name, []).append(_lstm(layers, bias=lstm.bias))

        def forward(input_BNI: Any, state: Any = None) -> Any:
            sees_utterances = (
                isinstance(input_BNI, Tensor) and input_BNI.dim() == 3 and len(input_BNI) == self.utterances
            )
            if state is not None or not sees_utterances or not can_be_remembered(lstm):
                with torch.backends.cudnn.flags(enabled=False):  # its LSTM has no backward pass in evaluation mode
                    return usual(input_BNI, state)
            output_BNH, *last = RememberedLSTM.apply(input_BNI, lstm.weight_ih_l0, lstm, heard)
            return output_BNH, tuple(last)

        return forward

    def _note(self, name: str) -> Callable[..., None]:
        """A forward hook for the layer of that name."""

        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if not output.requires_grad:
                return
            call = Call(inputs[0].detach())
            self._calls.setdefault(name, []).append(call)
            output.register_hook(lambda gradient: setattr(call, "gradient", gradient.detach()))

        return hook


def _by_parameter(calls: list[Gradients]) -> dict[str, list[Tensor | Product]]:
    """The gradients of all calls of a layer, by parameter."""
    found: dict[str, list[Tensor | Product]] = {}
    for call in calls:
        for parameter, gradient in call.items():
            found.setdefault(parameter, []).append(gradient)
    return found


def _sums(calls: list[Tensor | Product], like: Tensor) -> tuple[Tensor, Tensor]:
    """Over utterances, the sum of the squares of what a layer's calls add up to, and the sum itself."""
    if isinstance(calls[0], Tensor):
        gradients = torch.stack(cast(list[Tensor], calls)).sum(dim=0)
        return gradients.square().sum(dim=0), gradients.sum(dim=0)
    products = cast(list[Product], calls)
    square, total = torch.zeros_like(like), torch.zeros_like(like)
    for row in range(len(products[0].left_BON)):
        ones = [product.left_BON[row] @ product.right_BNI[row] for product in products]
        gradient = sum(ones[1:], start=ones[0])
        square.addcmul_(gradient, gradient)
        total += gradient
    return square, total


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
    """Each row of the table gathers the gradients of its positions."""
    layer, input_BN = cast(nn.Embedding, module), call.input
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
"""Dimensions of an input that has utterances: frames that were gathered from all of a batch, (N, I), have none."""
