"""The base model: text to tokenizer, packed shards and a trained causal language model."""
