"""Time and peak memory of the transducer loss on a CPU, beside other implementations.

    python benchmarks/transducer_loss.py [--repeats 5]

From the outputs of encoder and predictor to the loss and all gradients, at three shapes, on two threads, all utterances
at full length (nothing to skip):

- `isogloss`: `isogloss.recognizers.transducer.losses.transducer_loss`
- `isogloss pruned`: the same with windows of five label positions
- `fast_rnnt`, `fast_rnnt pruned`: k2's losses, on full logits and within windows of five positions
- `warprnnt-numba`: on full logits; so slow that it is called once a shape
- `torch`: full logits, a loop over T under autograd, the sum over U as one cumulative log-sum-exp: the fastest plain
  torch that we could write

The pruned losses include the simple joiner's two projections and its loss. Peers are optional: those that cannot be
imported are left out and named. `pip install warprnnt-numba` brings one; `fast_rnnt` 1.3 must be built from its source
distribution, with C++20, a `cmake/pybind11.cmake` that finds an installed pybind11, and
FT_CMAKE_ARGS="-DFT_WITH_CUDA=OFF -DFT_BUILD_TESTS=OFF -DCMAKE_POLICY_VERSION_MINIMUM=3.5".

Each measurement is a process of its own, and the order of all measurements is drawn at random: twice as many as
`--repeats`, half of them *alone* and half *beside* a process that keeps one core busy. A measurement is the median of
some calls after a first one, whose peak memory beyond what the process held before is the memory (Linux only).
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isogloss.recognizers.transducer.losses import Pruning, transducer_loss
from isogloss.tables import atomic_path, write_json

SHAPES = {
    "small": {"B": 6, "T": 80, "U": 24, "V": 30, "J": 128},
    "medium": {"B": 8, "T": 150, "U": 30, "V": 256, "J": 256},
    "large": {"B": 4, "T": 400, "U": 60, "V": 500, "J": 512},
}
CALLS = {"small": 20, "medium": 5, "large": 3}
THREADS = 2
RANGE = 5
PACKAGES = {
    "isogloss": None,
    "isogloss pruned": None,
    "fast_rnnt": "fast_rnnt",
    "fast_rnnt pruned": "fast_rnnt",
    "warprnnt-numba": "warprnnt_numba",
    "torch": None,
}
"""What is compared, and the package that it comes from."""

SLOW = {"warprnnt-numba"}
RESULTS = Path(__file__).parent / "results"


class Problem:
    """Random inputs of a shape, and each implementation's loss on them."""

    def __init__(self, shape: dict[str, int]) -> None:
        batch, frames, labels, vocabulary, width = (shape[key] for key in "BTUVJ")
        torch.manual_seed(1)
        self.encoder_BTJ = torch.randn(batch, frames, width, requires_grad=True)
        self.predictor_BPJ = torch.randn(batch, labels + 1, width, requires_grad=True)
        self.layer, self.encoder_layer, self.predictor_layer = (torch.nn.Linear(width, vocabulary) for _ in range(3))
        self.tokens_BU = torch.randint(1, vocabulary, (batch, labels))
        self.frames_B, self.labels_B = torch.full((batch,), frames), torch.full((batch,), labels)

    def gradients(self, loss: Callable[[], Tensor]) -> Tensor:
        """Forward and backward; the loss of each utterance."""
        leaves = [self.encoder_BTJ, self.predictor_BPJ, *self.layer.parameters()]
        simple = [*self.encoder_layer.parameters(), *self.predictor_layer.parameters()]
        loss_B = loss()
        torch.autograd.grad(loss_B.sum(), [*leaves, *simple], allow_unused=True)
        return loss_B.detach()

    def logits(self) -> Tensor:
        """The full logits."""
        return self.layer(torch.tanh(self.encoder_BTJ[:, :, None] + self.predictor_BPJ[:, None]))

    def isogloss(self, pruning: Pruning | None = None) -> Tensor:
        """The full loss of this package."""
        targets = self.tokens_BU, self.frames_B, self.labels_B
        return transducer_loss(self.encoder_BTJ, self.predictor_BPJ, self.layer, *targets, pruning=pruning)

    def isogloss_pruned(self) -> Tensor:
        """The pruned loss of this package."""
        encoder_BTV, predictor_BPV = self.encoder_layer(self.encoder_BTJ), self.predictor_layer(self.predictor_BPJ)
        return self.isogloss(Pruning(range=RANGE, encoder_BTV=encoder_BTV, predictor_BPV=predictor_BPV))

    def fast_rnnt(self) -> Tensor:
        """k2's loss on full logits."""
        import fast_rnnt

        return fast_rnnt.rnnt_loss(self.logits(), self.tokens_BU, 0, self._boundary(), reduction="none")

    def fast_rnnt_pruned(self) -> Tensor:
        """k2's pruned loss, with the simple loss by half."""
        import fast_rnnt

        options = {"symbols": self.tokens_BU, "termination_symbol": 0, "boundary": self._boundary()}
        simple_B, (label_gradient, blank_gradient) = fast_rnnt.rnnt_loss_simple(
            lm=self.predictor_layer(self.predictor_BPJ),
            am=self.encoder_layer(self.encoder_BTJ),
            reduction="none",
            return_grad=True,
            **options,
        )
        ranges = fast_rnnt.get_rnnt_prune_ranges(label_gradient, blank_gradient, self._boundary(), RANGE)
        encoder_BTSJ, predictor_BTSJ = fast_rnnt.do_rnnt_pruning(self.encoder_BTJ, self.predictor_BPJ, ranges)
        logits = self.layer(torch.tanh(encoder_BTSJ + predictor_BTSJ))
        return fast_rnnt.rnnt_loss_pruned(logits, ranges=ranges, reduction="none", **options) + 0.5 * simple_B

    def warprnnt_numba(self) -> Tensor:
        """Its loss on full logits."""
        from warprnnt_numba import RNNTLossNumba

        targets = (x.int() for x in (self.tokens_BU, self.frames_B, self.labels_B))
        return RNNTLossNumba(blank=0, reduction="none")(self.logits(), *targets).flatten()

    def torch(self) -> Tensor:
        """alpha_t = logcumsumexp_u(alpha_(t-1) + blank_(t-1) - c_t) + c_t, with c_t(u) the labels' sum before u."""
        log_probs_BTPV = self.logits().log_softmax(-1)
        index_BTU1 = self.tokens_BU[:, None, :, None].expand(-1, log_probs_BTPV.shape[1], -1, 1)
        log_label_BTU = log_probs_BTPV[:, :, :-1].gather(-1, index_BTU1)[..., 0]
        log_blank_BTP = log_probs_BTPV[..., 0]
        before_BTP = torch.nn.functional.pad(log_label_BTU.cumsum(2), (1, 0))
        row_BP = before_BTP[:, 0]
        for t in range(1, log_blank_BTP.shape[1]):
            arrivals_BP = row_BP + log_blank_BTP[:, t - 1] - before_BTP[:, t]
            row_BP = arrivals_BP.logcumsumexp(1) + before_BTP[:, t]
        return -(row_BP + log_blank_BTP[:, -1])[:, -1]

    def _boundary(self) -> Tensor:
        """Lengths as k2 takes them."""
        zeros_B = torch.zeros_like(self.frames_B)
        return torch.stack([zeros_B, zeros_B, self.labels_B, self.frames_B], 1)


