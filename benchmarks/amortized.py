"""Wall time of the compute-cost amortized Transformer on a CPU, gated beside dense.

    python benchmarks/amortized.py

The encoder of published size (`isogloss.recognizers.transducer.encoders.sizes`), untrained, on noise. *Dense* is the
same encoder without gates. *Gated* has its arbitrators, which are computed, but their answers are replaced by random
ones, each block of each frame independently: no two open frames need stand together, the worst case for gathering them.
The share of open gates is set so that the operations that `isogloss.recognizers.transducer.flops.count_flops` counts
for the whole encoder, front end and arbitrators included, are the given share of the dense encoder's.

- `batch`: eight utterances of ten seconds at once
- `16 streams`: chunks of 160 ms (four encoder frames) of sixteen streams that advance together, four seconds of each
- `one stream`: chunks of 160 ms, ten seconds
- `frame by frame`: one stream in chunks of 40 ms (one encoder frame), four seconds

What is asked, at most 0.6 of the dense wall time at 0.4 of the operations, is asked of the first two. The chunk of one
stream is so few frames that a matrix product waits for its weights, whether one of the frames is open or all four:
leaving out frames saves operations there, and time only where a block has no open frame left.

Dense and gated take turns in one process for each number of threads. The least of all turns counts, since a machine
may have other work; beside the wall time stands the CPU time of the process, which other work disturbs less.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from isogloss.recognizers.transducer import build_encoder
from isogloss.recognizers.transducer.encoders import Encoder, encoder_options
from isogloss.recognizers.transducer.encoders.arbitrator import Arbitrator
from isogloss.recognizers.transducer.flops import count_flops
from isogloss.tables import atomic_path, write_json

FILTERS = 80
SHARES = (0.6, 0.4, 0.2)
"""Of the dense operations."""
LIMIT = 0.6
"""The share of the dense wall time that 0.4 of the dense operations may take."""


class Task(NamedTuple):
    """Utterances or streams at once, feature frames of each, and of a chunk; how often; whether LIMIT is asked."""

    batch: int
    frames: int
    chunk: int | None
    turns: int
    asked: bool


TASKS = {
    "batch": Task(batch=8, frames=1000, chunk=None, turns=5, asked=True),
    "16 streams": Task(batch=16, frames=400, chunk=16, turns=5, asked=True),
    "one stream": Task(batch=1, frames=1000, chunk=16, turns=5, asked=False),
    "frame by frame": Task(batch=1, frames=400, chunk=4, turns=5, asked=False),
}
RESULTS = Path(__file__).parent / "results"


class RandomArbitrator(Arbitrator):
    """Computes what an arbitrator computes, then opens gates at random."""

    share = 1.0

    def forward(self, input_BTD: Tensor) -> Tensor:
        """Positive for about `share` of the gates."""
        logits_BT2 = super().forward(input_BTD)
        return self.share - torch.rand_like(logits_BT2)


def encoder(gates: str) -> Encoder:
    """The published size, in evaluation mode."""
    torch.manual_seed(0)
    options = {**encoder_options("amortized", "published"), "gates": gates}
    return build_encoder("amortized", input_dim=FILTERS, **options).eval()


def noise(batch: int, frames: int) -> Tensor:
    """The same features each time."""
    return torch.randn(batch, frames, FILTERS, generator=torch.Generator().manual_seed(0))


def operations(model: Encoder) -> int:
    """What an encoder spends on ten seconds; random gates are the same each time."""
    torch.manual_seed(0)
    return count_flops(model, noise(1, 1000), torch.tensor([1000])).total


def gated_encoder(target: float) -> tuple[Encoder, float, int]:
    """An encoder that spends so many operations, its share of open gates, and what it really spends."""
    model = encoder("learned")
    arbitrators = [RandomArbitrator(model.output_dim) for _ in model.arbitrators]
    model.arbitrators = torch.nn.ModuleList(arbitrators)
    model.eval()
    low, high = 0.0, 1.0
    for _ in range(8):
        share = (low + high) / 2
        for arbitrator in arbitrators:
            arbitrator.share = share
        spent = operations(model)
        low, high = (low, share) if spent > target else (share, high)
    return model, share, spent


def turn(model: Encoder, task: Task) -> tuple[float, float]:
    """Wall time and CPU time of doing the task once."""
    features_BTF = noise(task.batch, task.frames)
    wall, cpu = time.perf_counter(), time.process_time()
    if task.chunk is None:
        model(features_BTF, torch.full((task.batch,), task.frames))
    else:
        state = None
        for start in range(0, task.frames, task.chunk):
            _, state = model.stream(features_BTF[:, start : start + task.chunk], state)
    return time.perf_counter() - wall, time.process_time() - cpu


@torch.no_grad()
def measure(threads: int) -> list[dict[str, Any]]:
    """Least times of every task and share, in this process."""
    torch.set_num_threads(threads)
    dense = encoder("none")
    dense_operations = operations(dense)
    gated = {share: gated_encoder(share * dense_operations) for share in SHARES}
    models = {1.0: dense, **{share: model for share, (model, _, _) in gated.items()}}
    figures = []
    for name, task in TASKS.items():
        times: dict[float, list[tuple[float, float]]] = {share: [] for share in models}
        for _ in range(task.turns):
            for share, model in models.items():
                times[share].append(turn(model, task))
        least = {share: [min(column) for column in zip(*turns, strict=True)] for share, turns in times.items()}
        for share, (_, opened, spent) in gated.items():
            figures.append(
                {
                    "task": name,
                    "threads": threads,
                    "open_gates": round(opened, 3),
                    "share_of_operations": round(spent / dense_operations, 4),
                    "dense_s": round(least[1.0][0], 4),
                    "gated_s": round(least[share][0], 4),
                    "share_of_wall_time": round(least[share][0] / least[1.0][0], 3),
                    "share_of_cpu_time": round(least[share][1] / least[1.0][1], 3),
                }
            )
    return figures


def cpu_model() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    machine, versions = result["machine"], result["versions"]
    lines = [
        "# The amortized Transformer on a CPU",
        "",
        f"`python benchmarks/amortized.py`: the published size with random gates beside the same encoder without. "
        f"{machine['cpu']} ({machine['cores']} cores, load {machine['load_at_start']:.1f} when it began), "
        f"Python {versions['python']}, torch {versions['torch']}. Least wall time of several turns.",
        "",
        "| task | threads | gates open | dense, ms | gated, ms | operations, of dense | wall time | CPU time |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {f['task']} | {f['threads']} | {f['open_gates']:.0%} "
            f"| {1000 * f['dense_s']:.0f} | {1000 * f['gated_s']:.0f} "
            f"| {f['share_of_operations']:.1%} | {f['share_of_wall_time']:.1%} | {f['share_of_cpu_time']:.1%} |"
            for f in result["figures"]
        ),
        "",
        f"Asked of batch and 16 streams: at 40 % of the operations at most {LIMIT:.0%} of the time. "
        f"{'Kept.' if result['kept'] else 'Not kept.'}",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure one and two threads and write benchmarks/results/amortized.{json,md}."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure)))
        return
    load = os.getloadavg()[0]
    figures = []
    for threads in (1, 2):
        command = [sys.executable, __file__, "--measure", str(threads)]
        figures += json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    asked = [f for f in figures if abs(f["share_of_operations"] - 0.4) < 0.01 and TASKS[f["task"]].asked]
    result = {
        "command": "python benchmarks/amortized.py",
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "system": platform.system(), "load_at_start": load},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "figures": figures,
        "kept": all(f["share_of_wall_time"] <= LIMIT for f in asked),
    }
    write_json(result, RESULTS / "amortized.json")
    with atomic_path(RESULTS / "amortized.md") as temporary:
        temporary.write_text(page(result), encoding="utf-8")
    print(page(result))


if __name__ == "__main__":
    main()
