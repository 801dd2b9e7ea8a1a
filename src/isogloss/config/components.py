"""The declaration of a component: its name, its options, and properties that other parts of the program use.

A component is a module with one `COMPONENT` at its top:

    class GeographicParams(Section):
        max_leaves: Annotated[int, Field(ge=2)] = 10

    COMPONENT = RuleComponent(
        name="geographic",
        options=GeographicParams,
        implementation="GeographicTree",
        inputs=("latitude", "longitude"),
        ...
    )

`isogloss.config.registry` finds these modules and reads `COMPONENT` from their source without importing them, so what
it is made of may use the standard library, pydantic, `isogloss.config` and definitions of that kind in other modules.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from isogloss.config.section import Section

TEXT_COLUMNS = "text columns"
"""In a rule's `inputs`: every column of text that the corpus has, except ids, transcript and ZIP."""
ZIP_FIGURES = "figures of the ZIP"
"""In a rule's `inputs`: every number that the corpus' table of ZIPs has for the ZIP of a row."""
EMBEDDINGS = "embeddings"
"""In a rule's `inputs`: the embedding of each utterance that `cohorts.voices` chooses. A rule with this input has no
other."""


Model = Literal["recognizer", "speaker"]
"""The model that a mitigation adapts: a recogniser, or a speaker encoder."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """What every component declares."""

    kind: ClassVar[str]
    """The name of this kind of component in messages."""
    in_params: ClassVar[bool] = True
    """Whether the options of this kind of component are a section of params.yaml."""
    name: str
    """The name by which params choose the component, and the name of its section there."""
    implementation: str
    """The name of the class in the same module that does the work."""
    options: type[Section] | None = None
    """The model of its section of params.yaml; None if it has no options. Every field has a default, and a docstring
    that explains it."""


@dataclass(frozen=True, kw_only=True)
class EncoderComponent(Component):
    """An encoder of the transducer; params choose it by `asr.encoder`. The defaults of its options are a small size."""

    kind: ClassVar[str] = "encoder"
    options: type[Section]
    published: Section
    """The options that give the size of its paper."""


@dataclass(frozen=True, kw_only=True)
class RuleComponent(Component):
    """A cohort rule; params choose it in `cohorts.rules`."""

    kind: ClassVar[str] = "cohort rule"
    options: type[Section]
    inputs: tuple[str, ...]
    """What the rule looks at: names of columns of the utterance table, `TEXT_COLUMNS` and `ZIP_FIGURES`, or
    `EMBEDDINGS` alone."""
    title: str
    """A name of the grouping for reports, in a few words."""
    about: str
    """One or two sentences for readers of a report, in which {field} stands for the value of that option."""
    unit: str = "cohort"
    """A word for one of its cohorts in reports: region, group of voices."""

    def __post_init__(self) -> None:
        if EMBEDDINGS in self.inputs and len(self.inputs) > 1:
            raise ValueError("a rule that looks at embeddings looks at nothing else; leave the other inputs out")


@dataclass(frozen=True, kw_only=True)
class MitigationComponent(Component):
    """A mitigation; params choose it in `mitigation.methods` or `verification.methods`."""

    kind: ClassVar[str] = "mitigation"
    adapts: tuple[Model, ...] = ("recognizer",)
    """The models that it can adapt. A mitigation of a speaker encoder takes its options from section `verification`."""


@dataclass(frozen=True, kw_only=True)
class RecognizerComponent(Component):
    """A kind of recogniser; `model.json` of a saved model names it."""

    kind: ClassVar[str] = "recogniser"
    hears: Literal["features", "audio"]
    """Input of the recogniser, which its batches carry: log-mel features or audio samples."""
    pretrained: bool = False
    """Whether the recogniser starts from a checkpoint, `asr.checkpoint`."""


@dataclass(frozen=True, kw_only=True)
class SourceComponent(Component):
    """A kind of corpus; `corpora/<name>.yaml` chooses it by `kind` and holds its options, so params have none."""

    kind: ClassVar[str] = "corpus source"
    in_params: ClassVar[bool] = False
