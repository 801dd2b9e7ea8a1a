"""Training with Lightning: base models and adaptations, with resumable fitting and checkpoints."""
