"""Sequential votes against a fixed overlap of three, over simulated panels from careful to careless.

Every comparison has K completions with utilities from Normal(0, 1); annotators rank them with noise, ties, position
bias and spam as the panel says (`workbench.statistics.simulated`: Gaussian noise, which is not the model that is
fitted). Both ways use the same rankings in the same order, and the same label model, fitted on the first three of each
comparison. Fixed: three rankings each. Sequential: one each, then one more while P(winner) is below a threshold, at
most five. Accuracy: how often the consensus' best completion is the one of greatest utility. `equal` is the number of
rankings at which the sequential way reaches the accuracy of fixed overlap three, found by moving the threshold.

    python benchmarks/overlap_planner/run.py --comparisons 1000 --repeats 3
"""

import argparse
import platform
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workbench.records import Comparison, Completion
from workbench.seeds import numpy_generator
from workbench.statistics.preferences.consensus import consensuses
from workbench.statistics.preferences.label_model import fit_label_model
from workbench.statistics.simulated import SimulatedAnnotator

MOST = 5
THRESHOLDS = np.arange(0.3, 0.9999, 0.005)


def panel(noises: Sequence[float], spam: float = 0.0, bias: float = 0.0) -> list[SimulatedAnnotator]:
    """Two annotators of each noise; `spam` and `bias` are those of every third."""
    return [
        SimulatedAnnotator(
            name=f"a{i}",
            noise=noise,
            spam=spam if i % 3 == 2 else 0.0,
            position_bias=bias if i % 3 == 1 else 0.0,
        )
        for i, noise in enumerate(noise for noise in noises for _ in range(2))
    ]


PANELS = {
    "careful": panel([0.2, 0.3, 0.4]),
    "usual": panel([0.4, 0.6, 0.8]),
    "leaning": panel([0.4, 0.6, 0.8], bias=0.5),
    "mixed, a third spams": panel([0.4, 0.6, 0.8], spam=0.9),
    "noisy": panel([1.0, 1.3, 1.6]),
    "near chance": panel([2.0, 3.0, 4.0]),
}


def main() -> None:
    """The two tables: rankings for equal accuracy, and how well P(winner) is calibrated."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--comparisons", type=int, default=200)
    parser.add_argument("--completions", type=int, nargs="*", default=[2, 4])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    bins: dict[str, list[tuple[float, bool]]] = {}
    print(
        "| panel | K | fixed 3: accuracy | at 0.9: rankings each, accuracy | equal accuracy: rankings each | fewer |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for k in arguments.completions:
        for name, people in PANELS.items():
            rows = [
                compare(
                    people, k, arguments.comparisons, arguments.seed + repeat, bins.setdefault(f"K = {k}", [])
                )
                for repeat in range(arguments.repeats)
            ]
            fixed, cost, right, equal = np.mean([row[:4] for row in rows], axis=0)
            spread = np.std([row[3] for row in rows])
            print(
                f"| {name} | {k} | {100 * fixed:.1f} % | {cost:.2f}, {100 * right:.1f} % | "
                f"{equal:.2f} (± {spread:.2f}) | {100 * (1 - equal / 3):.0f} % |",
                flush=True,
            )
    print("\n| P(winner) stated | " + " | ".join(f"{label}: comparisons, right" for label in bins) + " |")
    print("| --- |" + " --- |" * len(bins))
    for low, high in ((0.0, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 1.01)):
        cells = []
        for found in bins.values():
            inside = [right for p, right in found if low <= p < high]
            cells.append(f"{len(inside):,}, {100 * np.mean(inside):.1f} %" if inside else "–")
        print(f"| {low:g} to {min(high, 1):g} | " + " | ".join(cells) + " |")


def compare(
    people: Sequence[SimulatedAnnotator], k: int, size: int, seed: int, bins: list[tuple[float, bool]]
) -> tuple[float, float, float, float]:
    """Accuracy of fixed 3; rankings each and accuracy at 0.9; rankings each for the accuracy of fixed 3."""
    rng = numpy_generator(seed, "study", k)
    utilities = rng.standard_normal((size, k))
    truth = utilities.argmax(1)
    full = []
    for number, values in enumerate(utilities):
        name = f"c{number}"
        order = rng.permutation(len(people))[:MOST]
        rankings = tuple(people[i].rank(list(values), comparison=name, seed=seed) for i in order)
        completions = tuple(Completion(f"t{i}") for i in range(k))
        full.append(Comparison(name, f"p{number}", completions, rankings))
    model = fit_label_model([replace(c, rankings=c.rankings[:3]) for c in full])
    stated, right = np.empty((MOST, size)), np.empty((MOST, size), bool)
    for n in range(MOST):
        seen = [replace(c, rankings=c.rankings[: n + 1]) for c in full]
        for i, found in enumerate(consensuses(seen, model)):
            stated[n, i], right[n, i] = found.winner.max(), found.best == truth[i]
    bins += zip(stated[2].tolist(), right[2].tolist(), strict=True)
    fixed = float(right[2].mean())
    cost, accuracy = sequential(stated, right, 0.9)
    curve = np.array([sequential(stated, right, threshold) for threshold in THRESHOLDS])
    reached = np.flatnonzero(curve[:, 1] >= fixed)
    return fixed, cost, accuracy, float(curve[reached[0], 0]) if len(reached) else float("nan")


def sequential(stated: np.ndarray, right: np.ndarray, threshold: float) -> tuple[float, float]:
    """Rankings each and accuracy where each comparison stops at the first clear winner, or at the most."""
    clear = stated >= threshold
    clear[-1] = True
    last = clear.argmax(0)
    return float(last.mean() + 1), float(right[last, np.arange(right.shape[1])].mean())


if __name__ == "__main__":
    main()
