"""Reference log-probabilities: computed once with the untrained policy, kept on disk, never computed again.

DPO needs of the reference one number a completion, so no second model stays in memory. The cache is keyed by what the
numbers depend on: the snapshot, the reference's hash and the tokens themselves.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.artifacts import write_file_aside
from workbench.errors import DataError
from workbench.home import cache_folder
from workbench.modeling.rankings import RankedGroup

Floats = NDArray[np.float64]
Compute = Callable[[Sequence[RankedGroup]], list[Floats]]
"""Summed log-probabilities (K,) of each group's completions."""


def cached_reference(
    groups: Sequence[RankedGroup], compute: Compute, *, snapshot: str, reference: str, number_format: str
) -> list[Floats]:
    """The reference's log-probability of each completion, (K,) a group, from the cache or else computed and kept.

    `snapshot` and `reference` are hashes; they name the file, with a hash of all tokens and the number format.
    """
    file = cache_file(groups, snapshot=snapshot, reference=reference, number_format=number_format)
    sizes = [len(g.group.completions) for g in groups]
    if file.exists():
        flat = np.load(file)
        if flat.shape != (sum(sizes),):
            raise DataError(f"{file} holds {flat.shape} log-probabilities instead of {sum(sizes)}; remove it")
    else:
        flat = np.concatenate([np.empty(0), *compute(groups)])
        with write_file_aside(file) as out:
            np.save(out, flat)
    return np.split(flat, np.cumsum(sizes)[:-1]) if sizes else []


def cache_file(groups: Sequence[RankedGroup], *, snapshot: str, reference: str, number_format: str) -> Path:
    """Where the log-probabilities of these groups are kept."""
    digest = hashlib.sha256(number_format.encode())
    for g in groups:
        for tokens in (g.group.prompt, *g.group.completions):
            digest.update(np.array([len(tokens), *tokens], dtype=np.int64).tobytes())
    folder = cache_folder() / "reference_log_probs" / snapshot[:16]
    return folder / f"{reference[:16]}-{digest.hexdigest()[:16]}.npy"
