"""The torch floor: loading, templates, grouped batches, log-probabilities, generation."""
