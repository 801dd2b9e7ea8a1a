"""Stage `transcribe`: hypotheses of the base recogniser on discovery, dev and test."""

from pathlib import Path

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.inference.heard import embeddings_of_hypotheses
from isogloss.inference.transcribe import count_errors, decode_splits, last_tokens
from isogloss.judging import error_rate
from isogloss.recognizers import load_recognizer
from isogloss.tables import METADATA_COLUMNS, read_parquet, write_parquet

SPLITS = ("discovery", "dev", "test")


@entry
def main() -> None:
    """Transcribe and say the word error rate of each split."""
    params = load_params()
    utterances = read_parquet("data/utterances.parquet", METADATA_COLUMNS)
    hypotheses = decode_splits(
        load_recognizer(Path("models/asr/base")),
        SPLITS,
        data=Path("data"),
        threads=params.decoding.threads,
        decoding=params.decoding,
    )
    table = count_errors(hypotheses, utterances[utterances["split"].isin(SPLITS)], steps=params.text.steps)
    write_parquet(table, "results/asr/base/utterances.parquet")
    write_parquet(last_tokens(hypotheses), "results/asr/base/last_tokens.parquet")
    write_parquet(embeddings_of_hypotheses(hypotheses, utterances), "data/embeddings/asr.parquet")
    for split, rows in table.groupby("split", sort=False):
        print(f"{split}: WER {error_rate(rows):.1%}")


if __name__ == "__main__":
    main()
