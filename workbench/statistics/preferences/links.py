"""Links: the log-probability of a vote, given a difference of log-worths, with its derivatives."""

from collections.abc import Callable
from typing import NamedTuple

from workbench.statistics.preferences.votes import Floats, Integers


class Terms(NamedTuple):
    """A log-probability and its derivatives by the difference x and the log of the tie parameter t, (M,) each."""

    value: Floats
    x: Floats
    t: Floats
    xx: Floats
    xt: Floats
    tt: Floats


Link = Callable[[Floats, Integers, float], Terms]
"""Differences (M,), labels (M,) and the log of the tie parameter -> terms."""
