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


@pytest.fixture
def two_processes():
    spec = importlib.util.spec_from_file_location("two_processes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_processes_end_where_one_does_with_their_batches_as_one(tmp_path, two_processes):
    alone, together = tmp_path / "alone", tmp_path / "together"
    together.mkdir()
    command = [sys.executable, SCRIPT, together]  # Lightning starts the second process, as it does for a stage
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "CUDA_VISIBLE_DEVICES": ""}
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    expected = two_processes.train(alone, devices=1)
    output, _ = running.communicate(timeout=240)
    assert running.returncode == 0, output
    assert output.count("epoch 2/2") == 1  # one process speaks for both
    first, second = (torch.load(together / f"weights{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in expected)
    torch.testing.assert_close(first, dict(expected), rtol=1e-4, atol=1e-5)
    curves = [np.loadtxt(folder / "loss.tsv", skiprows=1) for folder in (alone, together)]
    np.testing.assert_allclose(*curves, rtol=1e-4)
