"""Coverage of the preference models' 95 % intervals, on annotators whose parameters are known.

Each replicate draws the parameters from the model's own prior, then votes from the parameters, fits the model and asks
which intervals (estimate +- 1.96 standard errors, on the scale of the parameter table) hold the truth. With --fixed the
parameters are drawn once and stay, which shows what the prior's pull does to a truth that is not at its middle.

    python benchmarks/preference_coverage/run.py --replicates 1000
"""

import argparse
import platform
import time
from collections.abc import Callable
from itertools import combinations

import numpy as np

from workbench.records import Comparison, Completion, Ranking
from workbench.seeds import numpy_generator
from workbench.statistics.preferences import crowd_bt, davidson, label_model, rao_kupper
from workbench.statistics.preferences.bradley_terry import fit_bradley_terry
from workbench.statistics.preferences.dawid_skene import fit_dawid_skene
from workbench.statistics.preferences.plackett_luce import fit_plackett_luce
from workbench.statistics.preferences.votes import gather_votes

ITEMS, PEOPLE, SPREAD = 8, 8, 1.5
SMOOTHING = np.full((3, 3), 2.0) + 10 * np.eye(3)
Pulls = dict[str, np.ndarray]
"""(estimate - truth) / standard error of each parameter, by kind."""


def main() -> None:
    """Both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    for fixed in (False, True):
        print(f"\ntruth {'fixed' if fixed else 'drawn from the prior'}, {arguments.replicates} replicates")
        print("| model | parameter | intervals | covered | mean pull |\n| --- | --- | --- | --- | --- |")
        for name in arguments.models:
            started = time.perf_counter()
            for kind, pulls in coverage(name, arguments.replicates, arguments.seed, fixed=fixed).items():
                share = (np.abs(pulls) <= 1.959964).mean()
                print(f"| {name} | {kind} | {pulls.size:,} | {100 * share:.1f} % | {pulls.mean():+.2f} |")
            print(f"<!-- {time.perf_counter() - started:.0f} s -->", flush=True)


def coverage(name: str, replicates: int, seed: int, *, fixed: bool) -> Pulls:
    """The pulls of all replicates, by kind of parameter."""
    draw_truth, replicate = MODELS[name]
    truth = draw_truth(numpy_generator(seed, "truth", name))
    found: dict[str, list[np.ndarray]] = {}
    for number in range(replicates):
        rng = numpy_generator(seed, name, number)
        if not fixed:
            truth = draw_truth(rng)
        for kind, pulls in replicate(truth, rng).items():
            found.setdefault(kind, []).append(np.atleast_1d(pulls))
    return {kind: np.concatenate(pulls) for kind, pulls in found.items()}


def worth_pulls(fit, truth) -> Pulls:
    """Of the worths less their mean, and of all differences."""
    differences = []
    for i, j in combinations(range(ITEMS), 2):
        value, error = fit.difference(i, j)
        differences.append((value - truth[i] + truth[j]) / error)
    centred = truth - truth.mean()
    return {"worth": (fit.worth - centred) / fit.worth_se, "difference": np.array(differences)}


def draw_pairs(rng, votes: int):
    """Two different items, each of `votes` times."""
    first = rng.integers(0, ITEMS, votes)
    return first, (first + rng.integers(1, ITEMS, votes)) % ITEMS


def draw_labels(p, rng):
    """1, 0 or -1 by the rows of probabilities (M, 3)."""
    u = rng.random(len(p))
    return np.where(u < p[:, 0], 1, np.where(u < p[:, 0] + p[:, 1], 0, -1))


def bradley_terry(truth, rng) -> Pulls:
    """250 votes without ties."""
    first, second = draw_pairs(rng, 250)
    x = truth["worth"][first] - truth["worth"][second]
    label = np.where(rng.random(250) < 1 / (1 + np.exp(-x)), 1, -1)
    fit = fit_bradley_terry(gather_votes(first, second, label, num_items=ITEMS), spread=SPREAD)
    return worth_pulls(fit, truth["worth"])


def with_ties(outcomes, fit_model) -> Callable:
    """250 votes with ties, under a model of them."""

    def replicate(truth, rng) -> Pulls:
        first, second = draw_pairs(rng, 250)
        p = outcomes(truth["worth"][first] - truth["worth"][second], truth["log_tie"])
        fit = fit_model(gather_votes(first, second, draw_labels(p, rng), num_items=ITEMS), spread=SPREAD)
        tie = fit.shared["log_tie"]
        return worth_pulls(fit, truth["worth"]) | {"log tie": (tie.value - truth["log_tie"]) / tie.se}

    return replicate


def plackett_luce(truth, rng) -> Pulls:
    """60 rankings of four items with ties of up to two."""
    items = np.array([rng.permutation(ITEMS)[:4] for _ in range(60)])
    ranks = np.zeros_like(items)
    for row, members in enumerate(items):
        left, tier = list(range(4)), 1
        while left:
            sets = [(i,) for i in left] + [(i, j) for i in left for j in left if i < j]
            log_f = [
                truth["worth"][members[list(s)]].mean() + (truth["log_tie"] if len(s) == 2 else 0)
                for s in sets
            ]
            p = np.exp(log_f - np.max(log_f))
            chosen = sets[rng.choice(len(sets), p=p / p.sum())]
            ranks[row, list(chosen)] = tier
            left, tier = [i for i in left if i not in chosen], tier + 1
    fit = fit_plackett_luce(items, ranks, num_items=ITEMS, spread=SPREAD)
    pulls = worth_pulls(fit, truth["worth"])
    if fit.shared:
        tie = fit.shared["log_tie"]
        pulls["log tie"] = (tie.value - truth["log_tie"]) / tie.se
    return pulls


def crowd(truth, rng) -> Pulls:
    """1,600 votes, 200 of each annotator, the order shown known."""
    votes = 200 * PEOPLE
    first, second = draw_pairs(rng, votes)
    who, shown = np.arange(votes) % PEOPLE, rng.choice([-1, 1], votes)
    p = crowd_outcomes(truth, truth["worth"][first] - truth["worth"][second], who, shown, rng)
    fit = crowd_bt.fit_crowd_bt(
        gather_votes(first, second, draw_labels(p, rng), annotator=who, first_shown=shown, num_items=ITEMS),
        spread=SPREAD,
    )
    pulls = worth_pulls(fit, truth["worth"])
    for kind in ("log_tie", "reliability", "position_bias"):
        found = fit.shared[kind]
        pulls[kind.replace("_", " ")] = (found.value - truth[kind]) / found.se
    return pulls


def crowd_outcomes(truth, x, who, shown, rng):
    """CrowdBT's probabilities given who follows the worths and who their reverse, (M, 3)."""
    follows = rng.random(len(x)) < 1 / (1 + np.exp(-truth["reliability"][who]))
    return davidson.outcomes(np.where(follows, x, -x) + truth["position_bias"][who] * shown, truth["log_tie"])


