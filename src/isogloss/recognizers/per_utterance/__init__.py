"""Per-sample gradients: what each utterance of a batch asks of the weights, from one backward pass.

- `gradients`: the notes of a pass, and the formulas of the kinds of layers
- `lstm`: LSTM layers that keep their gates' gradients
"""

from isogloss.recognizers.per_utterance.gradients import UtteranceGradients

__all__ = ["UtteranceGradients"]
