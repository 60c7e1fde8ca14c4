"""Estimates: a number with its interval and the count it rests on, or the reason why there is none."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured value, its 95 % interval and the number of observations behind it.

    `value` is None where it cannot be computed; then `reason` says why in plain words. `low` and `high` are None
    where no interval was asked for or none exists. NaN and infinities are refused: they carry no reason.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    reason: str | None = None

    def __post_init__(self) -> None:
        for name, number in (("value", self.value), ("low", self.low), ("high", self.high)):
            if number is not None and not math.isfinite(number):
                raise ValueError(
                    f"an estimate's {name} must be finite, got {number}; use Estimate.missing(reason)"
                )
        if self.value is None and not self.reason:
            raise ValueError("an estimate without a value needs a reason; use Estimate.missing(reason)")

    @classmethod
    def missing(cls, reason: str, n: int = 0) -> "Estimate":
        """No value, and why."""
        return cls(None, n=n, reason=reason)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Estimate":
        """The estimate that `to_json` wrote."""
        return cls(record["value"], record.get("low"), record.get("high"), record["n"], record.get("reason"))

    def to_json(self) -> dict[str, Any]:
        """`{"value", "low", "high", "n"}`, and `reason` where there is one."""
        record: dict[str, Any] = {"value": self.value, "low": self.low, "high": self.high, "n": self.n}
        if self.reason is not None:
            record["reason"] = self.reason
        return record

    def scaled(self, factor: float) -> "Estimate":
        """The same in another unit: a share in points."""
        value, low, high = (None if v is None else v * factor for v in (self.value, self.low, self.high))
        return Estimate(value, low, high, self.n, self.reason)

    def format(self, digits: int = 2, *, percent: bool = False, with_n: bool = True) -> str:
        """`0.73 [0.70, 0.76] (n=412)`; in percent `73.0 % [70.1, 75.9] (n=412)` with `digits - 2 + 1` decimals."""
        if self.value is None:
            return f"– ({self.reason})"
        scale, places, unit = (100, max(digits - 1, 0), " %") if percent else (1, digits, "")
        text = f"{_signless(self.value * scale, places)}{unit}"
        if self.low is not None and self.high is not None:
            text += f" [{_signless(self.low * scale, places)}, {_signless(self.high * scale, places)}]"
        return text + (f" (n={self.n:,})" if with_n else "")

    def __str__(self) -> str:
        return self.format()


def _signless(value: float, places: int) -> str:
    """The number with a real minus sign, and never minus zero."""
    text = f"{value:.{places}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")
