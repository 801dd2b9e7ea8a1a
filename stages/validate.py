"""Stage `validate`: the data gate; a failed expectation stops everything downstream."""

from pathlib import Path

from isogloss.config import load_params
from isogloss.corpus.expectations import validate
from isogloss.entry import entry


@entry
def main() -> None:
    """Check the prepared data and write reports/validation.json."""
    validate(load_params().validation, data=Path("data"), output=Path("reports/validation.json"))


if __name__ == "__main__":
    main()
