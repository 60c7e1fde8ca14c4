"""Learning-rate schedules: pure functions from the share of a run that is done to a multiplier of the peak rate.

Progress is a number in [0, 1]: tokens seen over tokens planned, or seconds spent over seconds planned. So one schedule
serves a budget in tokens and a budget in minutes.
"""

import math
from collections.abc import Callable


def wsd(progress: float, *, warmup: float = 0.02, decay: float = 0.5, final: float = 0.02) -> float:
    """Warm up, stay, decay in a straight line: Hu et al. 2024 (MiniCPM), section 4, with a linear decay.

    warmup, decay  the first and last share of the run; final  the multiplier at the end.
    """
    return _warmed(progress, warmup) * _linear_decay(progress, 1.0 - decay, final)


def linear(progress: float, *, warmup: float = 0.02, decay: float = 1.0, final: float = 0.0) -> float:
    """Warm up, then fall in a straight line until the end; `decay` below 1 starts the fall later."""
    return _warmed(progress, warmup) * _linear_decay(progress, max(1.0 - decay, warmup), final)


def cosine(progress: float, *, warmup: float = 0.02, decay: float = 1.0, final: float = 0.1) -> float:
    """Warm up, then fall along half a cosine: Loshchilov & Hutter 2017, eq. 5, one period."""
    start = max(1.0 - decay, warmup)
    share = min(max((progress - start) / (1.0 - start), 0.0), 1.0) if start < 1.0 else 0.0
    return _warmed(progress, warmup) * (final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * share)))


def constant(progress: float, *, warmup: float = 0.0, decay: float = 0.0, final: float = 1.0) -> float:
    """Warm up, then stay at the peak; `decay` and `final` are not used."""
    del decay, final
    return _warmed(progress, warmup)


SCHEDULES: dict[str, Callable[..., float]] = {
    "wsd": wsd,
    "linear": linear,
    "cosine": cosine,
    "constant": constant,
}


def _warmed(progress: float, warmup: float) -> float:
    return min(progress / warmup, 1.0) if warmup > 0 else 1.0


def _linear_decay(progress: float, start: float, final: float) -> float:
    if progress <= start or start >= 1.0:
        return 1.0
    return final + (1.0 - final) * max(1.0 - progress, 0.0) / (1.0 - start)
