"""What the tests of the reward model train on."""

from tests.toy_rankings import base, comparisons_file

__all__ = ["base", "comparisons_file"]
