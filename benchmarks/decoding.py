"""Speed of greedy decoding: a batch against utterance by utterance, and streams in real time, on one CPU thread.

    make run                        # once: the base recogniser and the corpus
    python benchmarks/decoding.py

Time is processor time of the one thread, which other work on the machine disturbs little; on a free core it is the time
on the clock.

*Batches*: utterances of the test split, sorted by length, decoded by the base recogniser in batches of 32 and of 1,
once from features to tokens and once from encoder frames to tokens (the search alone). `frames` is the loop that most
code has, one utterance and one encoder frame at a time; `single` and `batched` are the library's search. All give the
same tokens.

*Streams*: audio of test utterances in chunks of 100 ms through
`isogloss.recognizers.transducer.decoding.RecognitionStream`, with every encoder in its small size and random weights,
whose blank is adjusted so that they speak; how much they do differs and stands beside the times (Atlas has about 14
tokens a second). Time a chunk, the real-time factor (time over audio), and *finalisation*: the time from the last
chunk's end to the final text.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lhotse import CutSet
from torch import Tensor

from isogloss.config import DecodingParams
from isogloss.corpus.frontend.cuts import read_cuts
from isogloss.corpus.frontend.features import feature_extractor
from isogloss.corpus.frontend.samples import SAMPLING_RATE
from isogloss.corpus.frontend.tokens import Tokens
from isogloss.corpus.manifests import make_cuts
from isogloss.recognizers.batches import Batch, Utterances
from isogloss.recognizers.transducer import Transducer, TransducerRecognizer
from isogloss.recognizers.transducer.decoding.greedy import advance, start
from isogloss.recognizers.transducer.encoders import encoder_names, encoder_options
from isogloss.tables import atomic_path, write_json

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
BATCH, UTTERANCES, ROUNDS = 32, 160, 2
STREAMS, CHUNK = 12, SAMPLING_RATE // 10
LIMIT = 5

Search = Callable[[Transducer, Tensor, Tensor], list[list[int]]]


def search(model: Transducer, encoder_BTJ: Tensor, lengths_B: Tensor) -> list[list[int]]:
    """Ours: from encoder frames to tokens."""
    state = start(model, len(encoder_BTJ))
    return [h.tokens for h in advance(model, encoder_BTJ, lengths_B, state, max_tokens_per_frame=LIMIT)[0]]


def search_by_frames(model: Transducer, encoder_1TJ: Tensor, lengths_1: Tensor) -> list[list[int]]:
    """The usual loop over the frames of one utterance."""
    tokens: list[int] = []
    vector_1P, memory = model.predictor.start(1)
    predictor_1J = model.predictor_projection(vector_1P)
    for encoder_1J in encoder_1TJ[:, : int(lengths_1)].unbind(1):
        for _ in range(LIMIT):
            token_1 = model.join_step(encoder_1J, predictor_1J).argmax(dim=-1)
            if token_1 == 0:
                break
            tokens.append(int(token_1))
            vector_1P, memory = model.predictor.step(token_1, memory)
            predictor_1J = model.predictor_projection(vector_1P)
    return [tokens]


def timed(run: Callable[[Any], Any], items: list[Any]) -> float:
    """Processor seconds for all items."""
    began = time.process_time()
    for item in items:
        run(item)
    return time.process_time() - began


@torch.inference_mode()
def batches() -> dict[str, Any]:
    """Seconds for all utterances, by part and implementation."""
    model = TransducerRecognizer.load(ROOT / "models/asr/base")
    dataset = Utterances(model.hears)
    cuts = sorted(list(read_cuts(ROOT / "data/cuts/test.jsonl"))[:UTTERANCES], key=lambda cut: -cut.duration)
    single = [dataset[CutSet.from_cuts([cut])] for cut in cuts]
    many = [dataset[CutSet.from_cuts(cuts[at : at + BATCH])] for at in range(0, len(cuts), BATCH)]

    def encoded(batch: Batch) -> tuple[Tensor, Tensor]:
        encoded_BTD, lengths_B = model.encode(batch.features_BTF, batch.lengths_B)
        return model.encoder_projection(encoded_BTD), lengths_B

    variants: dict[str, tuple[list[Batch], Search]] = {
        "frames": (single, search_by_frames),
        "single": (single, search),
        "batched": (many, search),
    }
    texts = {
        name: [row for b in items for row in found(model, *encoded(b))] for name, (items, found) in variants.items()
    }
    if not texts["frames"] == texts["single"] == texts["batched"]:
        raise SystemExit("the implementations decode differently; figures not written")
    frames = {name: [encoded(b) for b in items] for name, (items, _) in variants.items()}
    seconds: dict[str, dict[str, list[float]]] = {"whole": {}, "search": {}}
    for _ in range(ROUNDS):
        for name, (items, found) in variants.items():
            whole = timed(lambda batch: found(model, *encoded(batch)), items)  # noqa: B023
            alone = timed(lambda pair: found(model, *pair), frames[name])  # noqa: B023
            seconds["whole"].setdefault(name, []).append(whole)
            seconds["search"].setdefault(name, []).append(alone)
    audio = sum(cut.duration for cut in cuts)
    return {
        part: {
            name: {
                "least_s": min(calls),
                "median_s": statistics.median(calls),
                "utterances_per_s": len(cuts) / min(calls),
                "real_time_factor": min(calls) / audio,
                "speedup_of_batched": min(calls) / min(by_name["batched"]),
            }
            for name, calls in by_name.items()
        }
        for part, by_name in seconds.items()
    }


@torch.inference_mode()
def random_model(encoder: str, tokens: Tokens, features_TF: Tensor) -> TransducerRecognizer:
    """A model of an encoder's small size that speaks at these features."""
    torch.manual_seed(1)
    model = TransducerRecognizer(
        tokens,
        encoder=encoder,
        encoder_options=encoder_options(encoder),
        input_dim=features_TF.shape[1],
        predictor_dim=128,
        joiner_dim=128,
    ).eval()
    model.feature_mean_F.copy_(features_TF.mean(dim=0))
    model.feature_scale_F.copy_(features_TF.std(dim=0))
    encoded_TD = model.encode(features_TF.unsqueeze(0), torch.tensor([len(features_TF)]))[0][0]
    vector_1P, _ = model.predictor.start(1)
    logits_TV = model.join_step(model.encoder_projection(encoded_TD), model.predictor_projection(vector_1P))
    model.output_layer.bias[0] += (logits_TV[:, 1:].amax(dim=1) - logits_TV[:, 0]).quantile(0.75)
    return model


