"""The load: simulated annotators who take a task, think, and send a ranking, against any target.

A target makes workers: `await target.worker(n)` gives an object with `await next() -> task | None` and
`await submit(task) -> None`, which raise on any error. The loop times both and counts.
"""

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Load:
    """What a run of the load measured."""

    seconds: float = 0.0
    next_ms: list[float] = field(default_factory=list)
    submit_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    submitted: list[object] = field(default_factory=list)
    """What the target returned for each submission it acknowledged."""

    def to_json(self) -> dict:
        def percentile(values, q):
            return round(float(np.percentile(values, q)), 1) if values else None

        return {
            "submissions": len(self.submitted),
            "submissions_per_s": round(len(self.submitted) / self.seconds, 1),
            **{
                f"{name}_p{q}_ms": percentile(values, q)
                for name, values in (("next", self.next_ms), ("submit", self.submit_ms))
                for q in (50, 99)
            },
            "errors": len(self.errors),
        }


async def run_load(target, *, annotators: int, seconds: float, think: float, warm_up: float = 0.0) -> Load:
    """`annotators` at once for `seconds`, each thinking `think` seconds on each task; starts are spread over one think.

    What happens within the first `warm_up` seconds is done and not timed.
    """
    load = Load()
    workers = await asyncio.gather(*(target.worker(n) for n in range(annotators)))
    begin = time.perf_counter()
    timed_from, end = begin + warm_up, begin + warm_up + seconds

    async def work(n: int, worker) -> None:
        await asyncio.sleep(think * n / annotators)
        while time.perf_counter() < end:
            try:
                started = time.perf_counter()
                task = await worker.next()
                taken = time.perf_counter()
                if task is None:
                    return
                await asyncio.sleep(think)
                sending = time.perf_counter()
                receipt = await worker.submit(task)
                sent = time.perf_counter()
            except Exception as error:  # every error is a figure of the table
                load.errors.append(repr(error))
                await asyncio.sleep(0.1)
                continue
            if started >= timed_from:
                load.next_ms.append(1000 * (taken - started))
                load.submit_ms.append(1000 * (sent - sending))
                load.submitted.append(receipt)

    await asyncio.gather(*(work(n, worker) for n, worker in enumerate(workers)))
    load.seconds = time.perf_counter() - timed_from
    return load
