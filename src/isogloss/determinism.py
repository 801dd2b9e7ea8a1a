"""Settings by which a stage computes the same bytes each time it runs."""

import os

import torch


def compute_repeatably(threads: int) -> None:
    """Fix the number of threads and make torch use only deterministic algorithms; call this before any computation.

    On a GPU the order matters: cuBLAS is repeatable with a workspace of fixed size, and PyTorch reads which from the
    environment once, at the first product of matrices. Lightning sets it too, but when a training begins, which is too
    late where a Fisher information or pseudo-labels are computed before.

    PyTorch would also fill all new memory with NaN, so that a read of memory before the first write shows. That takes a
    quarter of a training step on a CPU; a test does it instead. `torch.use_deterministic_algorithms` sets the same and
    imports the compiler, which nobody here uses, in three seconds.

    Parameters
    ----------
    threads
        CPU threads; sums differ between one and two.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # set by the module
    torch.set_num_threads(threads)
