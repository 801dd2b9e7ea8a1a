"""What a host has."""

from isogloss.pipeline.host.hardware import visible_devices


def test_cuda_visible_devices_says_which_gpus_may_be_used(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    assert visible_devices() == {"2": "2", "5": "5"}
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert visible_devices() == {}


def test_else_nvidia_smi_says_it(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '0, GPU-1f2e\\n1, GPU-77aa\\n'\n")
    tool.chmod(0o755)
    assert visible_devices() == {"0": "GPU-1f2e", "1": "GPU-77aa"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,GPU-1f,MIG-3")
    assert visible_devices() == {"1": "GPU-77aa", "GPU-1f": "GPU-1f2e", "MIG-3": "MIG-3"}
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n")
    assert visible_devices() == {}
