"""What a description of kind `atlas` may say: the map, its dialects, the channel and the grammar.

The model is our choice. Everything that a dialect is stands in one entry of `dialects`, so that adding, moving or
replacing one is an edit of `corpora/atlas.yaml` alone.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from isogloss.config import Section, read_section
from isogloss.corpus.atlas.grammar import Grammar

RARE_SHARE = 0.03
"""A dialect of at most this share of the population is rare."""


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    """The bounds, if the lower one comes first."""
    if bounds[0] > bounds[1]:
        raise ValueError(f"a range is [low, high], but {list(bounds)} is not; swap its ends")
    return bounds


def _from_list(value: object) -> object:
    """YAML knows lists only."""
    return tuple(value) if isinstance(value, list) else value


Range = Annotated[tuple[float, float], BeforeValidator(_from_list), AfterValidator(_ordered)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Latitude = Annotated[float, Field(ge=24.0, le=50.0)]
Longitude = Annotated[float, Field(ge=-126.0, le=-66.0)]
Positive = Annotated[float, Field(gt=0.0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Voice = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
Variant = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]


class Area(Section):
    """A home of a dialect."""

    latitude: Latitude
    """Latitude of the centre, in degrees."""
    longitude: Longitude
    """Longitude of the centre, in degrees."""
    spread_km: Positive
    """Radius in km, relative to the other areas of the same dialect: all are scaled by one factor, by which the dialect
    gets its share."""
    strength: Annotated[float, Field(gt=0.0, le=1.0)]
    """Share of the people at the centre who speak the dialect; it falls off at the rim."""


class Community(Section):
    """Demography of the ZIPs where a dialect lives: percent of the population by group; the rest has no name."""

    white: Annotated[float, Field(ge=0.0, le=100.0)]
    black: Annotated[float, Field(ge=0.0, le=100.0)]
    asian: Annotated[float, Field(ge=0.0, le=100.0)]
    hispanic: Annotated[float, Field(ge=0.0, le=100.0)]
    income: Positive
    """Typical income per person and year, in USD."""

    @model_validator(mode="after")
    def _at_most_everybody(self) -> Self:
        total = self.white + self.black + self.asian + self.hispanic
        if total > 100.0:
            raise ValueError(f"the groups of a community sum to {total:g} percent; they may not exceed 100")
        return self


class Variants(Section):
    """Voice variants of espeak-ng by gender, by which speakers of one dialect sound different."""

    female: Annotated[list[Variant], Field(min_length=1)]
    male: Annotated[list[Variant], Field(min_length=1)]


class Dialect(Section):
    """How a group of people speaks, how many they are, and where they live."""

    voices: Annotated[list[Voice], Field(min_length=1)]
    """Voices of espeak-ng; each speaker has one of them."""
    share: Share
    """Share of the population."""
    areas: Annotated[list[Area], Field(default_factory=list)]
    """Areas where the dialect is spoken; exactly one dialect has none and fills the rest of the map."""
    pitch: Range
    """Range of the base pitch of speakers, in espeak-ng's units from 0 to 99."""
    rate: Range
    """Range of the speaking rate of speakers, in words per minute."""
    community: Community
    variants: Variants | None = None
    """Voice variants of this dialect; null takes those of the description."""

    @property
    def rare(self) -> bool:
        """Whether few people speak it: its share is at most `RARE_SHARE`."""
        return self.share <= RARE_SHARE


class Metro(Section):
    """A metropolitan area."""

    name: str
    latitude: Latitude
    longitude: Longitude
    millions: Positive
    """Population in millions, by which inhabitants are distributed over the metropolitan areas."""


class Map(Section):
    """Where people live: in metropolitan areas, in their hinterland, and anywhere."""

    metros: Annotated[list[Metro], Field(min_length=1)]
    core_km: Positive
    """Standard deviation, in km in each direction, of the distance of city dwellers from the centre of their
    metropolis."""
    hinterland_km: Positive
    """The same for people of the hinterland."""
    hinterland_share: Share
    """Share of people who live in the hinterland of a metropolis."""
    anywhere_share: Share
    """Share of people who live at a place drawn uniformly over the country."""
    zips: Annotated[int, Field(ge=1)]
    """Number of ZIP codes."""
    migration: Annotated[float, Field(ge=0.0, lt=1.0)]
    """Share of people whose dialect does not depend on where they live."""

    @model_validator(mode="after")
    def _somebody_lives_in_the_cities(self) -> Self:
        if self.hinterland_share + self.anywhere_share >= 1.0:
            raise ValueError("map.hinterland_share and map.anywhere_share sum to 1 or more; leave some for the cities")
        return self


class Channel(Section):
    """The channel between mouth and file; each value is drawn once per recording, uniformly in its range."""

    level_db: Range
    """Level of the speech, in dB relative to full scale."""
    snr_db: Range
    """Signal-to-noise ratio in dB."""
    noise_pole: Range
    """Pole of the filter that colours the noise: 0 is white noise, near 1 it is brown."""
    low_cut_hz: Range
    """Lower cut-off frequency in Hz."""
    high_cut_hz: Range
    """Upper cut-off frequency in Hz."""

    @model_validator(mode="after")
    def _physically_possible(self) -> Self:
        if not (self.noise_pole[0] >= 0.0 and self.noise_pole[1] < 1.0):
            raise ValueError(f"channel.noise_pole is {list(self.noise_pole)}; it must lie in [0, 1)")
        if not (self.low_cut_hz[0] > 0.0 and self.low_cut_hz[1] < self.high_cut_hz[0] and self.high_cut_hz[1] < 8000.0):
            raise ValueError("channel.low_cut_hz must lie below channel.high_cut_hz, and both between 0 and 8000")
        if self.level_db[1] > -20.0:
            raise ValueError(f"channel.level_db reaches {self.level_db[1]:g}; above -20 dB speech would clip")
        return self


class Description(Section):
    """All of `corpora/atlas.yaml`."""

    kind: Literal["atlas"]
    map: Map
    variants: Variants
    dialects: Annotated[dict[Name, Dialect], Field(min_length=2)]
    channel: Channel
    grammar: Grammar

    @model_validator(mode="after")
    def _dialects_fill_the_map(self) -> Self:
        total = sum(dialect.share for dialect in self.dialects.values())
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares of the dialects sum to {total:g}, not 1; correct dialects.*.share")
        homeless = [name for name, dialect in self.dialects.items() if not dialect.areas]
        if len(homeless) != 1:
            raise ValueError(
                f"{', '.join(homeless) or 'no dialect'} has no areas; exactly one must have none and fill the map"
            )
        for name, dialect in self.dialects.items():
            strongest = max((area.strength for area in dialect.areas), default=1.0)
            if dialect.share >= strongest:
                raise ValueError(
                    f"dialects.{name}.share is {dialect.share:g}, not below the {strongest:g} of its strongest area; "
                    "lower the share or raise the strength"
                )
        return self


def read_description(path: Path | str) -> Description:
    """Read a description of kind `atlas`.

    Raises
    ------
    ParamsError
        In one sentence that names the file, the key, the value and the rule.
    """
    return read_section(path, Description)
