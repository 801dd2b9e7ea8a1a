"""Files of weights: safetensors, read to the CPU wherever the model was trained."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from isogloss.errors import ModelError


def write_weights(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by their names."""
    # safetensors accepts only contiguous tensors.
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)


def load_weights(module: nn.Module, path: Path) -> None:
    """Give a module the weights of a file.

    Raises
    ------
    ModelError
        The file is missing, is no file of weights or not a whole one, or does not fit the module.
    """
    try:
        module.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise ModelError(f"{path} is no file of weights, or not a whole one ({error}); make it anew") from None
    except (RuntimeError, FileNotFoundError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(f"{path} does not fit what is said of it in {path.parent}/model.json: {first}") from None