def streams() -> dict[str, Any]:
    """Times of streams, by encoder."""
    tokens = Tokens.read(ROOT / "data/tokens.txt")
    wanted = {cut.id for cut in list(read_cuts(ROOT / "data/cuts/test.jsonl"))[:: 1900 // STREAMS][:STREAMS]}
    recordings = [cut.load_audio()[0] for cut in make_cuts(ROOT / "data/corpus") if cut.id in wanted]
    features_TF = torch.from_numpy(feature_extractor(40).extract(recordings[0], SAMPLING_RATE))
    figures = {}
    for encoder in encoder_names():
        recognizer = random_model(encoder, tokens, features_TF)
        warm_up = recognizer.stream(decoding=DecodingParams())
        warm_up.accept(recordings[0])
        warm_up.finish()
        chunk_s, final_s, said = [], [], 0
        for audio_N in recordings:
            stream = recognizer.stream(decoding=DecodingParams())
            for at in range(0, len(audio_N), CHUNK):
                began = time.process_time()
                stream.accept(audio_N[at : at + CHUNK])
                chunk_s.append(time.process_time() - began)
            began = time.process_time()
            said += len(stream.finish().tokens)
            final_s.append(time.process_time() - began)
        audio = sum(map(len, recordings)) / SAMPLING_RATE
        figures[encoder] = {
            "chunk_median_ms": 1e3 * statistics.median(chunk_s),
            "chunk_p95_ms": 1e3 * statistics.quantiles(chunk_s, n=20)[-1],
            "real_time_factor": (sum(chunk_s) + sum(final_s)) / audio,
            "finalisation_median_ms": 1e3 * statistics.median(final_s),
            "finalisation_p95_ms": 1e3 * statistics.quantiles(final_s, n=20)[-1],
            "tokens_per_s": said / audio,
        }
    return figures


def cpu_model() -> str:
    """The processor's name as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    machine, versions = result["machine"], result["versions"]
    lines = [
        "# Greedy decoding on a CPU",
        "",
        f"`{result['command']}`: one thread of {machine['cpu']} ({machine['cores']} cores, load "
        f"{machine['load_at_start']:.1f} when it began), Python {versions['python']}, torch {versions['torch']}. What "
        "the rows are is said in the benchmark.",
        "",
        f"{UTTERANCES} utterances of test, LSTM recogniser of the default run; least time of {ROUNDS} rounds.",
        "",
        "| part | implementation | time, s (median) | utterances a second | real-time factor | batched is faster by |",
        "|---|---|---|---|---|---|",
    ]
    for part, by_name in result["batches"].items():
        for name, figure in by_name.items():
            lines.append(
                f"| {'features to tokens' if part == 'whole' else 'encoder frames to tokens'} | {name} | "
                f"{figure['least_s']:.2f} ({figure['median_s']:.2f}) | {figure['utterances_per_s']:.0f} | "
                f"{figure['real_time_factor']:.5f} | {figure['speedup_of_batched']:.1f} x |"
            )
    lines += [
        "",
        f"{STREAMS} streams of test audio in chunks of 100 ms, one after the other.",
        "",
        "| encoder | chunk, ms (95th percentile) | real-time factor | finalisation, ms (95th percentile) | tokens a "
        "second |",
        "|---|---|---|---|---|",
    ]
    for encoder, figure in result["streams"].items():
        lines.append(
            f"| {encoder} | {figure['chunk_median_ms']:.1f} ({figure['chunk_p95_ms']:.1f}) | "
            f"{figure['real_time_factor']:.3f} | {figure['finalisation_median_ms']:.1f} "
            f"({figure['finalisation_p95_ms']:.1f}) | {figure['tokens_per_s']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    os.chdir(ROOT)  # the cuts name their features from the repository's root
    load = os.getloadavg()[0]
    result = {
        "command": "python benchmarks/decoding.py",
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "system": platform.system(), "load_at_start": load},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "batches": batches(),
        "streams": streams(),
    }
    write_json(result, RESULTS / "decoding_cpu.json")
    with atomic_path(RESULTS / "decoding_cpu.md") as temporary:
        temporary.write_text(table(result), encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
