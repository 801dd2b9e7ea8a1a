"""Messages between the builder and the synthesis servers: one JSON line each way, one speaker a job."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelDraw:
    """The channel of one speaker; see `description.Channel` for units."""

    level_db: float
    snr_db: float
    noise_pole: float
    low_cut_hz: float
    high_cut_hz: float
    tremor: float
    """Depth of the amplitude modulation, 0 for none."""
    tremor_hz: float
    seed: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """All that one speaker says, and how they sound."""

    speaker_id: str
    voice: str
    pitch: int
    pitch_range: int
    rate: int
    texts: list[str]
    channel: ChannelDraw

    def to_line(self) -> str:
        """The job as one line of JSON."""
        return json.dumps(dataclasses.asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """The inverse of `to_line`."""
        content: dict[str, Any] = json.loads(line)
        return cls(**content | {"channel": ChannelDraw(**content["channel"])})
