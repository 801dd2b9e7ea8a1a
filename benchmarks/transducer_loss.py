"""Time and peak memory of the transducer loss on a CPU, beside plain torch on full logits.

    python benchmarks/transducer_loss.py

Forward and backward at B=8 T=150 U=30 V=256 J=256, two threads, all utterances at full length (nothing to
skip). Measured twice: *joiner and loss* (from encoder and predictor outputs to all gradients) and *lattice*
(from blank and label log-probabilities to their gradients). Three implementations:

- `isogloss`: `isogloss.recognizers.transducer.losses.transducer_loss` and its lattice
- `frames`: full logits; a loop over T under autograd, the sum over U as one cumulative log-sum-exp. The
  fastest plain torch that we could write; it fails on log-probabilities of -inf
- `cells`: full logits; the loops over T and U of `isogloss.recognizers.transducer.losses.reference`, the definition

Every implementation is measured in processes of its own, in rounds. Time is the least and the median of all
calls, since a machine may have other work; beside it stands the processor time of one thread, which other
work disturbs little. Memory is the peak of the process during one call beyond what it held before (Linux
only).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from isogloss.recognizers.transducer.losses import transducer_loss
from isogloss.recognizers.transducer.losses.lattice_loss import lattice_loss
from isogloss.recognizers.transducer.losses.reference import reference_lattice_loss
from isogloss.tables import atomic_path, write_json

SHAPE = {"B": 8, "T": 150, "U": 30, "V": 256, "J": 256}
THREADS = 2
REPEATS = {"isogloss": 10, "frames": 10, "cells": 2}
ROUNDS = 3
RESULTS = Path(__file__).parent / "results"


def lattice_by_frames(
    log_blank_BTP: Tensor, log_label_BTU: Tensor, encoder_lengths_B: Tensor, token_lengths_B: Tensor
) -> Tensor:
    """alpha_t = logcumsumexp_u(alpha_(t-1) + blank_(t-1) - c_t) + c_t, with c_t(u) the labels' sum before
    u."""
    before_BTP = torch.nn.functional.pad(log_label_BTU.cumsum(2), (1, 0))
    rows = [before_BTP[:, 0]]
    for t in range(1, log_blank_BTP.shape[1]):
        arrivals_BP = rows[-1] + log_blank_BTP[:, t - 1] - before_BTP[:, t]
        rows.append(arrivals_BP.logcumsumexp(1) + before_BTP[:, t])
    ended_BTP = torch.stack(rows, 1) + log_blank_BTP
    batch_B = torch.arange(len(encoder_lengths_B))
    return -ended_BTP[batch_B, encoder_lengths_B - 1, token_lengths_B]


LATTICES: dict[str, Callable[..., Tensor]] = {"frames": lattice_by_frames, "cells": reference_lattice_loss}


def joiner_and_loss(implementation: str, shape: dict[str, int]) -> Callable[[], Any]:
    """A call that runs joiner and loss forward and backward."""
    batch, frames, labels, vocabulary, width = (shape[key] for key in "BTUVJ")
    torch.manual_seed(1)
    encoder_BTJ = torch.randn(batch, frames, width, requires_grad=True)
    predictor_BPJ = torch.randn(batch, labels + 1, width, requires_grad=True)
    layer = torch.nn.Linear(width, vocabulary)
    tokens_BU = torch.randint(1, vocabulary, (batch, labels))
    lengths = torch.full((batch,), frames), torch.full((batch,), labels)
    leaves = (encoder_BTJ, predictor_BPJ, layer.weight, layer.bias)

    def ours() -> tuple[Tensor, ...]:
        loss_B = transducer_loss(encoder_BTJ, predictor_BPJ, layer, tokens_BU, *lengths)
        return loss_B.detach(), *torch.autograd.grad(loss_B.sum(), leaves)

    def on_full_logits() -> tuple[Tensor, ...]:
        logits_BTPV = layer(torch.tanh(encoder_BTJ[:, :, None] + predictor_BPJ[:, None]))
        log_probs_BTPV = logits_BTPV.log_softmax(-1)
        del logits_BTPV
        index_BTU1 = tokens_BU[:, None, :, None].expand(-1, frames, -1, 1)
        log_label_BTU = log_probs_BTPV[:, :, :-1].gather(-1, index_BTU1)[..., 0]
        loss_B = LATTICES[implementation](log_probs_BTPV[..., 0], log_label_BTU, *lengths)
        del log_probs_BTPV
        return loss_B.detach(), *torch.autograd.grad(loss_B.sum(), leaves)

    return ours if implementation == "isogloss" else on_full_logits


def lattice(implementation: str, shape: dict[str, int]) -> Callable[[], Any]:
    """A call that runs the lattice alone forward and backward."""
    batch, frames, labels = (shape[key] for key in "BTU")
    torch.manual_seed(1)
    log_probs_BTPV = torch.randn(batch, frames, labels + 1, shape["V"]).log_softmax(-1)
    log_blank_BTP = log_probs_BTPV[..., 0].clone().requires_grad_()
    log_label_BTP = log_probs_BTPV[..., 1].clone().requires_grad_()
    del log_probs_BTPV
    lengths = torch.full((batch,), frames), torch.full((batch,), labels)

    def run() -> tuple[Tensor, ...]:
        if implementation == "isogloss":
            loss_B = lattice_loss(log_blank_BTP, log_label_BTP, *lengths)
        else:
            loss_B = LATTICES[implementation](log_blank_BTP, log_label_BTP[:, :, :-1], *lengths)
        return loss_B.detach(), *torch.autograd.grad(loss_B.sum(), (log_blank_BTP, log_label_BTP))

    return run


TASKS = {"joiner_and_loss": joiner_and_loss, "lattice": lattice}


def memory_status(key: str) -> int:
    """A figure of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status has no {key}; this benchmark needs Linux")


