"""Functions from samples to text: a recogniser in torch, or a model that runs in faster-whisper or onnx-asr.

A `Hearing` is a function that takes the samples of some utterances at 16 kHz and returns their texts. The other
libraries are optional and are imported only when they are used.
"""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from isogloss.config import AsrParams, DecodingParams, Params
from isogloss.corpus.frontend.features import feature_extractor
from isogloss.corpus.frontend.samples import SAMPLING_RATE, Samples
from isogloss.errors import ModelError

if TYPE_CHECKING:
    from isogloss.recognizers import Recognizer

Backend = Literal["torch", "faster-whisper", "onnx-asr"]
Hearing = Callable[[Sequence[Samples]], list[str]]

FULL_WINDOW_FRAMES = 3000
"""Feature frames of Whisper's window of 30 s."""
PADDED_SECONDS = 400.0
"""Seconds of audio in one batch of a recogniser in torch, padding included."""


def torch_hearing(recognizer: "Recognizer", *, decoding: DecodingParams) -> Hearing:
    """A `Hearing` of any recogniser in torch, in batches of similar lengths, on an accelerator if there is one."""
    from isogloss.recognizers.batches import Batch

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recognizer = recognizer.to(device).eval()

    def batch_of(sounds: list[torch.Tensor]) -> Batch:
        padded = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)
        named = {"ids": [""] * len(sounds), "cohorts": [""] * len(sounds), "texts": [""] * len(sounds)}
        held = {"features_BTF" if recognizer.hears == "features" else "audio_BS": padded}
        return Batch(**named, lengths_B=torch.tensor([len(sound) for sound in sounds]), **held)  # type: ignore[arg-type]

    def hear(utterances: Sequence[Samples]) -> list[str]:
        waiting = sorted(range(len(utterances)), key=lambda row: -len(utterances[row]))
        texts = [""] * len(utterances)
        while waiting:
            longest_s = len(utterances[waiting[0]]) / SAMPLING_RATE
            rows, waiting = _split(waiting, max(1, int(PADDED_SECONDS / longest_s)))
            batch = batch_of([_sound(recognizer, utterances[row]) for row in rows]).to(device)
            for row, hypothesis in zip(rows, recognizer.transcribe(batch, decoding), strict=True):
                texts[row] = hypothesis.text
        return texts

    return hear


def pretrained_recognizer(kind: str, checkpoint: Path, *, language: str | None) -> "tuple[Recognizer, Path]":
    """A pretrained recogniser of kind `whisper` or `ctc`, and the folder of its checkpoint.

    The checkpoint is named as `asr.checkpoint` is; a folder needs no digest.

    Raises
    ------
    ModelError
        The folder holds no checkpoint of that kind, or only pickled weights; or the package is not installed.
    """
    from isogloss.recognizers import new_recognizer
    from isogloss.recognizers.pretrained import checkpoint_digest, resolve_checkpoint

    folder = resolve_checkpoint(str(checkpoint))
    asr = AsrParams(model=kind, checkpoint=str(checkpoint), checkpoint_sha256=checkpoint_digest(folder))
    options: dict[str, Any] = {"asr": asr}
    if language is not None:
        options[kind] = {"language": language}
    return new_recognizer(Params(**options), Path("data")), folder


