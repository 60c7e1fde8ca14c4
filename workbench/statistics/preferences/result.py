"""What every preference model gives: worths, shared parameters, their standard errors, and predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from workbench.statistics.preferences.information import Information
from workbench.statistics.preferences.votes import Floats, Integers

Outcomes = Callable[[Floats, float], Floats]
"""Differences of worth (...,) and the log of the tie parameter -> P(first wins), P(tie), P(second wins) (..., 3)."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """Shared parameters on the scale on which their intervals are symmetric, with standard errors; (q,) each."""

    value: Floats
    se: Floats

    def interval(self, z: float = 1.959964) -> tuple[Floats, Floats]:
        """95 % intervals, or those of another z."""
        return self.value - z * self.se, self.value + z * self.se


@dataclass(frozen=True, kw_only=True)
class PreferenceFit:
    """A fitted model of N items. Standard errors come from the observed information at the top."""

    model: str
    worth: Floats
    """(N,): log-worths, with mean 0 in each connected set."""
    worth_se: Floats
    """(N,): of the worth less the mean of its set; 0 for an item alone in its set without a prior."""
    shared: Mapping[str, Parameter]
    """By name: log_tie, reliability (logit), position_bias."""
    component: Integers
    """(N,): the connected set of each item; only worths of one set can be compared by what was seen."""
    log_likelihood: float
    """Without the prior."""
    votes: float
    prior: bool
    """False for plain maximum likelihood."""
    information: Information
    outcomes: Outcomes

    @property
    def num_components(self) -> int:
        """Connected sets; 1 where all items can be compared."""
        return int(self.component.max(initial=-1)) + 1

    @property
    def tie(self) -> float | None:
        """The tie parameter on its own scale; None where the model has none."""
        found = self.shared.get("log_tie")
        return float(np.exp(found.value[0])) if found else None

    def predict(self, first: ArrayLike, second: ArrayLike) -> Floats:
        """P(first over second), P(tie), P(second over first), (..., 3), at the estimate.

        Across connected sets the prior alone speaks; without one there is no answer, and ValueError.
        """
        i, j = np.asarray(first, np.int64), np.asarray(second, np.int64)
        apart = self.component[i] != self.component[j]
        if not self.prior and np.any(apart):
            raise ValueError(
                f"items {np.atleast_1d(i)[np.atleast_1d(apart)][0]} and {np.atleast_1d(j)[np.atleast_1d(apart)][0]} "
                "are not connected by any chain of votes, so nothing is known of them. Fit with a prior"
            )
        log_tie = self.shared["log_tie"].value[0] if "log_tie" in self.shared else -np.inf
        return self.outcomes(np.asarray(self.worth[i] - self.worth[j]), float(log_tie))

    def difference(self, first: int, second: int) -> tuple[float, float]:
        """Log-worth of the first less that of the second, and its standard error."""
        direction = np.zeros(len(self.worth))
        direction[first] += 1
        direction[second] -= 1
        if not self.prior and self.component[first] != self.component[second]:
            raise ValueError(f"items {first} and {second} are not connected by votes. Fit with a prior")
        return float(direction @ self.worth), float(np.sqrt(max(self.information.variance(direction), 0.0)))
