"""Stage `train_asr`: the base recogniser."""

from pathlib import Path

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.training.train_recognizer import train_recognizer


@entry
def main() -> None:
    """Train, from a checkpoint where a killed run left one."""
    model = train_recognizer(load_params(), data=Path("data"), output=Path("models/asr/base"))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()
