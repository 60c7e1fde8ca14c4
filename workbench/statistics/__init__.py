"""Statistics in numpy: agreement, intervals, preference models, simulated annotators."""
