"""Stage `train_speaker`: the base speaker encoder, and the embeddings of all utterances."""

from pathlib import Path

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.tables import METADATA_COLUMNS, atomic_folder, read_parquet, write_json, write_parquet
from isogloss.training.embedding import bring_embeddings, cohort_inputs, embed_utterances
from isogloss.training.speaker import train_speaker_encoder


@entry
def main() -> None:
    """Train and embed, or take the embeddings that `speaker.embeddings` names."""
    params = load_params().speaker
    data, output = Path("data"), Path("models/speaker/base")
    utterances = read_parquet(data / "utterances.parquet", METADATA_COLUMNS)
    if params.embeddings is None:
        model = train_speaker_encoder(params, data=data, output=output)
        embeddings = embed_utterances(model, utterances, data=data, threads=params.threads)
        print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
    else:
        embeddings = bring_embeddings(params.embeddings, utterances, sha256=params.embeddings_sha256)
        with atomic_folder(output) as folder:
            write_json({"embeddings": params.embeddings}, folder / "model.json")
        output.with_suffix(".loss.tsv").write_text("epoch\tloss\n", encoding="utf-8")
    write_parquet(embeddings, data / "embeddings.parquet")
    write_parquet(cohort_inputs(embeddings), data / "cohort_inputs" / "automatic.parquet")
    print(f"{len(embeddings)} embeddings of {len(embeddings['vector'][0])} dimensions")


if __name__ == "__main__":
    main()
