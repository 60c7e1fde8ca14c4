"""Seconds that the preference models take on many rankings: K = 4, 100 annotators, overlap 3, twenty systems.

Rankings are made as arrays, outside the timing. Worths of systems are fitted to all pairs of all rankings (Davidson,
CrowdBT) or to the rankings (Plackett-Luce); the label model and the consensus take each comparison by itself.

    python benchmarks/preference_speed/run.py --rankings 100000
"""

import argparse
import platform
import resource
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from workbench.seeds import numpy_generator
from workbench.statistics.preferences.consensus import posteriors
from workbench.statistics.preferences.crowd_bt import fit_crowd_bt
from workbench.statistics.preferences.davidson import fit_davidson
from workbench.statistics.preferences.label_model import fit_label_model_to_votes
from workbench.statistics.preferences.local_votes import LocalVotes
from workbench.statistics.preferences.plackett_luce import fit_plackett_luce
from workbench.statistics.preferences.votes import gather_votes

K, PEOPLE, OVERLAP, SYSTEMS = 4, 100, 3, 20
Result = TypeVar("Result")


def main() -> None:
    """Time each model once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rankings", type=int, default=30_000)
    size = parser.parse_args().rankings // OVERLAP
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    rng = numpy_generator(0, "preference speed")
    systems = np.argsort(rng.random((size, SYSTEMS)), axis=1)[:, :K]
    utility = np.linspace(-1, 1, SYSTEMS)[systems] + rng.standard_normal((size, K))
    noise = np.linspace(0.3, 2.0, PEOPLE)
    people = (rng.integers(0, PEOPLE, size)[:, None] + np.arange(OVERLAP) * 31) % PEOPLE  # (C, R)
    seen = utility[:, None] + noise[people][:, :, None] * rng.standard_normal((size, OVERLAP, K))
    # Tiers half a unit wide, so that near completions tie.
    ranks = 1 + np.round(2 * (seen.max(2, keepdims=True) - seen)).astype(np.int64)
    one, two = np.triu_indices(K, 1)
    label = np.sign(ranks[:, :, two] - ranks[:, :, one])  # (C, R, P)
    shape = label.shape
    who = np.broadcast_to(people[:, :, None], shape).ravel()
    shown = rng.choice([-1, 1], shape).ravel()
    print(f"{size * OVERLAP:,} rankings of {size:,} comparisons, {label.size:,} judgements on pairs")

    def columns(items: np.ndarray) -> np.ndarray:
        return np.broadcast_to(items[:, None], shape).ravel()

    votes = timed("votes on systems, counted", lambda: gather_votes(
        columns(systems[:, one]), columns(systems[:, two]), label.ravel(), annotator=who, first_shown=shown
    ))  # fmt: skip
    timed("Davidson, worths of systems", lambda: fit_davidson(votes))
    timed("CrowdBT, worths of systems", lambda: fit_crowd_bt(votes))
    items = np.broadcast_to(systems[:, None], ranks.shape).reshape(-1, K)
    timed("Plackett-Luce with ties", lambda: fit_plackett_luce(items, ranks.reshape(-1, K)))
    local = LocalVotes(
        comparison=np.repeat(np.arange(size), OVERLAP * len(one)),
        first=columns(np.broadcast_to(one, (size, len(one)))),
        second=columns(np.broadcast_to(two, (size, len(one)))),
        label=label.ravel(),
        annotator=who,
        first_shown=shown,
        weight=np.full(label.size, 2 / K),
        size=np.full(size, K),
        rankings=np.full(size, OVERLAP),
        names=[f"a{i}" for i in range(PEOPLE)],
    )
    model = timed("label model (CrowdBT)", lambda: fit_label_model_to_votes(local))
    timed("consensus of every comparison", lambda: [p.winner() for _, p in posteriors(local, model)])
    print(
        f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB, the rankings included"
    )


def timed(name: str, work: Callable[[], Result]) -> Result:
    """The result; prints seconds of wall and of CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    print(f"| {name} | {time.perf_counter() - wall:.1f} s | {time.process_time() - cpu:.1f} s |", flush=True)
    return result


if __name__ == "__main__":
    main()
