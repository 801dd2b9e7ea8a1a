"""Checkpoints of pretrained recognisers: a folder, or a pinned revision of a hub; only safetensors, no remote code.

A checkpoint is named as in `asr.checkpoint`: a folder, which may begin with `$ISOGLOSS_MODELS` (by default
`../shared/models`), or `owner/name@revision` of the Hugging Face hub with a full commit hash, which identifies its
bytes. The bytes of a folder are identified by a digest.
"""

import hashlib
import importlib.util
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from isogloss.config import AsrParams
from isogloss.errors import ModelError

MODELS_VARIABLE = "ISOGLOSS_MODELS"
DEFAULT_MODELS = "../shared/models"
"""Used where `$ISOGLOSS_MODELS` is unset or empty; relative to the repository."""
_HUB_NAME = re.compile(r"^(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)@(?P<revision>[0-9a-f]{40})$")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.pkl")
_HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]


def resolve_checkpoint(checkpoint: str, *, repository: Path | str = ".", download: bool = False) -> Path:
    """The folder of a checkpoint on this machine.

    Parameters
    ----------
    checkpoint
        The value of `asr.checkpoint`.
    repository
        The folder that relative paths are relative to.
    download
        Whether a hub's revision that is not in the local cache may be fetched; without it nothing is ever fetched.

    Raises
    ------
    ModelError
        There is no such folder, it holds no checkpoint or only pickled weights, the hub's name has no full revision, or
        the revision is neither in the cache nor can be fetched.
    """
    hub = _HUB_NAME.match(checkpoint)
    if hub:
        folder = _from_hub(f"{hub['owner']}/{hub['name']}", hub["revision"], download=download)
    else:
        expanded = re.sub(rf"^\$(?:{MODELS_VARIABLE}\b|{{{MODELS_VARIABLE}}})", "", checkpoint)
        if expanded != checkpoint:
            folder = Path(repository) / (os.environ.get(MODELS_VARIABLE) or DEFAULT_MODELS) / expanded.lstrip("/")
        else:
            folder = Path(repository) / Path(checkpoint).expanduser()
        if not folder.is_dir() and re.match(r"^[\w.-]+/[\w.-]+(@.*)?$", checkpoint):
            raise ModelError(
                f"asr.checkpoint {checkpoint!r} is no folder; a model of the hub is named with its full commit hash, "
                "as owner/name@0123456789abcdef0123456789abcdef01234567"
            )
    _require_checkpoint(folder, checkpoint)
    return folder


def pretrained_folder(asr: AsrParams) -> Path:
    """The folder of the checkpoint that section `asr` names, after its digest was checked.

    Raises
    ------
    ModelError
        As `resolve_checkpoint` and `require_digest`; or the packages of the extra are not installed.
    """
    if importlib.util.find_spec("transformers") is None:
        raise ModelError(f"asr.model is {asr.model}, which needs the package transformers; install isogloss[whisper]")
    checkpoint = asr.checkpoint or ""
    folder = resolve_checkpoint(checkpoint, download=asr.download)
    require_digest(folder, asr.checkpoint_sha256, checkpoint=checkpoint)
    return folder


def checkpoint_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of a checkpoint's files, for `asr.checkpoint_sha256`."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in {".json", ".safetensors", ".txt", ".model"}):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def require_digest(folder: Path, expected: str | None, *, checkpoint: str) -> None:
    """Raise if a folder's checkpoint is not the one that params name.

    Raises
    ------
    ModelError
        The digest is missing from params or differs; the message gives the digest to write.
    """
    if _HUB_NAME.match(checkpoint):
        return
    found = checkpoint_digest(folder)
    if expected is None:
        raise ModelError(
            f"asr.checkpoint_sha256 is missing, by which DVC sees that {checkpoint} has changed; set it to {found}"
        )
    if found != expected:
        raise ModelError(
            f"the checkpoint {checkpoint} has the digest {found}, but asr.checkpoint_sha256 is {expected}; write the "
            "new digest there if the new checkpoint is meant"
        )


def read_pretrained(loader: Any, folder: Path, **options: Any) -> Any:
    """`loader.from_pretrained` on a folder: local files, safetensors, no remote code.

    Raises
    ------
    ModelError
        The files do not make a model of this kind; the library's first line says why.
    """
    _quiet()
    try:
        return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **options)
    # The library raises OSError, ValueError, KeyError, SafetensorError and its own exceptions.
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{folder} cannot be read as a checkpoint: {first}") from None


def require_fit(
    model: Any, tokenizer: Any, feature_extractor: Any, *, sampling_rate: int, unsaid: Collection[int | None] = ()
) -> None:
    """Raise if the parts of a checkpoint belong to different models, or the model needs another sampling rate.

    Parameters
    ----------
    model, tokenizer, feature_extractor
        The parts.
    sampling_rate
        Ours, in samples a second.
    unsaid
        Tokens that the model need not know, since it never says them.

    Raises
    ------
    ModelError
        The tokenizer has a token that the model lacks, or the sampling rate is not ours.
    """
    if feature_extractor.sampling_rate != sampling_rate:
        raise ModelError(
            f"the checkpoint hears {feature_extractor.sampling_rate} samples a second; Isogloss has {sampling_rate}"
        )
    last = max(set(tokenizer.get_vocab().values()) - set(unsaid))
    if last >= model.config.vocab_size:
        raise ModelError(
            f"the checkpoint's tokenizer has a token {last}, but its model knows {model.config.vocab_size} tokens from "
            "0 on; take model and tokenizer from one checkpoint"
        )


def checkpoint_gradients(model: Any) -> None:
    """Make a model of `transformers` recompute its layers in the backward pass: less memory, about a third more time.

    Raises
    ------
    ModelError
        Models of this kind do not support it.
    """
    if not model.supports_gradient_checkpointing:
        raise ModelError(f"a {type(model).__name__} has no gradient checkpointing; set gradient_checkpointing to false")
    model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})


def _require_checkpoint(folder: Path, checkpoint: str) -> None:
    """Raise if a folder holds no weights that may be read."""
    if not folder.is_dir():
        place = os.path.normpath(folder.absolute())
        raise ModelError(f"checkpoint {checkpoint!r}: there is no folder {place}; correct it, or set $ISOGLOSS_MODELS")
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} is no checkpoint in the Hugging Face layout: config.json is missing")
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        if pickled:
            raise ModelError(
                f"{folder} has its weights in {pickled[0]}, a pickle, which can run code when it is read; convert it "
                "with save_pretrained(..., safe_serialization=True) on a machine where you trust it"
            )
        raise ModelError(f"{folder} is no checkpoint: it has no *.safetensors")


def _from_hub(name: str, revision: str, *, download: bool) -> Path:
    """The local folder of a hub's revision."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=_HUB_FILES, local_files_only=not download)
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        remedy = "check the network and the name" if download else "set asr.download: true once, with a network"
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{name}@{revision} is not in the local cache of the hub ({first}); {remedy}") from None


def _quiet() -> None:
    """Turn off the library's progress bars and advice in the output of stages; real warnings still appear."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