def dawid_skene(truth, rng) -> Pulls:
    """300 units, three of eight annotators each."""
    unit = np.repeat(np.arange(300), 3)
    who = np.concatenate([rng.permutation(PEOPLE)[:3] for _ in range(300)])
    true = rng.choice(3, 300, p=truth["classes"])
    u = rng.random(len(unit))
    label = (u[:, None] > np.cumsum(truth["rates"][who, true[unit]], axis=1)[:, :2]).sum(1)
    fit = fit_dawid_skene(
        unit, who, label, num_classes=3, num_annotators=PEOPLE, flip=True, smoothing=SMOOTHING
    )
    pulls: dict[str, list[float]] = {"right or wrong": [], "right or tie": [], "ties on ties": []}
    for a in range(PEOPLE):
        rates = truth["rates"][a]
        for kind, true_class, label_, against in (
            ("right or wrong", 2, 2, 0),
            ("right or tie", 2, 2, 1),
            ("ties on ties", 1, 1, 0),
        ):
            value, error = fit.log_odds(a, true_class, label_, against)
            pulls[kind].append(
                (value - np.log(rates[true_class, label_] / rates[true_class, against])) / error
            )
    return {kind: np.array(values) for kind, values in pulls.items()}


def local(truth, rng) -> Pulls:
    """250 comparisons of two or three completions, three of eight annotators each, pair by pair independent votes."""
    comparisons = []
    for number in range(250):
        worth = np.exp(truth["log_spread"]) * rng.standard_normal(2)
        people = rng.permutation(PEOPLE)[:3]
        shown = rng.choice([-1, 1], 3)
        p = crowd_outcomes(truth, np.full(3, worth[0] - worth[1]), people, shown, rng)
        rankings = tuple(
            Ranking(
                id=f"{number}.{a}",
                annotator=f"a{a}",
                annotator_kind="simulated",
                ranks={1: (1, 2), 0: (1, 1), -1: (2, 1)}[int(label)],
                order=(0, 1) if s > 0 else (1, 0),
            )
            for a, label, s in zip(people, draw_labels(p, rng), shown, strict=True)
        )
        completions = (Completion("a"), Completion("b"))
        comparisons.append(Comparison(f"c{number}", f"p{number}", completions, rankings))
    fit = label_model.fit_label_model(comparisons)
    names = [f"a{a}" for a in range(PEOPLE)]
    found = [fit.annotators[name] for name in names]
    return {
        "reliability": np.array(
            [(q.logit - t) / q.logit_se for q, t in zip(found, truth["reliability"], strict=True)]
        ),
        "position bias": np.array(
            [(q.bias - t) / q.bias_se for q, t in zip(found, truth["position_bias"], strict=True)]
        ),
    }


