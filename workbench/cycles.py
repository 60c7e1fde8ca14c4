"""Python's search for cycles, halted while many records are read."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_search_for_cycles() -> Iterator[None]:
    """Within, cycles are searched for only where someone calls for it; records are in none.

    By itself the search goes through all living objects again and again, a fourth of an import's time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
