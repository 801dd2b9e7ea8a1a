"""Cores and GPUs of one host."""

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.errors import PipelineError
from isogloss.pipeline.host.slots import HostSlots, NoRoom, Share
from isogloss.pipeline.plan import Stage

HOLDER = """
    import sys, time
    from pathlib import Path
    from isogloss.pipeline.plan import Stage
    from isogloss.pipeline.host.slots import HostSlots

    share = HostSlots(folder=Path(sys.argv[1]), cores=4, devices=("0", "1")).take(Stage("theirs", gpus=1))
    print(*share.devices, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def slots(tmp_path):
    """Make the slots of a host that only this test knows."""

    def make(**what) -> HostSlots:
        return HostSlots(**{"cores": 8, "devices": (), "folder": tmp_path, **what})

    return make


def test_every_stage_gets_devices_of_its_own(slots):
    host = slots(devices=("0", "3", "GPU-7"))
    first, second = host.take(Stage("a", gpus=1)), host.take(Stage("b", gpus=2))
    assert first.devices == ("0",)
    assert second.devices == ("3", "GPU-7")
    assert second.environment == {"CUDA_VISIBLE_DEVICES": "3,GPU-7"}
    assert host.take(Stage("c", gpus=1)).of == "GPUs"
    host.give_back(first)
    assert host.take(Stage("c", gpus=1)).devices == ("0",)


def test_without_a_gpu_a_gpu_stage_runs_on_the_cpu_as_under_dvc_repro(slots):
    assert slots().take(Stage("train", gpus=1)).environment == {}


def test_a_stage_that_wants_more_than_exists_gets_all_there_is_and_alone(slots):
    host = slots(cores=2)
    small = host.take(Stage("small"))
    assert host.take(Stage("big", cores=64)).of == "cores"
    host.give_back(small)
    assert host.take(Stage("big", cores=64)).cores == 2
    lack = host.take(Stage("small"))
    assert str(lack).startswith("waits for cores of this host; they are held by big of process ")


def test_no_more_at_once_than_wanted(slots):
    host = slots(most_at_once=1)
    share = host.take(Stage("a"))
    assert host.take(Stage("b")) == NoRoom("places")
    host.give_back(share)
    host.give_back(Share(cores=0))  # of a stage that was skipped: no place comes free by it
    assert isinstance(host.take(Stage("b")), Share)
    assert host.take(Stage("c")) == NoRoom("places")


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3), st.booleans())), st.integers(1, 6), st.integers(0, 4))
def test_nothing_is_given_twice_and_everything_comes_back(wishes, cores, gpus):
    """By two runs of one host in turns."""
    devices = tuple(str(number) for number in range(gpus))
    with tempfile.TemporaryDirectory() as folder:
        runs = [HostSlots(cores=cores, devices=devices, folder=Path(folder)) for _ in range(2)]
        held = []
        for number, (wanted_cores, wanted_gpus, give_one_back) in enumerate(wishes):
            share = runs[number % 2].take(Stage("s", cores=wanted_cores, gpus=wanted_gpus))
            if isinstance(share, Share):
                held.append((number % 2, share))
            in_use = [device for _, share in held for device in share.devices]
            assert len(in_use) == len(set(in_use))
            assert sum(share.cores for _, share in held) <= cores
            if held and give_one_back:
                run, share = held.pop(0)
                runs[run].give_back(share)
        for run, share in held:
            runs[run].give_back(share)
        everything = runs[0].take(Stage("all", cores=cores, gpus=gpus))
        runs[0].give_back(everything)
        assert (everything.cores, everything.devices) == (cores, devices)


def test_processes_of_a_host_never_share_a_gpu_and_a_death_frees_it(slots, tmp_path):
    """Another process holds one of two GPUs until it is killed; the third to come waits for that, and says so."""
    told: list[str] = []
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "0\n"
        host = slots(cores=4, devices=("0", "1"))
        mine = host.take(Stage("mine", gpus=1))
        assert mine.devices == ("1",)
        assert all(os.fstat(descriptor) for descriptor in mine.files)
        threading.Timer(0.5, other.kill).start()
        with host.waited_for(Stage("train", gpus=1), stopped=lambda: False, tell=told.append) as third:
            assert third.devices == ("0",)
            assert other.wait(timeout=20)
    assert len(told) == 1
    assert f"theirs of process {other.pid} in " in told[0]
    assert "mine of process " in told[0]


def test_who_waits_can_be_stopped(slots):
    host = slots(cores=4)
    held = host.take(Stage("a", cores=3))
    with (
        pytest.raises(PipelineError, match="stage b was not started"),
        host.waited_for(Stage("b", cores=9), stopped=lambda: True, tell=print),
    ):
        pytest.fail("not reached")
    host.give_back(held)
