"""A trained model over whole splits: hypotheses, embeddings, costs, verification trials."""
