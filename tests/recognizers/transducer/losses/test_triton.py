"""The Triton path against the CPU path: interpreted, or with `TRITON_INTERPRET=0` on a GPU (see conftest)."""

import os

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed, as it is only for Linux: its kernels are not tested")

from isogloss.recognizers.transducer.losses import Pruning, backends, joiner_triton, transducer_loss
from isogloss.recognizers.transducer.losses.lattice import forward_backward
from isogloss.recognizers.transducer.losses.lattice_loss import lattice_loss
from isogloss.recognizers.transducer.losses.lattice_triton import forward_backward as forward_backward_in_triton

DEVICE = "cpu" if os.environ["TRITON_INTERPRET"] == "1" else "cuda"
pytestmark = [
    pytest.mark.filterwarnings("ignore:divide by zero encountered in log:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:All-NaN slice encountered:RuntimeWarning"),
]


def both_ways(case, monkeypatch, **options):
    """Loss and gradients on the CPU path and on the Triton path."""
    return [one_way(case, monkeypatch, triton=triton, **options) for triton in (False, True)]


def one_way(case, monkeypatch, *, triton, range_=None, summed=slice(None), **options):
    """Loss and gradients, with windows of `range_` positions where given; the gradients of the `summed` losses."""
    monkeypatch.setattr(backends, "uses_triton", lambda tensor: triton)
    device = DEVICE if triton else "cpu"
    layer = case.layer.to(device)
    encoder, predictor = leaves = [x.detach().to(device).requires_grad_() for x in (case.encoder, case.predictor)]
    leaves += layer.parameters()
    if range_ is not None:
        generator = torch.Generator().manual_seed(9)
        parts = {
            name: torch.randn(*like.shape[:2], len(layer.weight), generator=generator).to(device).requires_grad_()
            for name, like in (("encoder_BTV", encoder), ("predictor_BPV", predictor))
        }
        leaves += parts.values()
        options["pruning"] = Pruning(range=range_, **parts)
    loss = transducer_loss(encoder, predictor, layer, *(x.to(device) for x in case.targets), **options)
    gradients = torch.autograd.grad(loss[summed].sum(), leaves)
    return [x.detach().cpu() for x in (loss, *gradients)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("chunk_numbers", [1 << 25, 30])
def test_triton_agrees_with_the_cpu_path(oracle, monkeypatch, bias, chunk_numbers):
    monkeypatch.setattr(joiner_triton, "CHUNK_NUMBERS", chunk_numbers)
    case = oracle.case([4, 1, 2], [2, 0, 3], extra=(1, 1), bias=bias, dtype=torch.float32)
    plain, triton = both_ways(case, monkeypatch, fastemit=0.2, delay_penalty=0.1)
    torch.testing.assert_close(triton, plain)
    torch.testing.assert_close(triton[0].double(), oracle.loss(case, delay_penalty=0.1).double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("chunk_numbers", [1 << 25, 30])
@pytest.mark.parametrize("range_", [2, 3])
def test_triton_prunes_as_the_cpu_path_does(oracle, monkeypatch, chunk_numbers, range_):
    monkeypatch.setattr(joiner_triton, "CHUNK_NUMBERS", chunk_numbers)
    case = oracle.case([5, 1, 4], [4, 3, 0], extra=(1, 1), dtype=torch.float32)
    plain, triton = both_ways(case, monkeypatch, range_=range_, fastemit=0.2, delay_penalty=0.1)
    torch.testing.assert_close(triton, plain)


def test_triton_prunes_with_windows_that_span_blocks(oracle, monkeypatch):
    case = oracle.case([3], [40], vocabulary=6, width=130, dtype=torch.float32)
    with torch.no_grad():
        case.layer.weight.mul_(0.1)
    plain, triton = both_ways(case, monkeypatch, range_=20)
    torch.testing.assert_close(triton, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize("range_", [None, 2])
def test_triton_keeps_a_spoilt_utterance_to_itself(oracle, monkeypatch, bad, range_):
    good = [b for b in range(3) if b != bad]
    clean, spoilt = (oracle.case([3, 3, 2], [2, 1, 2], dtype=torch.float32) for _ in range(2))
    with torch.no_grad():
        spoilt.encoder[bad] = torch.nan
    first, second = (one_way(case, monkeypatch, triton=True, range_=range_, summed=good) for case in (clean, spoilt))
    assert torch.equal(first[0][good], second[0][good])
    assert second[0][bad].isnan()
    torch.testing.assert_close(second[1:], first[1:])
    assert all((gradient[bad] == 0).all() for gradient in second[1:3])


def test_triton_sums_nothing_where_no_utterance_has_a_part(oracle, monkeypatch):
    case = oracle.case([3, 2], [2, 1], dtype=torch.float32)
    gradients = one_way(case, monkeypatch, triton=True, summed=[])[1:]
    assert all((gradient == 0).all() for gradient in gradients)


def test_triton_loops_over_blocks_of_vocabulary_and_positions_and_width(oracle, monkeypatch):
    case = oracle.case([2], [17], vocabulary=1030, width=130, dtype=torch.float32)
    with torch.no_grad():
        case.layer.weight.mul_(0.1)
    plain, triton = both_ways(case, monkeypatch)
    torch.testing.assert_close(triton, plain, rtol=1e-4, atol=1e-4)


def test_triton_takes_bfloat16_and_keeps_the_rest_in_float32(oracle, monkeypatch):
    case = oracle.case([3, 2], [1, 2], dtype=torch.bfloat16)
    plain, triton = both_ways(case, monkeypatch)
    assert triton[0].dtype == torch.float32
    assert all(gradient.dtype == torch.bfloat16 for gradient in triton[1:])
    torch.testing.assert_close(triton, plain, rtol=3e-2, atol=6e-2)


def test_triton_reads_no_padding(oracle, monkeypatch):
    case = oracle.case([3, 1], [1, 2], extra=(1, 1), dtype=torch.float32)
    clean = both_ways(case, monkeypatch)[1]
    with torch.no_grad():
        case.encoder[1, 1:], case.encoder[0, 3:] = torch.nan, torch.nan
        case.predictor[0, 2:], case.predictor[1, 3:] = torch.nan, torch.nan
        case.tokens[0, 1:] = -5
    spoilt = both_ways(case, monkeypatch)[1]
    assert all(torch.equal(first, second) for first, second in zip(clean, spoilt, strict=True))
    assert (spoilt[1][0, 3:] == 0).all()
    assert (spoilt[2][0, 2:] == 0).all()


def test_triton_lattice_occupancies_agree_with_float64():
    generator = torch.Generator().manual_seed(7)
    arcs = torch.randn(2, 3, 20, 4, generator=generator) * 20 - 60
    lengths = torch.tensor([20, 1, 9]), torch.tensor([3, 2, 0])
    exact = forward_backward(*arcs.double(), *lengths)
    swept = forward_backward_in_triton(*arcs.to(DEVICE), *(x.to(DEVICE) for x in lengths))
    for single, double in zip(swept, exact, strict=True):
        torch.testing.assert_close(single.cpu().double(), double, rtol=1e-5, atol=1e-5)


def test_triton_gives_an_impossible_utterance_no_gradient(monkeypatch):
    monkeypatch.setattr(backends, "uses_triton", lambda tensor: True)
    blank = torch.full((1, 2, 2), -1.0, device=DEVICE, requires_grad=True)
    label = torch.full((1, 2, 2), -torch.inf, device=DEVICE)
    loss = lattice_loss(blank, label, torch.tensor([2], device=DEVICE), torch.tensor([1], device=DEVICE))
    assert loss.item() == torch.inf
    assert (torch.autograd.grad(loss.sum(), blank)[0] == 0).all()