def measure(task: str, implementation: str, what: str) -> dict[str, Any]:
    """One measurement, in this process."""
    torch.set_num_threads(THREADS)
    small = TASKS[task](implementation, {key: min(value, 16) for key, value in SHAPE.items()})
    small()
    run = TASKS[task](implementation, SHAPE)
    if what == "memory":
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
        before = memory_status("VmRSS")
        loss_B = run()[0]
        return {"peak_bytes": memory_status("VmHWM") - before, "loss": loss_B.tolist()}
    run()
    seconds = []
    for _ in range(REPEATS[implementation]):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    torch.set_num_threads(1)
    cpu_seconds = []
    for _ in range(REPEATS[implementation] // 2):
        start = time.process_time()
        run()
        cpu_seconds.append(time.process_time() - start)
    return {"seconds": seconds, "cpu_seconds": cpu_seconds}


def measure_apart(task: str, implementation: str, what: str) -> dict[str, Any]:
    """One measurement, in a fresh process."""
    command = [sys.executable, __file__, "--measure", task, implementation, what]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def cpu_model() -> str:
    """The processor's name as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def compare() -> dict[str, Any]:
    """All measurements, and isogloss against each other implementation."""
    figures: dict[str, Any] = {}
    load = os.getloadavg()[0]
    for task in TASKS:
        figures[task] = {}
        timed: dict[str, list[dict[str, list[float]]]] = {implementation: [] for implementation in REPEATS}
        for _ in range(ROUNDS):
            for implementation, rounds in timed.items():
                rounds.append(measure_apart(task, implementation, "time"))
        for implementation, rounds in timed.items():
            calls = [second for one in rounds for second in one["seconds"]]
            figures[task][implementation] = {
                "least_s": min(calls),
                "median_s": statistics.median(calls),
                "calls": len(calls),
                "least_cpu_s_of_one_thread": min(second for one in rounds for second in one["cpu_seconds"]),
                **measure_apart(task, implementation, "memory"),
            }
        ours = figures[task]["isogloss"]
        for implementation, figure in figures[task].items():
            distance = max(abs(a - b) / abs(b) for a, b in zip(figure["loss"], ours["loss"], strict=True))
            if distance > 1e-4:
                raise SystemExit(f"{task}: {implementation} and isogloss give different losses; figures not written")
            figure["speedup_of_isogloss"] = figure["least_s"] / ours["least_s"]
            figure["speedup_of_isogloss_on_one_thread"] = (
                figure["least_cpu_s_of_one_thread"] / ours["least_cpu_s_of_one_thread"]
            )
            figure["memory_share_of_isogloss"] = ours["peak_bytes"] / figure["peak_bytes"]
        for figure in figures[task].values():
            del figure["loss"]
    return {
        "command": "python benchmarks/transducer_loss.py",
        "shape": SHAPE,
        "threads": THREADS,
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "system": platform.system(), "load_at_start": load},
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        **figures,
    }


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    shape = " ".join(f"{key}={value}" for key, value in result["shape"].items())
    machine = result["machine"]
    lines = [
        "# Transducer loss on a CPU",
        "",
        f"`{result['command']}`: {shape}, forward and backward, {result['threads']} threads of "
        f"{machine['cpu']} ({machine['cores']} cores, load {machine['load_at_start']:.1f} when it began), "
        f"Python {result['versions']['python']}, torch {result['versions']['torch']}. Wall time on two "
        "threads is the least (median) of several calls, CPU time that of one thread, memory the peak beyond what the "
        "process held before. What the implementations are is said in the benchmark. The last three columns are "
        "isogloss beside the row's implementation.",
        "",
        "| task | implementation | wall, ms | CPU, ms | memory, MiB | faster, wall | faster, CPU | memory taken |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for task in TASKS:
        for implementation, figure in result[task].items():
            lines.append(
                f"| {task.replace('_', ' ')} | {implementation} | {figure['least_s'] * 1e3:.1f} "
                f"({figure['median_s'] * 1e3:.1f}) | {figure['least_cpu_s_of_one_thread'] * 1e3:.1f} | "
                f"{figure['peak_bytes'] / 2**20:.1f} | {figure['speedup_of_isogloss']:.1f} x | "
                f"{figure['speedup_of_isogloss_on_one_thread']:.1f} x | {figure['memory_share_of_isogloss']:.1%} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure everything, or one thing where a parent process asks for it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--measure", nargs=3, metavar=("TASK", "IMPLEMENTATION", "WHAT"), help=argparse.SUPPRESS)
    asked = parser.parse_args().measure
    if asked:
        print(json.dumps(measure(*asked)))
        return
    result = compare()
    write_json(result, RESULTS / "transducer_loss_cpu.json")
    with atomic_path(RESULTS / "transducer_loss_cpu.md") as temporary:
        temporary.write_text(table(result), encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
