"""Gradients of each utterance of a batch from one backward pass."""
