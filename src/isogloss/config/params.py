"""All of params.yaml: sections that are always there, and one for each component that has options."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, model_validator

from isogloss.config.cohorts import CohortsParams
from isogloss.config.components import RecognizerComponent
from isogloss.config.data import AtlasParams, CorpusParams, PrepareParams, ValidationParams
from isogloss.config.judging import PrivacyParams, StatisticsParams, TextParams
from isogloss.config.mitigation import MitigationParams
from isogloss.config.multitalker import MultitalkerParams
from isogloss.config.reading import read_section
from isogloss.config.recognizer import AsrParams, DecodingParams
from isogloss.config.registry import declaration
from isogloss.config.section import Section
from isogloss.config.sections import component_sections, version_problems
from isogloss.config.speaker import SpeakerParams, VerificationParams
from isogloss.errors import ParamsError


class Params(Section):
    """All of params.yaml.

    A component's section has the component's name (`section("ewc")`); it is checked by the options that the component
    declares, and has their defaults where it is left out.
    """

    model_config = ConfigDict(extra="allow")  # the sections of components; what is neither is refused below

    corpus: CorpusParams = CorpusParams()
    atlas: AtlasParams = AtlasParams()
    prepare: PrepareParams = PrepareParams()
    validation: ValidationParams = ValidationParams()
    asr: AsrParams = AsrParams()
    decoding: DecodingParams = DecodingParams()
    speaker: SpeakerParams = SpeakerParams()
    cohorts: CohortsParams = CohortsParams()
    mitigation: MitigationParams = MitigationParams()
    verification: VerificationParams = VerificationParams()
    multitalker: MultitalkerParams = MultitalkerParams()
    text: TextParams = TextParams()
    statistics: StatisticsParams = StatisticsParams()
    privacy: PrivacyParams = PrivacyParams()

    def section(self, component: str) -> Section:
        """The options of a component, by its name.

        Raises
        ------
        ParamsError
            No component with options has that name.
        """
        options = getattr(self, component, None)
        if not isinstance(options, Section):
            raise ParamsError(f"there is no component {component!r} that has options")
        return options

    @property
    def recognizer(self) -> str:
        """The base recogniser in a word or two: its kind, and the encoder of a transducer."""
        return f"{self.asr.model} {self.asr.encoder}" if self.asr.model == "transducer" else self.asr.model

    @property
    def longest_utterance_s(self) -> float:
        """Seconds that an utterance may last: by `validation`, and by the window of the recogniser where it has one."""
        window = getattr(getattr(self, self.asr.model, None), "window_seconds", None)
        return min(self.validation.max_duration_s, window or self.validation.max_duration_s)

    @property
    def bound_of_duration(self) -> str:
        """The param that sets `longest_utterance_s`."""
        shorter = self.longest_utterance_s < self.validation.max_duration_s
        return f"{self.asr.model}.window_seconds" if shorter else "validation.max_duration_s"

    @property
    def brings_vocabulary(self) -> bool:
        """Whether the recogniser is pretrained and so has a vocabulary of its own."""
        return declaration(RecognizerComponent, self.asr.model).pretrained

    def used_sections(self) -> dict[str, Section]:
        """The sections that have a part in a report, by name: a component's where it is chosen, after the choice."""
        chosen: dict[str, Sequence[str]] = {
            "decoding": [self.asr.encoder],
            "cohorts": self.cohorts.rules,
            "mitigation": self.mitigation.methods,
        }
        used: dict[str, Section] = {}
        for name in type(self).model_fields:
            used[name] = getattr(self, name)
            used |= {component: self.section(component) for component in chosen.get(name, [])}
        return used

    @model_validator(mode="before")
    @classmethod
    def _components_have_sections(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        return {**content, **component_sections(content, fixed=list(cls.model_fields))}

    @model_validator(mode="after")
    def _mitigated_rule_is_discovered(self) -> Self:
        methods = self.mitigation.methods
        if not self.cohorts.rules and methods:
            raise ValueError(
                f"cohorts.rules is [], but mitigation.methods lists {', '.join(methods)}: list a rule, or set "
                "mitigation.methods to [] too (for speaker verification alone)"
            )
        if self.cohorts.rules and not methods:
            raise ValueError(
                "mitigation.methods is []: name a method (it is empty only where cohorts.rules is, for speaker "
                "verification alone)"
            )
        if self.cohorts.rules and self.mitigation.rule not in self.cohorts.rules:
            raise ValueError(
                f"mitigation.rule is {self.mitigation.rule!r}, but cohorts.rules lists only "
                f"{', '.join(self.cohorts.rules)}: add it there or mitigate one of those"
            )
        return self

    @model_validator(mode="after")
    def _needed_encoder_is_trained(self) -> Self:
        methods = self.verification.methods
        needed = [f"verification.methods lists {', '.join(methods)}"] if methods else []
        needed += ["cohorts.voices is speaker"] if self.cohorts.voices == "speaker" else []
        if needed and not self.speaker.encoders:
            raise ValueError(
                f"{' and '.join(needed)}, but speaker.encoders is []: set it to [base], so that a speaker encoder is "
                "trained"
            )
        return self

    @model_validator(mode="after")
    def _chosen_plugins_say_their_version(self) -> Self:
        chosen = [self.asr.encoder, *self.cohorts.rules, *self.mitigation.methods, *self.verification.methods]
        for problem in version_problems(chosen, dict(self)):
            raise ValueError(problem)
        return self


def load_params(path: Path | str = "params.yaml") -> Params:
    """Read params.yaml.

    Raises
    ------
    ParamsError
        In one sentence that names the key, the value and the rule: unknown key (with the nearest known one), wrong
        type, value out of range, a `mitigation.rule` that is not discovered.
    """
    return read_section(path, Params)


def seeds(params: Params) -> dict[str, int]:
    """The seed of each section that has one."""
    return {name: section.seed for name, section in params if hasattr(section, "seed")}
