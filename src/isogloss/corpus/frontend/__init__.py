"""What models read of a corpus: log-mel features, whole or while audio arrives, tokens, and the cuts of a split."""
