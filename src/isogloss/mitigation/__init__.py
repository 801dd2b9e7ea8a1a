"""Mitigations: how a model is adapted for the cohorts that it fails. One strategy a module.

A strategy adapts a recogniser (`mitigation.methods`), a speaker encoder (`verification.methods`), or both. Its module
declares it (`COMPONENT`), and `isogloss.config.registry` finds it.
"""

import difflib
from typing import Any

from isogloss.config import Params
from isogloss.config.components import MitigationComponent, Model
from isogloss.config.registry import implementation, names
from isogloss.errors import ModelError
from isogloss.mitigation.strategy import Mitigation, Pairs, Setting, Step

_SPOKEN: dict[Model, str] = {"recognizer": "recogniser", "speaker": "speaker encoder"}


def build_mitigation(name: str, params: Params) -> Mitigation[Any, Any]:
    """A strategy for a recogniser, with the options of its own section of params.

    Raises
    ------
    ModelError
        There is no strategy of that name; the nearest is suggested.
    """
    strategy: type[Mitigation[Any, Any]] = _strategy(name, "recognizer")
    return strategy(params.section(name))


def build_speaker_mitigation(name: str, params: Params) -> Mitigation[Any, Any]:
    """A strategy for a speaker encoder, with the options of section `verification`.

    Raises
    ------
    ModelError
        There is no strategy of that name; the nearest is suggested.
    """
    return _strategy(name, "speaker").for_speakers(params.verification)


def _strategy(name: str, model: Model) -> type[Mitigation[Any, Any]]:
    """The class of a strategy that can adapt such a model."""
    known = names(MitigationComponent, adapts=model)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        raise ModelError(f"there is no mitigation {name!r} of a {_SPOKEN[model]}; {hint}")
    found: type[Mitigation[Any, Any]] = implementation(MitigationComponent, name)
    return found


__all__ = ["Mitigation", "Pairs", "Setting", "Step", "build_mitigation", "build_speaker_mitigation"]
