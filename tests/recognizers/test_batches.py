"""Batches of utterances: of one utterance, and of several processes."""

from itertools import chain

import pytest
import torch
from lhotse import CutSet
from lhotse.testing.dummies import dummy_cut, dummy_supervision

from isogloss.recognizers.batches import Utterances, shuffled_batches


@pytest.fixture
def ids(monkeypatch):
    """The ids of each batch that a number of utterances of unlike durations make."""
    monkeypatch.setattr(Utterances, "_load", lambda *_: torch.zeros(3, 2))
    dataset = Utterances("features")

    def make(number, seconds=6.0):
        cuts = [dummy_cut(n, duration=1.0 + 0.1 * n, supervisions=[dummy_supervision(n)]) for n in range(number)]
        return [
            batch.ids for batch in shuffled_batches(CutSet.from_cuts(cuts), dataset, seconds=seconds, seed=1, epoch=2)
        ]

    return make


@pytest.mark.parametrize("number", [1, 2, 3])
def test_however_few_utterances_there_are_each_comes_once(ids, number):
    assert sorted(chain(*ids(number))) == [f"dummy-mono-cut-{n:04d}" for n in range(number)]
    assert all(len(batch) == 1 for batch in ids(number, seconds=0.5))


@pytest.mark.parametrize("stray", [{}, {"RANK": "0", "WORLD_SIZE": "2"}, {"RANK": "3", "WORLD_SIZE": "4"}])
def test_processes_have_batches_of_their_own_whatever_the_environment_says(ids, monkeypatch, stray):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    alone = sorted(chain(*ids(40)))
    for name, value in stray.items():  # as a container's launcher may leave them to a stage
        monkeypatch.setenv(name, value)
    assert sorted(chain(*ids(40))) == alone
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    of_rank = []
    for rank in (0, 1):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        of_rank.append(ids(40))
    assert len(of_rank[0]) == len(of_rank[1])
    first, second = (set(chain(*batches)) for batches in of_rank)
    assert not first & second
    assert len(first | second) > 30  # what does not make a batch for each is left for another epoch
