"""Cores and GPUs of one host."""

import errno
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.errors import PipelineError
from isogloss.pipeline.host import tickets
from isogloss.pipeline.host.slots import HostSlots, NoSlotAvailable, Share
from isogloss.pipeline.host.tickets import OVERTAKEN
from isogloss.pipeline.plan import Stage

HOLDER = """
    import sys, time
    from pathlib import Path
    from isogloss.pipeline.plan import Stage
    from isogloss.pipeline.host.slots import HostSlots

    share = HostSlots(folder=Path(sys.argv[1]), cores=4, devices={"0": "0", "1": "1"}).take(Stage("theirs", gpus=1))
    print(*share.devices, flush=True)
    time.sleep(600)
"""


def named(*devices):
    """GPUs that are told apart by what they are called."""
    return {device: device for device in devices}


@pytest.fixture
def slots(tmp_path):
    """Make the slots of a host that only this test knows."""

    def make(**what) -> HostSlots:
        return HostSlots(**{"cores": 8, "devices": {}, "folder": tmp_path, **what})

    return make


def test_a_request_for_nothing_never_waits_and_takes_no_place(slots):
    host = slots(cores=2, most_at_once=1)
    host.take(Stage("a", cores=2))
    nothing = host.take(Stage("save", cores=0))
    assert nothing == Share(cores=0)
    host.give_back(nothing)
    assert host.take(Stage("b")).of == "places"


def test_every_stage_gets_devices_of_its_own(slots):
    host = slots(devices=named("0", "3", "GPU-7"))
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
    assert str(host.take(Stage("small"))).startswith("waits for cores of this host, after big of process ")


def test_no_more_at_once_than_wanted(slots):
    host = slots(most_at_once=1)
    share = host.take(Stage("a"))
    assert host.take(Stage("b")) == NoSlotAvailable("places")
    host.give_back(share)
    host.give_back(Share(cores=0))  # of a stage that was skipped: no place comes free by it
    assert isinstance(host.take(Stage("b")), Share)
    assert host.take(Stage("c")) == NoSlotAvailable("places")


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3), st.booleans())), st.integers(1, 6), st.integers(0, 4))
def test_nothing_is_given_twice_and_everything_comes_back(wishes, cores, gpus):
    """By two runs of one host in turns."""
    devices = named(*map(str, range(gpus)))
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
        for run in runs:
            run.leave()
        everything = runs[0].take(Stage("all", cores=cores, gpus=gpus))
        runs[0].give_back(everything)
        assert (everything.cores, everything.devices) == (cores, tuple(devices))


def test_processes_of_a_host_never_share_a_gpu_and_a_death_frees_it(slots, tmp_path):
    """Another process holds one of two GPUs until it is killed; the third to come waits for that, and says so."""
    told: list[str] = []
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "0\n"
        host = slots(cores=4, devices=named("0", "1"))
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


def test_a_gpu_under_two_names_is_given_once(slots):
    """One process knows it by its index, another by its UUID."""
    first, second = slots(devices={"0": "GPU-1f2e"}), slots(devices={"GPU-1f2e": "GPU-1f2e"})
    assert first.take(Stage("a", gpus=1)).devices == ("0",)
    assert second.take(Stage("b", gpus=1)).of == "GPUs"


def test_who_came_first_is_let_go_first_whatever_run_he_belongs_to(slots):
    busy, late = slots(cores=1), slots(cores=1)
    share = busy.take(Stage("running"))
    assert isinstance(late.take(Stage("waiting")), NoSlotAvailable)
    busy.give_back(share)
    again = busy.take(Stage("next of many"))
    assert str(again).startswith("waits for cores of this host, after waiting of process ")
    assert isinstance(late.take(Stage("waiting")), Share)


def test_who_waits_for_much_is_overtaken_a_few_times_and_not_for_ever(slots):
    """Two cores; there is always another small stage, and never are both cores free by themselves."""
    small, large = slots(cores=2), slots(cores=2)
    held, started = [small.take(Stage("s")), small.take(Stage("s"))], 0
    while isinstance(share := large.take(Stage("large", cores=2)), NoSlotAvailable):
        assert started < 20
        small.give_back(held.pop(0))
        following = small.take(Stage("s"))
        if isinstance(following, Share):
            started += 1
            held.append(following)
    assert (started, share.cores) == (OVERTAKEN, 2)


def test_what_he_waits_for_is_not_left_idle_without_end(slots, monkeypatch):
    """Somebody else has one of two cores for hours."""
    others, large, small = slots(cores=2), slots(cores=2), slots(cores=2)
    others.take(Stage("for hours"))
    large.take(Stage("large", cores=2))

    def goes_ahead():
        share = small.take(Stage("s"))
        small.leave()
        if isinstance(share, Share):
            small.give_back(share)
        return isinstance(share, Share)

    assert [goes_ahead() for _ in range(OVERTAKEN + 1)] == [True] * OVERTAKEN + [False]
    now = time.time()
    monkeypatch.setattr(tickets.time, "time", lambda: now + tickets.PATIENT_SECONDS + 1)
    monkeypatch.setattr(tickets, "ASLEEP_SECONDS", 10 * tickets.PATIENT_SECONDS)
    assert [goes_ahead() for _ in range(OVERTAKEN + 1)] == [True] * OVERTAKEN + [False]


def test_who_wants_a_gpu_holds_up_nobody_that_wants_none(slots):
    host = slots(cores=4, devices=named("0"))
    host.take(Stage("a", gpus=1))
    assert host.take(Stage("b", gpus=1)).of == "GPUs"
    for _ in range(3 * OVERTAKEN):
        host.give_back(host.take(Stage("small")))


def test_nobody_waits_for_the_dead_the_stopped_or_those_that_want_nothing_more(slots, tmp_path, monkeypatch):
    host, others = slots(cores=1), slots(cores=1)
    share = host.take(Stage("a"))
    others.take(Stage("b"))
    host.give_back(share)
    assert isinstance(host.take(Stage("a")), NoSlotAvailable)
    monkeypatch.setattr(tickets, "ASLEEP_SECONDS", 0.0)  # nobody has asked for so long
    host.give_back(host.take(Stage("a")))
    monkeypatch.undo()
    others.leave()
    host.give_back(host.take(Stage("a")))
    (tmp_path / "ticket-0-1").write_text("of a process that is dead")
    assert isinstance(host.take(Stage("a")), Share)
    assert list(tmp_path.glob("ticket-*")) == []


def test_a_folder_that_cannot_hold_locks_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ISOGLOSS_LOCKS", str(tmp_path / "file"))
    with pytest.raises(PipelineError, match=r"cannot hold the locks of cores and GPUs .*; set ISOGLOSS_LOCKS"):
        HostSlots()


def test_a_disk_that_is_full_leaves_nothing_locked(slots, monkeypatch):
    host = slots(cores=1)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tickets.Tickets, "done", full)
    with pytest.raises(PipelineError, match="No space left on device"):
        host.take(Stage("a"))
    monkeypatch.undo()
    assert isinstance(host.take(Stage("a")), Share)
