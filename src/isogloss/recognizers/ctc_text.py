"""The text of a CTC model of `transformers`: references to tokens, and tokens to text, in its vocabulary's case."""

from collections.abc import Sequence
from typing import Any, Literal

from isogloss.errors import ModelError


class CtcText:
    """A checkpoint's tokenizer, for references in lower case.

    Parameters
    ----------
    tokenizer
        Tokenizer of the checkpoint.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.vocabulary: dict[str, int] = tokenizer.get_vocab()
        self.case = case_of(self.vocabulary)

    def encode(self, text: str) -> list[int]:
        """The tokens of a reference, in the letter case of the vocabulary.

        Raises
        ------
        ModelError
            The vocabulary lacks a character of the text.
        """
        known = self.vocabulary
        cased = {"upper": in_capitals(text, known), "lower": text.lower(), "both": text}[self.case]
        ids: list[int] = self.tokenizer(cased, add_special_tokens=False).input_ids
        unknown = self.tokenizer.unk_token_id
        if unknown is not None and unknown in ids:
            lacking = sorted({letter for letter in cased if letter != " " and letter not in known})
            raise ModelError(
                f"the checkpoint's vocabulary lacks {', '.join(map(repr, lacking))} of the reference {text!r}; drop "
                "such characters by the text rules of the corpus, or take another checkpoint"
            )
        return ids

    def spoken(self, tokens: Sequence[int]) -> list[int]:
        """The places of the tokens that stand for text."""
        tokenizer = self.tokenizer
        special = {tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id}
        return [place for place, token in enumerate(tokens) if token not in special]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens whose repetitions have been merged already."""
        names = self.tokenizer.convert_ids_to_tokens(list(tokens))
        text = self.tokenizer.convert_tokens_to_string(self._never_merged(names)) if names else ""
        text = text["text"] if isinstance(text, dict) else text
        if self.case == "upper":  # A vocabulary of capitals has no case, and references are in lower case.
            text = text.lower()
        return str(text).strip()

    def _never_merged(self, tokens: list[str]) -> list[str]:
        """The tokens in a form in which the tokenizer, which merges equal neighbours as CTC does, does not merge them.

        Equal neighbours here are separate tokens with a blank between.
        """
        blank = self.tokenizer.pad_token
        if not hasattr(self.tokenizer, "word_delimiter_token") or blank is None:
            return tokens
        apart: list[str] = []
        for token in tokens:
            apart += [blank, token] if apart and apart[-1] == token else [token]
        return apart


def case_of(vocabulary: dict[str, int]) -> Literal["upper", "lower", "both"]:
    """The letter case in which a vocabulary has its letters, apart from those, such as ß, without a single capital."""
    letters = [token for token in vocabulary if len(token) == 1 == len(token.upper())]
    upper = any(letter.isupper() for letter in letters)
    lower = any(letter.islower() for letter in letters)
    return "upper" if upper and not lower else "lower" if lower and not upper else "both"


def in_capitals(text: str, vocabulary: dict[str, int]) -> str:
    """The text in capitals; a letter such as ß, whose capital is two letters, stays if the vocabulary has it."""
    return "".join(one if one in vocabulary and len(one.upper()) > 1 else one.upper() for one in text)
