"""params.yaml as pydantic models, and the components that bring sections of their own.

- `params`: all of params.yaml; `cohorts`, `data`, `judging`, `mitigation`, `multitalker`, `recognizer`,
  `speaker`: its fixed sections
- `components`: what an encoder, a cohort rule, a mitigation, a recogniser or a corpus source declares about itself
- `registry`: the components that there are; `light`: their declarations without importing them
- `sections`: the sections that components declare; `known`: the type of a param that names one
- `section`, `reading`, `overrides`: what sections share, how they are read, how single values are replaced
- `experiment`: experiments/*.yaml; `gate`: gate.yaml

One model a section; a section is what one stage or one component reads. A component's section has its name (`lstm`,
`geographic`, `ewc`), so that a stage made by `foreach` depends on its own section alone and
`dvc exp run -S ewc.strength=30` re-runs nothing else.
"""

from isogloss.config.cohorts import CohortsParams
from isogloss.config.data import AtlasParams, CorpusParams, PrepareParams, ValidationParams
from isogloss.config.experiment import Run, Sweep, load_sweep
from isogloss.config.gate import GateParams, GroupingParams, LedgerParams, MarginParams, SideParams
from isogloss.config.judging import PrivacyParams, StatisticsParams
from isogloss.config.mitigation import MitigationParams
from isogloss.config.multitalker import ConversationParams, MultitalkerParams
from isogloss.config.overrides import Overrides, flattened, overridden, overridden_text
from isogloss.config.params import Params, load_params, seeds
from isogloss.config.reading import read_section, read_yaml, validated
from isogloss.config.recognizer import AsrParams, DecodingParams, SpecAugmentParams
from isogloss.config.section import Section
from isogloss.config.speaker import SpeakerParams, VerificationParams

__all__ = [
    "AsrParams",
    "AtlasParams",
    "CohortsParams",
    "ConversationParams",
    "CorpusParams",
    "DecodingParams",
    "GateParams",
    "GroupingParams",
    "LedgerParams",
    "MarginParams",
    "MitigationParams",
    "MultitalkerParams",
    "Overrides",
    "Params",
    "PrepareParams",
    "PrivacyParams",
    "Run",
    "Section",
    "SideParams",
    "SpeakerParams",
    "SpecAugmentParams",
    "StatisticsParams",
    "Sweep",
    "ValidationParams",
    "VerificationParams",
    "flattened",
    "load_params",
    "load_sweep",
    "overridden",
    "overridden_text",
    "read_section",
    "read_yaml",
    "seeds",
    "validated",
]
