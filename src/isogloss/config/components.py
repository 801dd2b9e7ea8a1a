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
"""In a rule's `inputs`: every column of text that the corpus has, but ids, transcript and ZIP."""
ZIP_FIGURES = "figures of the ZIP"
"""In a rule's `inputs`: every figure that the corpus' table of ZIPs gives of a row's ZIP."""
EMBEDDINGS = "embeddings"
"""A rule's `inputs` where it groups voices; they come from `train_speaker`."""


Model = Literal["recognizer", "speaker"]
"""What a mitigation adapts: a recogniser, or a speaker encoder."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """What every component declares."""

    kind: ClassVar[str]
    """What a component of this kind is called in messages."""
    in_params: ClassVar[bool] = True
    """Whether its options are a section of params.yaml."""
    name: str
    """The name by which params choose it, and of its section there."""
    implementation: str
    """The name of the class in the same module that does the work."""
    options: type[Section] | None = None
    """Its section of params.yaml; None where it has no options. Every field has a default and a documentation."""


@dataclass(frozen=True, kw_only=True)
class EncoderComponent(Component):
    """An encoder of the transducer; params choose it by `asr.encoder`. Its defaults are its small size."""

    kind: ClassVar[str] = "encoder"
    options: type[Section]
    published: Section
    """The options at the size of its paper; the small size is that of the defaults."""


@dataclass(frozen=True, kw_only=True)
class RuleComponent(Component):
    """A cohort rule; params choose it in `cohorts.rules`."""

    kind: ClassVar[str] = "cohort rule"
    options: type[Section]
    inputs: tuple[str, ...]
    """What it looks at: columns of the utterance table, `TEXT_COLUMNS`, `ZIP_FIGURES`, or `EMBEDDINGS` alone."""
    title: str
    """What a report calls the grouping, in a few words."""
    about: str
    """A sentence or two for readers of a report, where {field} stands for the value of an option."""
    unit: str = "cohort"
    """What a report calls one of its cohorts: region, group of voices."""

    def __post_init__(self) -> None:
        if EMBEDDINGS in self.inputs and len(self.inputs) > 1:
            raise ValueError("a rule that looks at embeddings looks at nothing else; leave the other inputs out")


@dataclass(frozen=True, kw_only=True)
class MitigationComponent(Component):
    """A mitigation; params choose it in `mitigation.methods` or `verification.methods`."""

    kind: ClassVar[str] = "mitigation"
    adapts: tuple[Model, ...] = ("recognizer",)
    """What it can adapt. Options for a speaker encoder are those of section `verification`."""


@dataclass(frozen=True, kw_only=True)
class RecognizerComponent(Component):
    """A kind of recogniser; `model.json` of a saved model names it."""

    kind: ClassVar[str] = "recogniser"
    hears: Literal["features", "audio"]
    """Whether its batches carry log-mel features or audio samples."""
    pretrained: bool = False
    """Whether it begins as a checkpoint, `asr.checkpoint`."""


@dataclass(frozen=True, kw_only=True)
class SourceComponent(Component):
    """A kind of corpus; `corpora/<name>.yaml` chooses it by `kind` and holds its options, so params have none."""

    kind: ClassVar[str] = "corpus source"
    in_params: ClassVar[bool] = False
