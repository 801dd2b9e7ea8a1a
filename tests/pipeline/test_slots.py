"""Cores and GPUs of one host."""

from hypothesis import given
from hypothesis import strategies as st

from isogloss.pipeline.plan import Stage
from isogloss.pipeline.slots import Slots, visible_devices


def test_every_stage_gets_devices_of_its_own():
    slots = Slots(cores=8, devices=("0", "3", "GPU-7"))
    first, second = slots.take(Stage("a", gpus=1)), slots.take(Stage("b", gpus=2))
    assert first.devices == ("0",)
    assert second.devices == ("3", "GPU-7")
    assert second.environment == {"CUDA_VISIBLE_DEVICES": "3,GPU-7"}
    assert slots.take(Stage("c", gpus=1)) is None
    slots.give_back(first)
    assert slots.take(Stage("c", gpus=1)).devices == ("0",)


def test_without_a_gpu_a_gpu_stage_runs_on_the_cpu_as_under_dvc_repro():
    assert Slots(cores=2).take(Stage("train", gpus=1)).environment == {}


def test_a_stage_that_wants_more_than_exists_gets_all_there_is_and_alone():
    slots = Slots(cores=2)
    small = slots.take(Stage("small"))
    assert slots.take(Stage("big", cores=64)) is None
    slots.give_back(small)
    assert slots.take(Stage("big", cores=64)).cores == 2
    assert slots.take(Stage("small")) is None


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3), st.booleans())), st.integers(1, 6), st.integers(0, 4))
def test_nothing_is_given_twice_and_everything_comes_back(wishes, cores, gpus):
    devices = tuple(str(number) for number in range(gpus))
    slots, held = Slots(cores=cores, devices=devices), []
    for wanted_cores, wanted_gpus, give_one_back in wishes:
        share = slots.take(Stage("s", cores=wanted_cores, gpus=wanted_gpus))
        if share is not None:
            held.append(share)
        in_use = [device for share in held for device in share.devices]
        assert len(in_use) == len(set(in_use))
        assert sum(share.cores for share in held) <= cores
        if held and give_one_back:
            slots.give_back(held.pop(0))
    for share in held:
        slots.give_back(share)
    assert slots.take(Stage("all", cores=cores, gpus=gpus)).devices == devices


def test_cuda_visible_devices_says_which_gpus_may_be_used(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    assert visible_devices() == ("2", "5")
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert visible_devices() == ()


def test_else_nvidia_smi_says_it(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    tool.chmod(0o755)
    assert visible_devices() == ("0", "1")
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n")
    assert visible_devices() == ()
