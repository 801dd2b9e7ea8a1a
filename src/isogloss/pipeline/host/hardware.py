"""The cores and GPUs of this host that this process may use."""

import os
import shutil
import subprocess


def usable_cores() -> tuple[int, ...]:
    """The cores that this process may use (fewer than the host has under `taskset` or in a container)."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def visible_devices() -> dict[str, str]:
    """The GPUs that this process may use: each one's name for CUDA_VISIBLE_DEVICES, and its identifier on this host.

    These are the GPUs of CUDA_VISIBLE_DEVICES if it is set, else those that nvidia-smi lists. The identifier is the
    UUID, since a GPU's index differs between containers and with the variable; if nvidia-smi does not list the GPU, it
    is its name.
    """
    known = _uuids()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return known
    names = [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    # The variable may hold an index or the beginning of a UUID.
    return {name: known.get(name) or next((u for u in known.values() if u.startswith(name)), name) for name in names}


def _uuids() -> dict[str, str]:
    """Index and UUID of each GPU that nvidia-smi lists."""
    if shutil.which("nvidia-smi") is None:
        return {}
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        listing = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}  # If the driver does not answer, no stage could use the GPU.
    pairs = [tuple(map(str.strip, line.split(","))) for line in listing.splitlines()]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[0].isdigit()}
