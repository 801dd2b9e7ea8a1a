"""Stage `voice_inputs`: what each cohort rule that looks at voices may look at."""

from pathlib import Path

from isogloss.cohorts.inputs import voice_inputs
from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.tables import METADATA_COLUMNS, read_parquet, write_parquet

DATA = Path("data")


@entry
def main() -> None:
    """Write a table for each rule, of the speaker encoder's embeddings or of the recogniser's (`cohorts.voices`)."""
    params = load_params()
    embeddings = read_parquet(DATA / "embeddings" / f"{params.cohorts.voices}.parquet")
    if params.cohorts.voices == "asr":  # those of what has been transcribed
        from isogloss.inference.heard import embed_by_recognizer  # loads torch, which speaker embeddings can do without
        from isogloss.recognizers import load_recognizer

        utterances = read_parquet(DATA / "utterances.parquet", METADATA_COLUMNS)
        recognizer = load_recognizer(Path("models/asr/base"))
        threads, most = params.decoding.threads, params.cohorts.voice_utterances
        embeddings = embed_by_recognizer(
            recognizer, utterances, data=DATA, threads=threads, most=most, known=embeddings
        )
    for rule, table in voice_inputs(embeddings).items():
        write_parquet(table, DATA / "cohort_inputs" / f"{rule}.parquet")


if __name__ == "__main__":
    main()
