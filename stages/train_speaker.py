"""Stage `train_speaker@base`: the base speaker encoder, and the embeddings of all utterances."""

import sys
from pathlib import Path

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.inference.embed import bring_embeddings, embed_utterances
from isogloss.speakers import SpeakerEncoder
from isogloss.tables import METADATA_COLUMNS, atomic_folder, read_parquet, write_json, write_parquet
from isogloss.training.speaker import train_speaker_encoder

DATA, MODELS = Path("data"), Path("models/speaker")


@entry
def main(encoder: str) -> None:
    """Train and embed, or take the embeddings that `speaker.embeddings` names."""
    params, output = load_params().speaker, MODELS / encoder
    utterances = read_parquet(DATA / "utterances.parquet", METADATA_COLUMNS)

    def embed(model: SpeakerEncoder) -> None:
        print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
        embeddings = embed_utterances(model, utterances, data=DATA, threads=params.threads)
        write_parquet(embeddings, DATA / "embeddings" / "speaker.parquet")

    if params.embeddings is None:
        train_speaker_encoder(params, data=DATA, output=output, then=embed)
        return
    embeddings = bring_embeddings(params.embeddings, utterances, sha256=params.embeddings_sha256)
    with atomic_folder(output) as folder:
        write_json({"embeddings": params.embeddings}, folder / "model.json")
    output.with_suffix(".loss.tsv").write_text("epoch\tloss\n", encoding="utf-8")
    write_parquet(embeddings, DATA / "embeddings" / "speaker.parquet")
    print(f"{len(embeddings)} embeddings of {len(embeddings['vector'][0])} dimensions")


if __name__ == "__main__":
    main(sys.argv[1])