def worths(tie_prior) -> Callable:
    """Parameters of the models of pairs, from their priors."""

    def draw(rng):
        truth = {"worth": SPREAD * rng.standard_normal(ITEMS)}
        if tie_prior:
            truth["log_tie"] = rng.normal(*tie_prior)
        return truth

    return draw


def people(rng):
    """Parameters of CrowdBT and of the label model."""
    return worths(davidson.TIE_PRIOR)(rng) | {
        "reliability": rng.normal(*crowd_bt.RELIABILITY_PRIOR, PEOPLE),
        "position_bias": rng.normal(*crowd_bt.BIAS_PRIOR, PEOPLE),
        "log_spread": rng.normal(*label_model.SPREAD_PRIOR),
    }


def observers(rng):
    """Error rates that are the same when completions are exchanged; the prior counts both mirror images."""
    rates = np.empty((PEOPLE, 3, 3))
    for a in range(PEOPLE):
        rates[a, 2] = rng.dirichlet(2 * SMOOTHING[2])
        rates[a, 0] = rates[a, 2, ::-1]
        tie = rng.beta(SMOOTHING[1, 1], SMOOTHING[1, 0] + SMOOTHING[1, 2])
        rates[a, 1] = [(1 - tie) / 2, tie, (1 - tie) / 2]
    common = rng.beta(SMOOTHING.mean(), 2 * SMOOTHING.mean())
    return {"rates": rates, "classes": np.array([(1 - common) / 2, common, (1 - common) / 2])}


MODELS: dict[str, tuple[Callable, Callable]] = {
    "bradley_terry": (worths(None), bradley_terry),
    "davidson": (worths(davidson.TIE_PRIOR), with_ties(davidson.outcomes, davidson.fit_davidson)),
    "rao_kupper": (worths(rao_kupper.TIE_PRIOR), with_ties(rao_kupper.outcomes, rao_kupper.fit_rao_kupper)),
    "plackett_luce": (worths(davidson.TIE_PRIOR), plackett_luce),
    "crowd_bt": (people, crowd),
    "dawid_skene": (observers, dawid_skene),
    "label_model": (people, local),
}

if __name__ == "__main__":
    main()
