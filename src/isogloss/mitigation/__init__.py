"""Mitigations: how a base recogniser is adapted for the cohorts it fails. One strategy a module.

`build_mitigation` finds a strategy by its name in `mitigation.methods`. Adding one is one module here, one line in
`_MITIGATIONS`, and its section and name in `isogloss.config`.
"""

import difflib
from typing import Any

from isogloss.config import Params
from isogloss.errors import ModelError
from isogloss.mitigation.arw import Arw
from isogloss.mitigation.base import Mitigation, Setting, Step
from isogloss.mitigation.cohort_input import CohortInput
from isogloss.mitigation.cohort_input_with_oversample import CohortInputWithOversample
from isogloss.mitigation.encoder_only import EncoderOnly
from isogloss.mitigation.ewc import Ewc
from isogloss.mitigation.finetune import Finetune
from isogloss.mitigation.finetune_all import FinetuneAll
from isogloss.mitigation.fisher import diagonal_fisher
from isogloss.mitigation.group_dro import GroupDro
from isogloss.mitigation.l2 import L2
from isogloss.mitigation.length_normalised_dro import LengthNormalisedDro
from isogloss.mitigation.mix_base_data import MixBaseData
from isogloss.mitigation.oversample import Oversample
from isogloss.mitigation.predictor_only import PredictorOnly
from isogloss.mitigation.pseudo_labels import PseudoLabels

_MITIGATIONS: dict[str, type[Mitigation[Any]]] = {
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


def build_mitigation(name: str, params: Params) -> Mitigation[Any]:
    """A strategy with the options of its own section of params.

    Raises
    ------
    ModelError
        There is no strategy of that name; the nearest is suggested.
    """
    if name not in _MITIGATIONS:
        near = difflib.get_close_matches(name, _MITIGATIONS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_MITIGATIONS)}"
        raise ModelError(f"there is no mitigation {name!r}; {hint}")
    return _MITIGATIONS[name](getattr(params, name))


__all__ = ["Mitigation", "Setting", "Step", "build_mitigation", "diagonal_fisher"]
