"""What one host has to share among stages that run side by side: cores, and particular GPUs.

A limit that says *how many* GPU stages may run does not say *which* GPU each one gets; two would meet on the first.
Here every stage gets devices by name, for itself, and CPU stages run side by side only while the cores suffice.
"""

import math
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Self

from isogloss.pipeline.plan import Stage


@dataclass(frozen=True)
class Share:
    """What a running stage holds: a number of cores and the names of its GPUs (as CUDA_VISIBLE_DEVICES takes them)."""

    cores: int
    devices: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What the stage's process has to be told; nothing where it holds no GPU, as under `dvc repro`."""
        return {"CUDA_VISIBLE_DEVICES": ",".join(self.devices)} if self.devices else {}


class Slots:
    """The free cores and GPUs of this host. Not for several threads: one scheduler owns it."""

    def __init__(self, *, cores: int, devices: tuple[str, ...] = (), most_at_once: int | None = None):
        self._all_cores = self._free_cores = cores
        self._places: float = math.inf if most_at_once is None else most_at_once
        self._all_devices = devices
        self._free_devices = list(devices)

    @classmethod
    def of_this_host(cls, stages: tuple[Stage, ...], *, most_at_once: int | None = None) -> Self:
        """The cores that this process may use, and its GPUs where any of `stages` wants one.

        `most_at_once` limits how many stages may hold a share at the same time.
        """
        wants_gpu = any(stage.gpus for stage in stages)
        devices = visible_devices() if wants_gpu else ()
        return cls(cores=usable_cores(), devices=devices, most_at_once=most_at_once)

    def take(self, stage: Stage) -> Share | None:
        """A share for `stage`, or None while there is not enough. Who wants more than exists gets all there is."""
        cores = min(stage.cores, self._all_cores)
        gpus = min(stage.gpus, len(self._all_devices))
        if cores > self._free_cores or gpus > len(self._free_devices) or self._places == 0:
            return None
        self._places -= 1
        self._free_cores -= cores
        devices, self._free_devices = self._free_devices[:gpus], self._free_devices[gpus:]
        return Share(cores, tuple(devices))

    def give_back(self, share: Share) -> None:
        """Free what a stage held; devices return to their place, so that the first free one is always taken."""
        self._free_cores += share.cores
        self._places += share.cores > 0  # the share of a stage that was skipped is empty
        free = {*self._free_devices, *share.devices}
        self._free_devices = [device for device in self._all_devices if device in free]


def usable_cores() -> int:
    """Cores that this process may use (fewer than the host has under `taskset` or in a container)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
