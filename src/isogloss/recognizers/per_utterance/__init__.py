"""Per-sample gradients: the gradient of each utterance of a batch, from one backward pass.

- `gradients`: the recording of a pass, and the formulas of the kinds of layers
- `lstm`: LSTM layers that keep their gates' gradients
"""

from isogloss.recognizers.per_utterance.gradients import UtteranceGradients

__all__ = ["UtteranceGradients"]
