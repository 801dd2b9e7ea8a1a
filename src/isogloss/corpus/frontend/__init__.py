"""The input of models: log-mel features, whole or streamed, audio, tokens, and the cuts of a split."""
