"""Messages between the builder and the synthesis servers: one JSON line each way, one speaker a job."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelDraw:
    """The channel of one recording; see `description.Channel` for units."""

    level_db: float
    snr_db: float
    noise_pole: float
    low_cut_hz: float
    high_cut_hz: float
    seed: list[int]
    """Seed of the noise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """One recording: sentences said one after the other through one channel."""

    recording_id: str
    texts: list[str]
    channel: ChannelDraw


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """All that one speaker says, and how they sound."""

    speaker_id: str
    voice: str
    pitch: int
    pitch_range: int
    rate: int
    tremor: float
    """Depth of the amplitude modulation of the voice; 0 for none."""
    tremor_hz: float
    seed: list[int]
    """Seed of the breath noise and of the silences."""
    takes: list[Take]

    def to_line(self) -> str:
        """The job as one line of JSON."""
        return json.dumps(dataclasses.asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """The inverse of `to_line`."""
        content: dict[str, Any] = json.loads(line)
        takes = [Take(**take | {"channel": ChannelDraw(**take["channel"])}) for take in content["takes"]]
        return cls(**content | {"takes": takes})
