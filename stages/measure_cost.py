"""Stage `measure_cost`: parameters, operations and latency of the base recogniser on test."""

from pathlib import Path

from isogloss.entry import entry
from isogloss.inference.cost import recognizer_cost
from isogloss.recognizers import load_recognizer
from isogloss.tables import read_parquet, write_json


@entry
def main() -> None:
    """Measure, and say the figures."""
    cost = recognizer_cost(
        load_recognizer(Path("models/asr/base")),
        read_parquet("results/asr/base/utterances.parquet"),
        read_parquet("results/asr/base/last_tokens.parquet"),
        "test",
        data=Path("data"),
    )
    write_json(cost, "results/asr/base/cost.json")
    delay = cost["emission_delay"]["median_ms"]
    if cost["flops"] is None:
        print(f"{cost['parameters']['total']:,} parameters; this recogniser cannot count its operations")
        return
    print(
        f"{cost['encoder']}: {cost['parameters']['encoder']:,} parameters, "
        f"{cost['flops']['per_second'] / 1e9:.3f} GFLOP for a second of audio, "
        f"last token {_when(delay)}"
    )


def _when(delay_ms: float | None) -> str:
    """When the last token of an utterance comes."""
    if delay_ms is None:
        return "at an unknown time"
    return f"{abs(delay_ms):.0f} ms {'after' if delay_ms >= 0 else 'before'} the end of speech"


if __name__ == "__main__":
    main()