def memory_status(key: str) -> int:
    """A figure of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status has no {key}; this benchmark needs Linux")


def measure(shape: str, implementation: str) -> dict[str, Any]:
    """One measurement, in this process."""
    torch.set_num_threads(THREADS)
    method = implementation.replace(" ", "_").replace("-", "_")
    small = Problem({key: min(value, 16) for key, value in SHAPES[shape].items()})
    small.gradients(getattr(small, method))
    problem = Problem(SHAPES[shape])
    loss = getattr(problem, method)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = memory_status("VmRSS")
    loss_B = problem.gradients(loss)
    peak = memory_status("VmHWM") - before
    seconds = []
    for _ in range(1 if implementation in SLOW else CALLS[shape]):
        start = time.perf_counter()
        problem.gradients(loss)
        seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds), "peak_bytes": peak, "loss": loss_B.tolist()}


def measure_apart(shape: str, implementation: str, *, beside: bool) -> dict[str, Any]:
    """One measurement in a fresh process, beside one that computes all the time if so wished."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if beside else None
    try:
        command = [sys.executable, __file__, "--measure", shape, implementation]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    finally:
        if busy is not None:
            busy.kill()
            busy.wait()
    return json.loads(done.stdout)


def cpu_model() -> str:
    """The processor's name as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def compare(repeats: int) -> dict[str, Any]:
    """All measurements in a random order."""
    installed = [name for name, package in PACKAGES.items() if package is None or importlib.util.find_spec(package)]
    jobs = [
        (shape, name, beside)
        for shape in SHAPES
        for name in installed
        for beside in (False, True)
        for _ in range(1 if name in SLOW else repeats)
        if not (beside and name in SLOW)
    ]
    random.shuffle(jobs)
    load = [os.getloadavg()[0]]
    found: dict[tuple[str, str, bool], list[dict[str, Any]]] = {}
    for number, job in enumerate(jobs):
        shape, name, beside = job
        print(f"{number + 1}/{len(jobs)}: {name}, {shape}{', beside a busy process' if beside else ''}", flush=True)
        found.setdefault(job, []).append(measure_apart(shape, name, beside=beside))
    load.append(os.getloadavg()[0])
    figures: dict[str, Any] = {shape: {} for shape in SHAPES}
    for shape, name, beside in sorted(found, key=lambda job: (list(SHAPES).index(job[0]), installed.index(job[1]))):
        runs = found[shape, name, beside]
        _check_loss(shape, name, runs[0]["loss"], found[shape, "isogloss", False][0]["loss"])
        seconds = [run["seconds"] for run in runs]
        figures[shape].setdefault(name, {})["beside" if beside else "alone"] = {
            "median_s": statistics.median(seconds),
            "least_s": min(seconds),
            "greatest_s": max(seconds),
            "repeats": len(runs),
            "peak_bytes": statistics.median(run["peak_bytes"] for run in runs),
        }
    peers = {package for package in PACKAGES.values() if package is not None}
    return {
        "command": "python benchmarks/transducer_loss.py",
        "shapes": SHAPES,
        "threads": THREADS,
        "range": RANGE,
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "load_before_and_after": load},
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            **{package: importlib.metadata.version(package) for package in sorted(peers) if _is_there(package)},
        },
        "not_installed": sorted(package for package in peers if not _is_there(package)),
        "figures": figures,
    }


def _is_there(package: str) -> bool:
    """Whether a package can be imported."""
    return importlib.util.find_spec(package) is not None


def _check_loss(shape: str, name: str, found: list[float], expected: list[float]) -> None:
    """End if an implementation of the full loss computes something else."""
    if "pruned" in name:
        return
    if max(abs(a - b) / abs(b) for a, b in zip(found, expected, strict=True)) > 1e-4:
        raise SystemExit(f"{shape}: {name} and isogloss give different losses; figures not written")


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    machine, versions = result["machine"], result["versions"]
    before, after = machine["load_before_and_after"]
    named = ", ".join(f"{package} {version}" for package, version in versions.items())
    missing = f" Not installed: {', '.join(result['not_installed'])}." if result["not_installed"] else ""
    lines = [
        "# Transducer loss on a CPU",
        "",
        f"`{result['command']}`: joiner and loss, forward and backward, {result['threads']} threads, "
        f"{machine['cores']} cores of {machine['cpu']}, {named}. Load of the machine {before:.1f} before and "
        f"{after:.1f} after; the benchmark itself makes 2 to 3 of it.{missing}",
        "",
        "Time is the median (least to greatest) of the repeats: *alone*, and *beside* a process that keeps one core "
        "busy. Memory is the peak beyond what the process held before. What the implementations are is said in the "
        "benchmark.",
    ]
    for shape, figures in result["figures"].items():
        sizes = " ".join(f"{key}={value}" for key, value in result["shapes"][shape].items())
        lines += [
            "",
            f"## {sizes}",
            "",
            "| implementation | alone, ms | beside, ms | memory, MiB | repeats |",
            "|---|---|---|---|---|",
        ]
        for name, figure in figures.items():
            cells = [_milliseconds(figure.get(kind)) for kind in ("alone", "beside")]
            alone = figure["alone"]
            lines.append(
                f"| {name} | {' | '.join(cells)} | {alone['peak_bytes'] / 2**20:.1f} | {alone['repeats']} each |"
            )
    return "\n".join(lines) + "\n"


def _milliseconds(figure: dict[str, float] | None) -> str:
    """Median (least to greatest)."""
    if figure is None:
        return "not run"
    median, least, greatest = (figure[key] * 1e3 for key in ("median_s", "least_s", "greatest_s"))
    return f"{median:.1f} ({least:.1f} to {greatest:.1f})"


def main() -> None:
    """Measure everything, or one thing where a parent process asks for it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each kind (default 5)")
    parser.add_argument("--measure", nargs=2, metavar=("SHAPE", "IMPLEMENTATION"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(*arguments.measure)))
        return
    result = compare(arguments.repeats)
    write_json(result, RESULTS / "transducer_loss_cpu.json")
    with atomic_path(RESULTS / "transducer_loss_cpu.md") as temporary:
        temporary.write_text(table(result), encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
