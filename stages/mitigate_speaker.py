"""Stage `mitigate_speaker@<method>`: training of the base speaker encoder goes on under one mitigation."""

import sys
from pathlib import Path

from isogloss.config import load_params
from isogloss.entry import entry
from isogloss.tables import METADATA_COLUMNS, read_parquet
from isogloss.training.adapt_speaker import adapt_speaker_encoder


@entry
def main(method: str) -> None:
    """Go on training by `method`."""
    params = load_params()
    adapt_speaker_encoder(
        method,
        params,
        data=Path("data"),
        base=Path("models/speaker/base"),
        utterances=read_parquet("data/utterances.parquet", METADATA_COLUMNS),
        output=Path("models/speaker") / method,
    )


if __name__ == "__main__":
    main(sys.argv[1])
