"""What the tests of DPO train on."""

from tests.toy_rankings import base, comparisons_file

__all__ = ["base", "comparisons_file"]
