"""Seeds: one number a run, from which every named source of randomness gets its own."""

import hashlib

import numpy as np


def derive_seed(seed: int, *labels: str | int) -> int:
    """A 63-bit seed for the named purpose: the same for the same arguments on every machine and version.

    `derive_seed(7, "sample", 3)` and `derive_seed(7, "sample", 4)` are unrelated streams.
    """
    text = "\x1f".join([str(seed), *(str(label) for label in labels)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *labels: str | int) -> np.random.Generator:
    """A numpy generator for the named purpose."""
    return np.random.default_rng(derive_seed(seed, *labels))
