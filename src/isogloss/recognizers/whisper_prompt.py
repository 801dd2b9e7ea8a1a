"""The prompt of a Whisper model: the tokens before a transcript, the same ones in training and in decoding.

`transformers` takes the prompt of decoding from the generation config of a checkpoint, and users take that of training
from its tokenizer. In a checkpoint that somebody has fine-tuned they may differ: its tokenizer may name a language or
timestamps, its generation config may ask for timestamps or lack the tokens of languages and tasks, as those of 2022 do.
"""

from typing import Any

from isogloss.errors import ModelError

ENGLISH_VOCABULARY = 51_864
"""Tokens of the published checkpoints for English alone; those for several languages have more (the rule of OpenAI's
own code)."""


def set_prompt(model: Any, tokenizer: Any, *, language: str | None) -> tuple[list[int], dict[str, str]]:
    """Make a model and its tokenizer use the prompt for transcripts without timestamps.

    Parameters
    ----------
    model
        A `transformers.WhisperForConditionalGeneration`; its generation config is completed from the tokenizer.
    tokenizer
        Its `WhisperTokenizer`, whose prefix becomes the prompt.
    language
        Language code of the speech, for a checkpoint of several languages; else None.

    Returns
    -------
    The tokens of the prompt, and the arguments with which `model.generate` begins with them.

    Raises
    ------
    ModelError
        The language is missing, unknown or not the checkpoint's to choose; or the tokenizer is not Whisper's.
    """
    _complete(model, tokenizer)
    generation = model.generation_config
    spoken: dict[str, str] = {}
    chosen: list[int] = []
    if generation.is_multilingual:
        known = sorted(token.strip("<|>") for token in generation.lang_to_id)
        if language is None or language not in known:
            raise ModelError(
                f"whisper.language is {language}, but must be one of the checkpoint's languages: {', '.join(known)}"
            )
        spoken = {"language": language, "task": "transcribe"}
        chosen = [generation.lang_to_id[f"<|{language}|>"], generation.task_to_id["transcribe"]]
    elif language is not None:
        raise ModelError(f"whisper.language is {language}, but the checkpoint knows one language; set it to null")
    tokenizer.language, tokenizer.task = spoken.get("language"), spoken.get("task")
    tokenizer.set_prefix_tokens(predict_timestamps=False)
    return [generation.decoder_start_token_id, *chosen, generation.no_timestamps_token_id], spoken


def _complete(model: Any, tokenizer: Any) -> None:
    """Give the generation config the tokens of the prompt that it lacks, and nothing else that changes the prompt."""
    from transformers.models.whisper.tokenization_whisper import LANGUAGES, TASK_IDS

    generation, known = model.generation_config, tokenizer.get_vocab()
    for attribute, token in (
        ("decoder_start_token_id", "<|startoftranscript|>"),
        ("no_timestamps_token_id", "<|notimestamps|>"),
    ):
        if getattr(generation, attribute, None) is None:
            if token not in known:
                raise ModelError(f"the checkpoint's tokenizer has no token {token}; take that of a Whisper model")
            setattr(generation, attribute, known[token])
    if getattr(generation, "is_multilingual", None) is None:
        generation.is_multilingual = model.config.vocab_size > ENGLISH_VOCABULARY
    if not generation.is_multilingual:
        if hasattr(generation, "lang_to_id"):  # With it, `generate` would look for the language of each utterance.
            del generation.lang_to_id
    else:
        for attribute, names in (("lang_to_id", LANGUAGES), ("task_to_id", TASK_IDS)):
            if not getattr(generation, attribute, None):
                # The tokens of languages are keys with their brackets, those of tasks without.
                key = "<|{}|>" if attribute == "lang_to_id" else "{}"
                found = {key.format(name): known.get(f"<|{name}|>") for name in names}
                setattr(generation, attribute, {name: number for name, number in found.items() if number is not None})
    generation.return_timestamps = False
    generation.forced_decoder_ids = None
    if getattr(model.config, "forced_decoder_ids", None) is not None:
        model.config.forced_decoder_ids = None
