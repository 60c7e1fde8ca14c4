"""Preference models in numpy and scipy: worths of completions and systems, reliabilities of annotators."""
