"""Data-parallel training: two processes end where one does that has their batches as one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).with_name("two_processes.py")


LAUNCHERS = {
    "lightning": [sys.executable],  # starts the second process itself, as it does for a stage
    "torchrun": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"],
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The weights and the loss curve of one process."""
    spec = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("alone")
    return module.train(folder, devices=1), np.loadtxt(folder / "loss.tsv", skiprows=1)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_end_where_one_does_with_their_batches_as_one(tmp_path, alone, warm_start, launcher):
    expected, curve = alone
    environment = (
        os.environ | warm_start() | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "CUDA_VISIBLE_DEVICES": ""}
    )
    done = subprocess.run(
        [*LAUNCHERS[launcher], SCRIPT, tmp_path],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("epoch 2/2") == 1  # one process speaks for both
    first, second = (torch.load(tmp_path / f"weights{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in expected)
    torch.testing.assert_close(first, dict(expected), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(curve, np.loadtxt(tmp_path / "loss.tsv", skiprows=1), rtol=1e-4)
