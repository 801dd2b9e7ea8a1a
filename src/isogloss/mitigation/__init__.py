"""Mitigations: how a model is adapted for the cohorts that it fails. One strategy a module.

A strategy adapts a recogniser (`mitigation.methods`), a speaker encoder (`verification.methods`), or both. Adding one
is one module here, one line in `_RECOGNIZER` or `_SPEAKER`, and its section and name in `isogloss.config`.
"""

import difflib
from collections.abc import Iterable
from typing import Any

from isogloss.config import Params
from isogloss.errors import ModelError
from isogloss.mitigation.arw import Arw
from isogloss.mitigation.arw_accumulated import ArwAccumulated
from isogloss.mitigation.arw_clusters import ArwClusters
from isogloss.mitigation.arw_pairwise import ArwPairwise
from isogloss.mitigation.base import Mitigation, Pairs, Setting, Step
from isogloss.mitigation.cohort_input import CohortInput
from isogloss.mitigation.cohort_input_with_oversample import CohortInputWithOversample
from isogloss.mitigation.continued import Continued
from isogloss.mitigation.encoder_only import EncoderOnly
from isogloss.mitigation.ewc import Ewc
from isogloss.mitigation.finetune import Finetune
from isogloss.mitigation.finetune_all import FinetuneAll
from isogloss.mitigation.fisher import diagonal_fisher
from isogloss.mitigation.group_balanced import GroupBalanced
from isogloss.mitigation.group_dro import GroupDro
from isogloss.mitigation.l2 import L2
from isogloss.mitigation.length_normalised_dro import LengthNormalisedDro
from isogloss.mitigation.mix_base_data import MixBaseData
from isogloss.mitigation.oversample import Oversample
from isogloss.mitigation.predictor_only import PredictorOnly
from isogloss.mitigation.pseudo_labels import PseudoLabels

_RECOGNIZER: dict[str, type[Mitigation[Any, Any]]] = {
    "finetune": Finetune,
    "finetune_all": FinetuneAll,
    "ewc": Ewc,
    "l2": L2,
    "predictor_only": PredictorOnly,
    "encoder_only": EncoderOnly,
    "mix_base_data": MixBaseData,
    "oversample": Oversample,
    "pseudo_labels": PseudoLabels,
    "cohort_input": CohortInput,
    "cohort_input_with_oversample": CohortInputWithOversample,
    "arw": Arw,
    "group_dro": GroupDro,
    "length_normalised_dro": LengthNormalisedDro,
}


_SPEAKER: dict[str, type[Mitigation[Any, Any]]] = {
    "continued": Continued,
    "group_balanced": GroupBalanced,
    "group_dro": GroupDro,
    "arw_pairwise": ArwPairwise,
    "arw_accumulated": ArwAccumulated,
    "arw_clusters": ArwClusters,
}


def build_mitigation(name: str, params: Params) -> Mitigation[Any, Any]:
    """A strategy for a recogniser, with the options of its own section of params.

    Raises
    ------
    ModelError
        There is no strategy of that name; the nearest is suggested.
    """
    _check(name, _RECOGNIZER, "a recogniser")
    return _RECOGNIZER[name](getattr(params, name))


def build_speaker_mitigation(name: str, params: Params) -> Mitigation[Any, Any]:
    """A strategy for a speaker encoder, with the options of section `verification`.

    Raises
    ------
    ModelError
        There is no strategy of that name; the nearest is suggested.
    """
    _check(name, _SPEAKER, "a speaker encoder")
    return _SPEAKER[name].for_speakers(params.verification)


def _check(name: str, known: Iterable[str], model: str) -> None:
    """Refuse a name that is not known."""
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    raise ModelError(f"there is no mitigation {name!r} of {model}; {hint}")


__all__ = ["Mitigation", "Pairs", "Setting", "Step", "build_mitigation", "build_speaker_mitigation", "diagonal_fisher"]
