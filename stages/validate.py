"""Stage `validate`: the data gate; a failed expectation stops everything downstream."""

from pathlib import Path

from isogloss.config import load_params
from isogloss.config.components import RecognizerComponent
from isogloss.config.registry import declaration
from isogloss.corpus.expectations import validate
from isogloss.entry import entry


@entry
def main() -> None:
    """Check the prepared data and write reports/validation.json."""
    params = load_params()
    thresholds = params.validation.model_copy(update={"max_duration_s": params.longest_utterance_s})
    validate(
        thresholds,
        data=Path("data"),
        output=Path("reports/validation.json"),
        brings_vocabulary=declaration(RecognizerComponent, params.asr.model).pretrained,
    )


if __name__ == "__main__":
    main()
