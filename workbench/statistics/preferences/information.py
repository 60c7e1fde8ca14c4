"""The information matrix of a model with many worths and a few shared parameters: solving it and inverting parts of it.

It is [[A, B], [B', D]]: A (N, N) sparse over worths, B (N, q) and D (q, q) dense over what is shared (tie parameter,
annotators). Everything goes through A's factors and the Schur complement D - B' A^-1 B, so N may be a million where
the items fall into small sets.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix, identity
from scipy.sparse.linalg import splu

from workbench.statistics.preferences.votes import Floats, Integers

CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class Information:
    """Minus the second derivatives of a log-posterior."""

    items: csc_matrix
    cross: Floats
    shared: Floats

    def damped(self, by: float) -> "Information":
        """With `by` added along the diagonal, which shortens steps and turns them towards the gradient."""
        return Information(
            items=(self.items + by * identity(self.items.shape[0], format="csc")).tocsc(),
            cross=self.cross,
            shared=self.shared + by * np.eye(len(self.shared)),
        )

    def solve(self, items: Floats, shared: Floats) -> tuple[Floats, Floats]:
        """The parameters x with (information) x = (items, shared)."""
        inner = self._solve_items(items)
        below = shared
        if len(shared):
            below = np.asarray(np.linalg.solve(self._schur, shared - self.cross.T @ inner), np.float64)
        return inner - self._fill @ below, below

    def item_variances(self, component: Integers) -> Floats:
        """(N,): the diagonal of the inverse over the items, which lie in these connected sets."""
        size = len(component)
        order = np.argsort(component, kind="stable")
        starts = np.searchsorted(component[order], np.arange(component.max(initial=-1) + 1))
        place = np.empty(size, np.int64)
        place[order] = np.arange(size) - starts[component[order]]
        out = np.zeros(size)
        # Sets do not touch in A, so one right side serves one item of every set at once.
        for begin in range(0, int(place.max(initial=-1)) + 1, CHUNK):
            here = np.flatnonzero((place >= begin) & (place < begin + CHUNK))
            right = np.zeros((size, min(CHUNK, int(place.max()) + 1 - begin)))
            right[here, place[here] - begin] = 1
            out[here] = self._solve_items(right)[here, place[here] - begin]
        if self.cross.shape[1]:
            out += np.einsum("nq,qr,nr->n", self._fill, self.shared_covariance, self._fill)
        return out

    def variance(self, direction: Floats) -> float:
        """Of a linear combination (N,) of the worths."""
        solved, _ = self.solve(direction, np.zeros(len(self.shared)))
        return float(direction @ solved)

    @cached_property
    def shared_covariance(self) -> Floats:
        """(q, q) of the shared parameters, the worths being free."""
        return np.asarray(np.linalg.inv(self._schur)) if len(self.shared) else self.shared

    @cached_property
    def _factors(self) -> Any:
        return splu(self.items)

    @cached_property
    def _fill(self) -> Floats:
        return self._solve_items(self.cross)

    @cached_property
    def _schur(self) -> Floats:
        return np.asarray(self.shared - self.cross.T @ self._fill)

    def _solve_items(self, right: Floats) -> Floats:
        if not right.size:
            return right
        return np.asarray(self._factors.solve(np.ascontiguousarray(right)))
