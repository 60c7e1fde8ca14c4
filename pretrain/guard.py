"""Guard: which steps must not touch the weights, because their loss or gradient is not finite or far off."""

import math
from collections import deque
from statistics import fmean, pstdev

WINDOW = 128
WARM = 32
FLOOR = 0.02


class StepGuard:
    """Judges each step before the weights change; only healthy losses enter its memory.

    A step is bad when loss or gradient norm is not finite, or when its loss is above the mean of the last 128 healthy
    ones by `limit` standard deviations (the deviation counts as at least 2 % of the mean; not before 32 are known).
    """

    def __init__(self, *, limit: float, max_skipped: int) -> None:
        self.limit = limit
        self.max_skipped = max_skipped
        self.recent: deque[float] = deque(maxlen=WINDOW)
        self.in_a_row = 0
        self.skipped = 0

    def judge(self, loss: float, gradient_norm: float) -> str | None:
        """Why the step must be skipped, or None if it is healthy."""
        reason = self._reason(loss, gradient_norm)
        if reason is None:
            self.recent.append(loss)
            self.in_a_row = 0
        else:
            self.in_a_row += 1
            self.skipped += 1
        return reason

    @property
    def exhausted(self) -> bool:
        """Whether so many steps in a row were bad that the run must stop."""
        return self.in_a_row >= self.max_skipped

    def _reason(self, loss: float, gradient_norm: float) -> str | None:
        if not math.isfinite(loss) or not math.isfinite(gradient_norm):
            return f"loss {loss} and gradient norm {gradient_norm} are not both finite"
        if self.limit and len(self.recent) >= WARM:
            mean = fmean(self.recent)
            bound = mean + self.limit * max(pstdev(self.recent), FLOOR * mean)
            if loss > bound:
                return f"loss {loss:.3f} is above {bound:.3f} (recent mean {mean:.3f}, {self.limit:g} deviations)"
        return None

    def state(self) -> dict[str, object]:
        """What a resumed run needs."""
        return {"recent": list(self.recent), "in_a_row": self.in_a_row, "skipped": self.skipped}

    def restore(self, state: dict[str, object]) -> None:
        """Go on from a saved state."""
        recent, in_a_row, skipped = state["recent"], state["in_a_row"], state["skipped"]
        assert isinstance(recent, list) and isinstance(in_a_row, int) and isinstance(skipped, int)
        self.recent = deque(recent, maxlen=WINDOW)
        self.in_a_row, self.skipped = in_a_row, skipped
