"""Throttle: after too many failed sign-ins, a login or an address has to wait."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

MOST_KEYS = 10_000
"""Logins and addresses remembered; beyond that the longest unused are forgotten."""


class Throttle:
    """Counts failures by key within a window of time, in the memory of this process.

    Each process counts for itself, so n processes allow n times as many tries.
    """

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def is_open(self, key: str) -> bool:
        """Whether the key has failures left."""
        with self._lock:
            return len(self._recent(key)) < self._limit

    def fail(self, key: str) -> None:
        """Note a failure of the key."""
        with self._lock:
            self._failures.setdefault(key, deque(maxlen=self._limit)).append(self._clock())
            self._failures.move_to_end(key)
            while len(self._failures) > MOST_KEYS:
                self._failures.popitem(last=False)

    def _recent(self, key: str) -> deque[float]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] <= self._clock() - self._seconds:
            failures.popleft()
        return failures
