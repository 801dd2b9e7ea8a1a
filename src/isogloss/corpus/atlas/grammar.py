"""A grammar of templates and slots, from which the speakers' commands are drawn.

A template is a sentence with `{slots}`; a filler of a slot may hold slots itself. Templates and fillers are drawn
evenly. The grammar is context-free, finite and without recursion, so its vocabulary can be listed.
"""

import re
from typing import Annotated, Self

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from isogloss.config import Section

Pattern = Annotated[str, Field(min_length=1)]
SlotName = Annotated[str, Field(pattern=r"^[a-z_]+$")]

_TOKEN = re.compile(r"\{([a-z_]+)\}")
_WORD = re.compile(r"[a-z']+")


class Grammar(Section):
    """Templates and the fillers of their slots; lower case a to z and apostrophe only."""

    templates: Annotated[list[Pattern], Field(min_length=1)]
    """Patterns of sentences: words, and slots such as {device}."""
    slots: dict[SlotName, Annotated[list[Pattern], Field(min_length=1)]]
    """Slot -> its fillers, patterns that may have slots themselves."""

    _parsed: dict[str, list[str]] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _is_well_formed(self) -> Self:
        places = [("templates", self.templates), *((f"slots.{name}", f) for name, f in self.slots.items())]
        used: set[str] = set()
        for place, patterns in places:
            for pattern in patterns:
                used |= self._check(pattern, f"grammar.{place}")
        for slot in self.slots:
            if slot not in used:
                raise ValueError(f"grammar.slots.{slot} is used by no template; use it or remove it")
            if slot in self._reachable(slot):
                raise ValueError(f"grammar.slots.{slot} contains itself; break the circle")
        return self

    def _check(self, pattern: str, place: str) -> set[str]:
        """The slots that a pattern names; raises where one is unknown or a word is spelt with other characters."""
        slots = set()
        for token in pattern.split():
            slot = _TOKEN.fullmatch(token)
            if slot is None and not _WORD.fullmatch(token):
                raise ValueError(f"{place} holds {token!r} in {pattern!r}; words are made of a to z and apostrophe")
            if slot is not None and slot[1] not in self.slots:
                raise ValueError(f"{place} names {token} in {pattern!r}, but grammar.slots has no {slot[1]!r}")
            slots |= {slot[1]} if slot else set()
        return slots

    def _reachable(self, slot: str) -> set[str]:
        """All slots that the fillers of a slot lead to."""
        seen: set[str] = set()
        ahead = [slot]
        while ahead:
            inside = {name for filler in self.slots[ahead.pop()] for name in _TOKEN.findall(filler)}
            ahead += inside - seen
            seen |= inside
        return seen

    def vocabulary(self) -> set[str]:
        """Every word that the grammar can say."""
        patterns = [*self.templates, *(filler for fillers in self.slots.values() for filler in fillers)]
        return {token for pattern in patterns for token in self._tokens(pattern) if not token.startswith("{")}

    def sample(self, rng: np.random.Generator) -> str:
        """One command."""
        return " ".join(self._expand(self.templates[rng.integers(len(self.templates))], rng))

    def _expand(self, pattern: str, rng: np.random.Generator) -> list[str]:
        """The words of a pattern with its slots filled."""
        words = []
        for token in self._tokens(pattern):
            if token.startswith("{"):
                fillers = self.slots[token[1:-1]]
                words += self._expand(fillers[rng.integers(len(fillers))], rng)
            else:
                words.append(token)
        return words

    def _tokens(self, pattern: str) -> list[str]:
        """Words and slots of a pattern, split once."""
        if pattern not in self._parsed:
            self._parsed[pattern] = pattern.split()
        return self._parsed[pattern]
