"""What this host has, as far as this process may use it."""

import os
import shutil
import subprocess


def usable_cores() -> tuple[int, ...]:
    """The cores that this process may use (fewer than the host has under `taskset` or in a container)."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def visible_devices() -> tuple[str, ...]:
    """The GPUs of this host that we may use: CUDA_VISIBLE_DEVICES where it is set, else what nvidia-smi lists."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip() not in ("", "-1", "NoDevFiles"))
    if shutil.which("nvidia-smi") is None:
        return ()
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        listing = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()  # a driver that does not answer drives no stage either
    return tuple(line.strip() for line in listing.splitlines() if line.strip().isdigit())
