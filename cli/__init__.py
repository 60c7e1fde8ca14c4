"""The accord command: parse, then import, then call."""
