"""Whether an adapted Whisper, opened by plain `transformers`, writes the text that the pipeline's result table has.

    python benchmarks/plain_transformers.py --system ewc [--every 10] [--most 40]

Run it in a workspace whose `asr.model` is whisper, after `isogloss run`. Every tenth test utterance is decoded greedily
by `generate` with the saved processor; texts that differ are printed, and it exits with 1 where there is one.
"""

import argparse
import itertools
import sys
from pathlib import Path

import torch
from transformers import AutoProcessor, WhisperForConditionalGeneration

from isogloss.corpus.frontend.audio import load_audio
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.tables import read_parquet


def main() -> None:
    """Compare, and print how many texts are the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--system", default="ewc")
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--most", type=int, default=40)
    options = parser.parse_args()
    folder = Path("models/asr") / options.system
    table = read_parquet(Path("results/asr") / options.system / "utterances.parquet").set_index("utterance_id")
    processor = AutoProcessor.from_pretrained(folder)
    model = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    cuts = list(itertools.islice(read_cuts("data/cuts/test.jsonl", hears="audio"), 0, None, options.every))
    cuts, same = cuts[: options.most], 0
    for cut in cuts:
        inputs = processor(load_audio(cut), sampling_rate=SAMPLING_RATE, return_tensors="pt")
        with torch.no_grad():
            tokens = model.generate(inputs.input_features, max_new_tokens=60, do_sample=False)
        (text,) = processor.batch_decode(tokens, skip_special_tokens=True)
        ours = table.loc[cut.id, "hyp"]
        same += text.strip() == ours.strip()
        if text.strip() != ours.strip():
            print(f"{cut.id}: {text.strip()!r} there, {ours.strip()!r} here")
    print(f"the same text for {same} of {len(cuts)} utterances")
    sys.exit(same < len(cuts))


if __name__ == "__main__":
    main()
