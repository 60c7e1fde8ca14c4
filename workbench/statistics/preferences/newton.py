"""Newton's method for a log-posterior, damped where a full step would not go up."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbench.statistics.preferences.information import Information
from workbench.statistics.preferences.votes import Floats


@dataclass(frozen=True, kw_only=True)
class Point:
    """A log-posterior at some parameters, with its gradient and information."""

    value: float
    items: Floats
    shared: Floats
    information: Information


Posterior = Callable[[Floats, Floats], Point]
"""Worths (N,) and shared parameters (q,) -> the point there."""


def maximise(
    posterior: Posterior, items: Floats, shared: Floats, *, steps: int = 200, tolerance: float = 1e-12
) -> tuple[Floats, Floats, Point]:
    """The parameters of a top of the posterior, from a start, and the point there.

    It ends where a step promises less than `tolerance` of the value; the last step is taken, so that the gradient
    is zero to rounding. RuntimeError where no end is reached, which a proper prior excludes.
    """
    here = posterior(items, shared)
    damping = 0.0
    for _ in range(steps):
        information = here.information.damped(damping) if damping else here.information
        step_items, step_shared = information.solve(here.items, here.shared)
        promise = float(here.items @ step_items + here.shared @ step_shared)
        small = tolerance * (1 + abs(here.value))
        there = None
        if np.isfinite(promise) and promise >= 0:
            there = posterior(items + step_items, shared + step_shared)
        if there is None or not there.value >= here.value - small:
            damping = max(10 * damping, 1e-3)
            continue
        items, shared, here = items + step_items, shared + step_shared, there
        if promise < small and not damping:
            return items, shared, here
        damping = damping / 10 if damping > 1e-6 else 0.0
    raise RuntimeError(
        f"the fit did not settle in {steps} steps (value {here.value:.6g}, largest gradient "
        f"{max(np.abs(here.items).max(initial=0), np.abs(here.shared).max(initial=0)):.3g}). Use a narrower prior"
    )
