"""CTC recognisers of `transformers` behind the port: wav2vec2, HuBERT, WavLM, MMS, Parakeet-CTC and others.

The module takes any checkpoint that `AutoModelForCTC` opens, with its own feature extractor and tokenizer.

Shapes: B utterances, S samples, T encoder frames, N tokens, D channels, V vocabulary.
"""

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isogloss.config import AsrParams, DecodingParams, Params
from isogloss.config.components import RecognizerComponent
from isogloss.config.section import Section
from isogloss.errors import ModelError
from isogloss.recognizers.base import Hypothesis, Losses, Part, Recognizer
from isogloss.recognizers.batches import Batch, mean_over_time
from isogloss.recognizers.cohort_input import CohortInput
from isogloss.recognizers.ctc_search import Path as TokenPath
from isogloss.recognizers.ctc_search import best_path, prefix_beam_search
from isogloss.recognizers.ctc_text import CtcText
from isogloss.recognizers.per_utterance.squares import squares_in_one_pass
from isogloss.recognizers.pretrained import checkpoint_gradients, pretrained_folder, read_pretrained, require_fit
from isogloss.tables import read_json
from isogloss.weights import load_weights, write_weights

SAMPLING_RATE = 16_000
SAMPLES_PER_FRAME = 320
"""Samples from one frame of wav2vec2 and its kin to the next."""
SHORTEST = 800
"""Samples to which shorter utterances are padded (50 ms), so that each model has a frame of them: the convolutions of
wav2vec2 span 400 samples, and SEW halves the frames once more."""
MASKING = ("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat", "parakeet_ctc")
"""Types of models of `transformers` that mask padding; a test compares utterances alone and in a batch. A model of
another type gets one utterance at a time."""


class CtcParams(Section):
    """A CTC model of `transformers`, the checkpoint `asr.checkpoint`."""

    freeze_front_end: bool = False
    """Whether the convolutions below the encoder are never trained, as is usual for wav2vec2."""
    gradient_checkpointing: bool = False
    """Whether layers are computed anew in the backward pass: less memory, more time, the same gradients."""


COMPONENT = RecognizerComponent(
    name="ctc", implementation="CtcRecognizer", hears="audio", pretrained=True, options=CtcParams
)


