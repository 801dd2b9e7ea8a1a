"""Stage `validate`: the data gate; a failed expectation stops everything downstream."""

from pathlib import Path

from isogloss.config import load_params
from isogloss.config.components import RecognizerComponent
from isogloss.config.registry import declaration
from isogloss.corpus.gate import validate
from isogloss.entry import entry
from isogloss.report.validation import write_validation_page


@entry
def main() -> None:
    """Check the prepared data and write reports/validation.json."""
    params = load_params()
    thresholds = params.validation.model_copy(update={"max_duration_s": params.longest_utterance_s})
    validate(
        thresholds,
        data=Path("data"),
        output=Path("reports/validation.json"),
        columns=getattr(params.section("attribute"), "columns", []),
        brings_vocabulary=declaration(RecognizerComponent, params.asr.model).pretrained,
        render=write_validation_page,
    )


if __name__ == "__main__":
    main()