def faster_whisper_hearing(folder: Path, *, decoding: DecodingParams, language: str | None, threads: int) -> Hearing:
    """A Whisper that CTranslate2 has converted, by `faster-whisper`: without time stamps, each utterance for itself.

    Raises
    ------
    ModelError
        The package is not installed, or the folder holds no converted model.
    """
    _require("faster_whisper", "faster-whisper")
    if not (folder / "model.bin").is_file():
        raise ModelError(
            f"{folder} holds no CTranslate2 model (model.bin is missing); make one with `ct2-transformers-converter "
            f"--model {folder} --output_dir FOLDER --copy_files tokenizer.json preprocessor_config.json`"
        )
    faster_whisper = importlib.import_module("faster_whisper")
    try:
        model = faster_whisper.WhisperModel(str(folder), cpu_threads=threads, local_files_only=True)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{folder} cannot be read by faster-whisper: {str(error).splitlines()[0]}") from None
    beam = decoding.beam if decoding.method == "beam" else 1
    short_window = model.feature_extractor.nb_max_frames < FULL_WINDOW_FRAMES

    def hear(utterances: Sequence[Samples]) -> list[str]:
        if short_window:
            return [_hear_window(model, samples_S, beam=beam, language=language) for samples_S in utterances]
        texts = []
        for samples_S in utterances:
            segments, _ = model.transcribe(
                samples_S.astype(np.float32),
                language=language,
                beam_size=beam,
                temperature=0.0,
                without_timestamps=True,
                condition_on_previous_text=False,
            )
            texts.append(" ".join(segment.text.strip() for segment in segments))
        return texts

    return hear


def _hear_window(model: Any, samples_S: Samples, *, beam: int, language: str | None) -> str:
    """One utterance by a converted model whose window was shortened; faster-whisper's own loop pads to 30 s."""
    ctranslate2, tokenizers = (importlib.import_module(name) for name in ("ctranslate2", "faster_whisper.tokenizer"))
    extractor = model.feature_extractor
    if len(samples_S) > extractor.n_samples:
        raise ModelError(
            f"an utterance lasts {len(samples_S) / SAMPLING_RATE:.1f} s, but the model's window is "
            f"{extractor.n_samples / SAMPLING_RATE:g} s; cut it up or leave it out"
        )
    padded_S = np.pad(samples_S.astype(np.float32), (0, extractor.n_samples - len(samples_S)))
    features_1MT = np.ascontiguousarray(extractor(padded_S, padding=0)[None, :, : extractor.nb_max_frames])
    multilingual = model.model.is_multilingual
    tokenizer = tokenizers.Tokenizer(model.hf_tokenizer, multilingual, task="transcribe", language=language or "en")
    prompt = model.get_prompt(tokenizer, [], without_timestamps=True)
    found = model.model.generate(ctranslate2.StorageView.from_array(features_1MT), [prompt], beam_size=beam)
    return str(tokenizer.decode(found[0].sequences_ids[0]).strip())


def onnx_hearing(name: str, folder: Path, *, threads: int) -> Hearing:
    """A model of `onnx-asr`, of one of its names or types such as `whisper`, from a folder of ONNX files.

    Raises
    ------
    ModelError
        The package is not installed, or the folder holds no model of that type.
    """
    _require("onnx_asr", "onnx-asr")
    onnx_asr, onnxruntime = (importlib.import_module(name) for name in ("onnx_asr", "onnxruntime"))
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder; give one with ONNX files of a model of type {name}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        model = onnx_asr.load_model(name, folder, sess_options=options)
    except Exception as error:  # This catches errors of onnx-asr and of onnxruntime.
        raise ModelError(f"{folder} cannot be read by onnx-asr as {name}: {str(error).splitlines()[0]}") from None
    return lambda utterances: [str(model.recognize(one, sample_rate=SAMPLING_RATE)) for one in utterances]


def _sound(recognizer: "Recognizer", samples_S: Samples) -> torch.Tensor:
    """The input of a recogniser for an utterance: its samples, or its log-mel features."""
    if recognizer.hears == "audio":
        return torch.from_numpy(np.ascontiguousarray(samples_S, dtype=np.float32))
    filters = len(recognizer.feature_mean_F)
    return torch.from_numpy(feature_extractor(filters).extract(samples_S, SAMPLING_RATE))


def _split(rows: list[int], count: int) -> tuple[list[int], list[int]]:
    """The first `count` of some rows, and the others."""
    return rows[:count], rows[count:]


def _require(module: str, package: str) -> None:
    """Raise if an optional package is missing."""
    if importlib.util.find_spec(module) is None:
        raise ModelError(f"--backend {package} needs the package {package}; install isogloss[{package}]")
