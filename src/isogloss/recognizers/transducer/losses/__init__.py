"""Losses.

- `transducer_loss`, `transducer_loss_from_logits`: the transducer loss with FastEmit and delay penalty
- `Pruning`, `warm_up_scales`: the transducer loss within windows of label positions
- `lattice`: the sweep over the (T, U + 1) lattice, its log-likelihood and occupancies; `lattice_loss`: its loss
- `recomputed`: log-probabilities whose logits are recomputed for the gradient, the basis of the joiners
- `joiner_tiles`, `tiles`, `threads`: log-probabilities of the joiner without its full logits
- `joiner_triton`, `lattice_triton`, `triton_kernels`: the same on CUDA, where Triton is installed
- `backends`: the choice of the implementation
- `workspace`: memory that is kept from call to call
- `targets`: the checks of lengths and tokens
- `reference`: the definition in plain torch
"""

from isogloss.recognizers.transducer.losses.pruning import Pruning, warm_up_scales
from isogloss.recognizers.transducer.losses.transducer import transducer_loss, transducer_loss_from_logits

__all__ = ["Pruning", "transducer_loss", "transducer_loss_from_logits", "warm_up_scales"]