class CtcRecognizer(Recognizer):
    """A model with one distribution per frame over tokens and blank.

    Parameters
    ----------
    model
        A model that `transformers.AutoModelForCTC` opened.
    tokenizer, feature_extractor
        Tokenizer and feature extractor of the checkpoint.
    freeze_front_end, gradient_checkpointing
        See `CtcParams`.
    cohorts, hidden_share
        Cohorts whose membership is an input, if any (see `CohortInput`); it shifts the input of the encoder: the output
        of the convolutions, or the log-mel features.

    Raises
    ------
    ModelError
        The sampling rate is not 16 kHz, the tokenizer is another model's, or the model has no front end of a kind that
        an option needs.
    """

    kind = COMPONENT.name
    hears = COMPONENT.hears

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        feature_extractor: Any,
        *,
        freeze_front_end: bool = False,
        gradient_checkpointing: bool = False,
        cohorts: Sequence[str] = (),
        hidden_share: float = 0.0,
    ) -> None:
        super().__init__()
        # Tokenizers add these tokens after those of the model if its vocabulary has none.
        unsaid = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id} - {tokenizer.pad_token_id}
        require_fit(model, tokenizer, feature_extractor, sampling_rate=SAMPLING_RATE, unsaid=unsaid)
        self.model = model
        self.text = CtcText(tokenizer)
        self.feature_extractor = feature_extractor
        self.options: dict[str, Any] = {
            "freeze_front_end": freeze_front_end,
            "gradient_checkpointing": gradient_checkpointing,
        }
        self.cohort_input: CohortInput | None = None
        if cohorts:
            self.options |= {"cohorts": list(cohorts), "hidden_share": hidden_share}
            self.cohort_input = CohortInput(cohorts, dim=self._front_end_dim, hidden_share=hidden_share)
        if freeze_front_end:
            self._freeze_front_end()
        if gradient_checkpointing:
            checkpoint_gradients(model)

    def train(self, mode: bool = True) -> Self:
        """Turn training mode on or off; batch normalisation always keeps the statistics of the checkpoint.

        With those of a batch, an utterance's loss would depend on the others of its batch, and training would change
        them in parts of the model that a mitigation does not adapt.
        """
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.eval()
        return self

    def _freeze_front_end(self) -> None:
        """Turn off gradients of the convolutions below the encoder, on the waveform or on log-mel features."""
        if hasattr(self.model, "freeze_feature_encoder"):
            self.model.freeze_feature_encoder()
        elif (subsampling := getattr(getattr(self.model, "encoder", None), "subsampling", None)) is not None:
            subsampling.requires_grad_(False)
        else:
            raise ModelError(f"{type(self.model).__name__} has no front end to freeze; set freeze_front_end to false")

    @property
    def _front_end_dim(self) -> int:
        """Number of channels that a cohort shifts."""
        if hasattr(self.model.base_model, "feature_projection"):
            return int(self.model.config.conv_dim[-1])
        if (mels := getattr(self.feature_extractor, "feature_size", 1)) > 1:
            return int(mels)
        raise ModelError(f"{type(self.model).__name__} has no input for the cohort; leave 'cohort_input' out")

    @property
    def blank(self) -> int:
        """The blank token."""
        return int(self.model.config.pad_token_id)

    @property
    def _independent_of_padding(self) -> bool:
        """Whether the model masks padding wherever it could reach an utterance's frames.

        wav2vec2 with group normalisation over time cannot. In other models (SEW, data2vec, Wav2Vec2-Conformer)
        convolutions above the front end read padded frames.
        """
        config = self.model.config
        mixes_time = getattr(config, "feat_extract_norm", "layer") != "layer"
        return config.model_type in MASKING and not mixes_time and not getattr(config, "conv_pos_batch_norm", False)

    def frames(self, audio_BS: Tensor, lengths_B: Tensor, cohorts: Sequence[str] = ()) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (B, T, V), the last hidden frames (B, T, D), and how many frames each utterance has (B,).

        `cohorts` has the cohort of each utterance, where that is an input.

        A model that cannot mask padding gets one utterance at a time, so that no utterance depends on its batch.
        """
        rows = [audio_BS[row, : int(length)] for row, length in enumerate(lengths_B)]
        rows = [F.pad(row, (0, max(0, SHORTEST - len(row)))) for row in rows]
        if self._independent_of_padding:
            return self._forward(rows, cohorts)
        found = [self._forward([row], cohorts[number : number + 1]) for number, row in enumerate(rows)]
        logits, hidden = (
            nn.utils.rnn.pad_sequence([part[which][0] for part in found], batch_first=True) for which in (0, 1)
        )
        return logits, hidden, torch.cat([part[2] for part in found])

    def _forward(self, rows: list[Tensor], cohorts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
        """The result of `frames` for utterances that may be padded together."""
        device = rows[0].device
        inputs = self.feature_extractor(
            [row.cpu().numpy() for row in rows],
            sampling_rate=SAMPLING_RATE,
            padding=True,
            # A checkpoint may have it turned off; samples would then be normalised together with the padding.
            return_attention_mask=self._independent_of_padding or None,
            return_tensors="pt",
        )
        weight = next(self.model.parameters())
        inputs = {
            name: value.to(device, weight.dtype if value.is_floating_point() else value.dtype)
            for name, value in inputs.items()
        }
        with self._shifted(inputs, cohorts) as inputs, self._masked_if_long(rows):
            output = self.model(**inputs, output_hidden_states=True)
        logits_BTV, hidden_BTD = output.logits, output.hidden_states[-1]
        return logits_BTV, hidden_BTD[:, : logits_BTV.shape[1]], self._frame_lengths(inputs, logits_BTV)

    @contextmanager
    def _masked_if_long(self, rows: list[Tensor]) -> Iterator[None]:
        """In the block, training masks no time in audio that is shorter than a mask, which the library refuses."""
        config = self.model.config
        masks = getattr(config, "apply_spec_augment", True)
        shortest = (getattr(config, "mask_time_length", 0) + 2) * SAMPLES_PER_FRAME
        if max(len(row) for row in rows) >= shortest:
            yield
            return
        config.apply_spec_augment = False
        try:
            yield
        finally:
            config.apply_spec_augment = masks

    @contextmanager
    def _shifted(self, inputs: dict[str, Tensor], cohorts: Sequence[str]) -> Iterator[dict[str, Tensor]]:
        """Yield the inputs; in the block, cohorts shift the input of the encoder, if they are an input of the model."""
        if self.cohort_input is None:
            yield inputs
            return
        shift_B1F = self.cohort_input(cohorts)[:, None, :]
        if "input_features" in inputs:
            yield inputs | {"input_features": inputs["input_features"] + shift_B1F}
            return
        projection = self.model.base_model.feature_projection
        handle = projection.register_forward_pre_hook(lambda _, given: (given[0] + shift_B1F, *given[1:]))
        try:
            yield inputs
        finally:
            handle.remove()

    def _frame_lengths(self, inputs: dict[str, Tensor], logits_BTV: Tensor) -> Tensor:
        """Frames of each utterance without padding; log-mel features may have padding even of one utterance."""
        frames = logits_BTV.shape[1]
        if not self._independent_of_padding:
            return torch.tensor([frames], device=logits_BTV.device)
        lengths = inputs["attention_mask"].sum(dim=1)
        count = getattr(self.model, "_get_feat_extract_output_lengths", None)
        count = count or self.model._get_subsampling_output_length
        return count(lengths).clamp(max=frames).to(torch.long)

    def losses(self, batch: Batch) -> Losses:
        """The CTC loss of each utterance in nats; 0 where the text is longer than the audio.

        It is computed in float32 or better and always on the CPU, since its gradient on a GPU differs from run to run.
        """
        logits_BTV, hidden_BTD, frames_B = self.frames(batch.audio(), batch.lengths_B, batch.cohorts)
        tokens = [self.text.encode(text) for text in batch.texts]
        units_B = torch.tensor([len(ids) for ids in tokens])
        tokens_BN = nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in tokens], batch_first=True)
        log_probs_TBV = (
            logits_BTV.log_softmax(dim=-1, dtype=torch.promote_types(logits_BTV.dtype, torch.float32))
            .transpose(0, 1)
            .cpu()
        )
        loss_B = F.ctc_loss(
            log_probs_TBV, tokens_BN, frames_B.cpu(), units_B, blank=self.blank, reduction="none", zero_infinity=True
        )
        return Losses(
            loss_B=loss_B.to(logits_BTV.device),
            units_B=units_B.to(logits_BTV.device),
            embedding_BD=mean_over_time(hidden_BTD.detach(), frames_B),
        )

    @torch.no_grad()
    def embed(self, batch: Batch) -> Tensor:
        """The mean of the last hidden frames."""
        _, hidden_BTD, frames_B = self.frames(batch.audio(), batch.lengths_B, batch.cohorts)
        return mean_over_time(hidden_BTD, frames_B)

    @property
    def embedding_dim(self) -> int:
        """The width of the model."""
        config = self.model.config
        return int(getattr(config, "encoder_config", config).hidden_size)

    def squares(self, batch: Batch) -> dict[str, Tensor] | None:
        """Sum over the batch of squared per-utterance gradients, by parameter name, in one backward pass.

        None for a model that needs one utterance at a time, or has layers of other kinds.
        """
        if not self._independent_of_padding:
            return None
        return squares_in_one_pass(self, batch, changed_in_place=True)  # wav2vec2 sets padding to zero in place.

    @torch.no_grad()
    def transcribe(self, batch: Batch, decoding: DecodingParams) -> list[Hypothesis]:
        """The best path, or a prefix beam search without a language model."""
        logits_BTV, hidden_BTD, frames_B = self.frames(batch.audio(), batch.lengths_B, batch.cohorts)
        embedding_BD = mean_over_time(hidden_BTD, frames_B).float().cpu().numpy()
        log_probs_BTV = logits_BTV.float().log_softmax(dim=-1).cpu()
        seconds = (batch.lengths_B.cpu() / SAMPLING_RATE / frames_B.cpu().clamp(min=1)).tolist()
        found = []
        rows = zip(log_probs_BTV, frames_B.tolist(), seconds, embedding_BD, strict=True)
        for log_probs_TV, frames, frame_seconds, embedding_D in rows:
            row_TV = log_probs_TV[:frames]
            path = (
                best_path(row_TV, blank=self.blank)
                if decoding.method == "greedy"
                else prefix_beam_search(row_TV, beam=decoding.beam, blank=self.blank)
            )
            found.append(replace(self._hypothesis(path, frame_seconds), embedding_D=embedding_D))
        return found

    def _hypothesis(self, path: TokenPath, frame_seconds: float) -> Hypothesis:
        """Tokens as text, frames as times."""
        spoken = self.text.spoken(path.tokens)
        times = tuple(path.frames[place] * frame_seconds for place in spoken)
        return Hypothesis(self.text.decode([path.tokens[place] for place in spoken]), times)

    def part(self, parameter_name: str) -> Part:
        """Everything except the output layer is acoustic."""
        return "other" if ".lm_head." in f".{parameter_name}" or ".ctc_head." in f".{parameter_name}" else "acoustic"

    def with_cohort_input(self, cohorts: Sequence[str], *, hidden_share: float) -> Self:
        """A copy in which the cohort shifts the input of the encoder; all shifts begin at zero."""
        options = self.options | {"cohorts": cohorts, "hidden_share": hidden_share}
        return type(self)(copy.deepcopy(self.model), self.text.tokenizer, self.feature_extractor, **options)

    def save(self, folder: Path) -> None:
        """Write the Hugging Face layout, which `transformers` opens, and `model.json`.

        A cohort input, which `transformers` does not support, goes to `cohort_input.safetensors`.
        """
        self.model.save_pretrained(folder)
        self.text.tokenizer.save_pretrained(folder)
        self.feature_extractor.save_pretrained(folder)
        if self.cohort_input is not None:
            write_weights(self.cohort_input.state_dict(), folder / "cohort_input.safetensors")
        text = json.dumps({"kind": self.kind, **self.options}, indent=2)
        (folder / "model.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote, in evaluation mode, in float32, on the CPU."""
        options = {key: value for key, value in read_json(folder / "model.json").items() if key != "kind"}
        recognizer = cls.from_checkpoint(folder, **options)
        if recognizer.cohort_input is not None:
            load_weights(recognizer.cohort_input, folder / "cohort_input.safetensors")
        return recognizer

    @classmethod
    def new(cls, params: Params, data: Path) -> Self:
        """The checkpoint that `asr.checkpoint` names, with the options of section `ctc`."""
        return cls.from_checkpoint(pretrained_folder(params.asr), **params.section(cls.kind).model_dump())

    @classmethod
    def base_options(cls, params: Params) -> list[Any]:
        """Sections `asr` and `ctc`."""
        return [params.asr, params.section(cls.kind)]

    @classmethod
    def base_epochs(cls, asr: AsrParams) -> int:
        """`asr.epochs`."""
        return asr.epochs

    @classmethod
    def from_checkpoint(cls, folder: Path, **options: Any) -> Self:
        """Any CTC checkpoint in the Hugging Face layout, in evaluation mode, in float32.

        Raises
        ------
        ModelError
            The files are not those of a CTC model.
        """
        from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

        model = read_pretrained(AutoModelForCTC, folder, dtype=torch.float32, use_safetensors=True)
        tokenizer, extractor = (read_pretrained(loader, folder) for loader in (AutoTokenizer, AutoFeatureExtractor))
        return cls(model, tokenizer, extractor, **options).eval()
