"""Stage `train_multitalker@<system>`: a system that hears two talkers at once."""

import sys
from pathlib import Path
from typing import Any

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.training.multitalker import train_multitalker


@entry
def main(system: Any) -> None:
    """Train, from a checkpoint where a killed run left one."""
    model = train_multitalker(
        system,
        load_params().multitalker,
        data=Path("data"),
        base=Path("models/asr/base"),
        output=Path("models/multitalker") / system,
    )
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")


if __name__ == "__main__":
    main(sys.argv[1])
