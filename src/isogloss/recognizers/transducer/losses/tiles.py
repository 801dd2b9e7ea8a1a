"""Groups of lattice cells that are computed together on a CPU.

A tile holds some frames of one utterance and at each of them the same number of label positions, which need not be the
same positions. It never holds a cell outside its utterance. Tiles and their grouping depend on the cells alone, not on
the number of threads. Sizes are our choice.

Shapes: B utterances, T frames, P = U + 1 label positions; F frames and S positions of a tile, N = F * S its cells.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from isogloss.recognizers.transducer.losses.recomputed import Targets

TILE_NUMBERS = {"cpu": 1 << 17, "cuda": 1 << 24}
"""Elements of a tile's largest matrix: 512 KiB of float32 stay in a core's cache, 64 MiB keep a GPU busy."""

GROUPS = 16
"""Groups of tiles, each with gradient sums of its own: enough to share out evenly among a few threads."""


@dataclass(frozen=True)
class Tile:
    """Cells of one utterance.

    Attributes
    ----------
    frames_F
        Their frames.
    positions_FS
        Their label positions at each frame, successive ones.
    """

    utterance: int
    frames_F: Tensor
    positions_FS: Tensor

    @property
    def rows(self) -> int:
        """Number of cells."""
        return self.positions_FS.numel()

    def index_of_rows(self, positions: int) -> Tensor:
        """The cells' places in an utterance's (T, P) values, flattened."""
        return (self.frames_F[:, None] * positions + self.positions_FS).flatten()

    def get(self, values_BTP: Tensor) -> Tensor:
        """The cells' values, shape (N,)."""
        values_TP = values_BTP[self.utterance]
        return values_TP.flatten().index_select(0, self.index_of_rows(values_TP.shape[1]))

    def put(self, values_BTP: Tensor, values_N: Tensor) -> None:
        """Set the cells' values in a contiguous tensor."""
        values_TP = values_BTP[self.utterance]
        values_TP.view(-1).index_copy_(0, self.index_of_rows(values_TP.shape[1]), values_N)


def all_cells(targets: Targets, width: int) -> Iterator[Tile]:
    """Tiles of all requested cells; a cell takes `width` numbers."""
    for b, (frames, positions) in enumerate(targets.lengths):
        if targets.windows is None:
            yield from _tiles(b, [0] * frames, [positions] * frames, positions, width, targets.labels_BP.device)
        else:
            begin_T = targets.windows.begin_BT[b, :frames].tolist()
            widths = [targets.windows.widths[b]] * frames
            yield from _tiles(b, begin_T, widths, positions, width, targets.labels_BP.device)


def cells_with_gradient(targets: Targets, width: int, grad_blank_BTP: Tensor, grad_label_BTP: Tensor) -> Iterator[Tile]:
    """Tiles of the cells whose arcs have a gradient, with as few other cells as possible."""
    positions_B = torch.tensor([positions for _, positions in targets.lengths], device=grad_blank_BTP.device)
    # An utterance whose loss is NaN has that gradient at the padding too.
    own_BP = torch.arange(grad_blank_BTP.shape[2], device=grad_blank_BTP.device) < positions_B[:, None]
    found_BTP = ((grad_blank_BTP != 0) | (grad_label_BTP != 0)) & own_BP[:, None]
    last_position = found_BTP.shape[2] - 1
    found = found_BTP.any(2).tolist()
    begin = found_BTP.byte().argmax(2).tolist()
    end = (last_position - found_BTP.flip(2).byte().argmax(2)).tolist()
    for b, (frames, positions) in enumerate(targets.lengths):
        widths = [(end[b][t] - begin[b][t] + 1) if found[b][t] else 0 for t in range(frames)]
        yield from _tiles(b, begin[b], widths, positions, width, targets.labels_BP.device)


def grouped(tiles: Iterator[Tile]) -> list[list[Tile]]:
    """Tiles in their order, in at most GROUPS groups (and a last one) of about as many cells."""
    waiting = list(tiles)
    size = sum(tile.rows for tile in waiting) / GROUPS
    groups: list[list[Tile]] = []
    rows = size
    for tile in waiting:
        if rows >= size:
            groups.append([])
            rows = 0
        groups[-1].append(tile)
        rows += tile.rows
    return groups


def _tiles(
    utterance: int, begin_T: list[int], widths_T: list[int], positions: int, width: int, device: torch.device
) -> Iterator[Tile]:
    """Successive frames while they fit; those without any position are left out."""
    numbers = TILE_NUMBERS.get(device.type, TILE_NUMBERS["cuda"])

    def tile(frames: list[int], size: int) -> Tile:
        first_F = torch.tensor([min(begin_T[t], positions - size) for t in frames])
        positions_FS = first_F[:, None] + torch.arange(size)
        return Tile(utterance, torch.tensor(frames).to(device), positions_FS.to(device))

    frames: list[int] = []
    size = 0
    for t in range(len(widths_T)):
        if widths_T[t] == 0:
            continue
        larger = max(size, widths_T[t])
        if frames and (len(frames) + 1) * larger * width > numbers:
            yield tile(frames, size)
            frames, larger = [], widths_T[t]
        frames.append(t)
        size = larger
    if frames:
        yield tile(frames, size)
