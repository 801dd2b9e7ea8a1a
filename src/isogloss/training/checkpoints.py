"""Checkpoints without pickle, written atomically.

A file is the SHA-256 of the rest, and then safetensors: the tensors of the model, of the optimiser and of the
callbacks, with everything else as JSON in their header. It is written to a temporary file, flushed and renamed, so that
after a full disk or a kill the previous checkpoint still exists. Reading executes no code. A file whose digest does not
match (flipped bytes, a truncated file, a checkpoint of another version) is not used.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric.plugins.io import CheckpointIO
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from isogloss.errors import ModelError
from isogloss.tables import atomic_path

_DIGEST_BYTES = 64
_TENSOR, _ARRAY, _MAPPING, _LIST, _TUPLE = "tensor", "array", "mapping", "list", "tuple"


class SafeCheckpointIO(CheckpointIO):
    """Reads and writes Lightning's checkpoints as such files."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint, on the CPU; raises `ModelError` as `read_checkpoint`."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint."""
        Path(path).unlink(missing_ok=True)


def write_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write nested plain data with tensors in it.

    Raises
    ------
    TypeError
        A value is neither a tensor nor a JSON value.
    OSError
        The disk is full, or the folder cannot be written; the previous checkpoint is kept.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = json.dumps(_encoded(content, tensors))
    # A tensor may be a view of another one; safetensors needs separate tensors.
    body = save_tensors(
        {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}, {"tree": tree}
    )
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(hashlib.sha256(body).hexdigest().encode())
        file.write(body)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    ModelError
        The file is missing, cut, altered, or no checkpoint.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"the checkpoint {path} cannot be read: {error.strerror}") from None
    digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ModelError(f"the checkpoint {path} is damaged, or of another version of Isogloss")
    tree = json.loads(json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])["__metadata__"]["tree"])
    return _decoded(tree, load_tensors(body))


def usable(path: Path, *, tell: bool = True) -> bool:
    """Whether there is a checkpoint to resume from; with `tell`, one sentence is printed about a damaged one."""
    if not path.exists():
        return False
    try:
        read_checkpoint(path)
    except ModelError as error:
        if tell:
            print(f"{error}; it is not used, and the training begins anew", flush=True)
        return False
    return True


def _encoded(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """A value as JSON; its tensors go into `tensors`."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value
        return {_TENSOR: name}
    if isinstance(value, np.ndarray):
        return {_ARRAY: _encoded(torch.from_numpy(value), tensors)}
    if isinstance(value, Mapping):
        # Keys may be numbers, as in the state of an optimiser.
        return {_MAPPING: [[_encoded(key, tensors), _encoded(one, tensors)] for key, one in value.items()]}
    if isinstance(value, list | tuple):
        return {_TUPLE if isinstance(value, tuple) else _LIST: [_encoded(one, tensors) for one in value]}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__} ({value!r})")


def _decoded(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """The inverse of `_encoded`."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == _TENSOR:
        return tensors[content]
    if kind == _ARRAY:
        return _decoded(content, tensors).numpy()
    if kind == _MAPPING:
        return {_decoded(key, tensors): _decoded(one, tensors) for key, one in content}
    decoded = [_decoded(one, tensors) for one in content]
    return tuple(decoded) if kind == _TUPLE else decoded
