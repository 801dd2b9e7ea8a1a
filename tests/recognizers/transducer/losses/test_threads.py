"""Work that is shared out among threads: the same bytes for any number, and nothing left changed."""

import os
import threading

import pytest
import torch

from isogloss.recognizers.transducer.losses import joiner_tiles, tiles, transducer_loss
from isogloss.recognizers.transducer.losses.threads import in_order


def test_results_come_in_order_from_threads_that_have_one_torch_thread():
    torch.set_num_threads(3)
    others = set()

    def work(number):
        others.add(threading.current_thread().name)
        return number, torch.get_num_threads(), torch.is_inference_mode_enabled()

    assert list(in_order(work, range(40))) == [(number, 1, True) for number in range(40)]
    assert threading.current_thread().name not in others
    assert torch.get_num_threads() == 3
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [3]


def test_short_work_stays_in_its_thread_with_one_torch_thread():
    torch.set_num_threads(2)
    found = list(in_order(lambda _: (threading.current_thread(), torch.get_num_threads()), [1, 2], alone=True))
    assert found == [(threading.current_thread(), 1)] * 2
    assert torch.get_num_threads() == 2
    with pytest.raises(ZeroDivisionError):
        in_order(lambda number: 1 // number, [0], alone=True)
    assert torch.get_num_threads() == 2


def test_one_thread_works_where_it_is():
    assert list(in_order(lambda _: threading.current_thread(), [1, 2])) == [threading.current_thread()] * 2


def test_an_error_of_a_piece_of_work_is_raised():
    torch.set_num_threads(2)
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 // number, [1, 0, 2]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    torch.set_num_threads(2)
    list(in_order(str, [1]))
    child = os.fork()
    if child == 0:
        os._exit(0 if list(in_order(str, [1, 2])) == ["1", "2"] else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("shared", [0, 1 << 40])
def test_the_loss_is_the_same_to_the_byte_for_any_number_of_threads(oracle, monkeypatch, shared):
    monkeypatch.setitem(tiles.TILE_NUMBERS, "cpu", 1000)
    monkeypatch.setattr(joiner_tiles, "SHARED_NUMBERS", shared)
    case = oracle.case([60, 41, 50], [9, 12, 1], vocabulary=50, width=32, dtype=torch.float32)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        loss = transducer_loss(*case.arguments)
        results.append([loss, *torch.autograd.grad(loss.sum(), case.leaves)])
    for others in results[1:]:
        assert all(torch.equal(first, second) for first, second in zip(results[0], others, strict=True))


def test_the_loss_runs_with_threads_in_inference_mode(oracle):
    torch.set_num_threads(2)
    case = oracle.case([5, 2], [3, 1])
    expected = transducer_loss(*case.arguments)
    with torch.inference_mode():
        assert torch.equal(transducer_loss(*case.arguments), expected)
