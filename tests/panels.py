"""Small panels of annotators for tests: by hand, and at random."""

from collections.abc import Sequence

import numpy as np

from workbench.records import Comparison, Completion, Ranking

# Four prompts with four completions, ranked by some of three annotators.
PANEL = {
    "p1": {"ann": [1, 2, 2, 4], "bob": [1, 3, 2, 4], "cat": [2, 1, 3, 3]},
    "p2": {"ann": [3, 1, 2, 4], "bob": [2, 1, 2, 4]},
    "p3": {"ann": [1, 1, 3, 3], "cat": [1, 2, 3, 4]},
    "p4": {"bob": [1, 2, 3, 4]},
}


def comparison(
    prompt: str,
    rankings: dict[str, Sequence[int | None]],
    *,
    texts: Sequence[str] | None = None,
    name: str | None = None,
    **changes: object,
) -> Comparison:
    k = max(len(ranks) for ranks in rankings.values())
    return Comparison(
        id=name or prompt,
        prompt=prompt,
        completions=tuple(Completion(text=text) for text in texts or [f"completion {i}" for i in range(k)]),
        rankings=tuple(
            Ranking(**{"id": f"{name or prompt}-{who}", "annotator": who, "ranks": tuple(ranks), **changes})
            for who, ranks in rankings.items()
        ),
    )


def panel() -> list[Comparison]:
    return [comparison(prompt, rankings) for prompt, rankings in PANEL.items()]


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def random_comparisons(seed: int, num: int = 12) -> list[Comparison]:
    """Comparisons with shared pairs, missing ranks, repeats by one annotator, ties and several criteria."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(num):
        k = int(rng.integers(1, 5))
        texts = [f"t{t}" for t in rng.permutation(6)[:k]]
        rankings = []
        for r in range(int(rng.integers(0, 5))):
            ranks = tuple(None if rng.random() < 0.1 else int(rank) for rank in rng.integers(1, 4, k))
            rankings.append(
                Ranking(
                    id=f"{i}-{r}",
                    annotator=f"a{rng.integers(4)}",
                    ranks=ranks,
                    criterion=("helpful", "honest")[int(rng.integers(2))],
                )
            )
        out.append(
            Comparison(
                id=f"c{i}",
                prompt=f"p{rng.integers(4)}",
                completions=tuple(Completion(text=text) for text in texts),
                rankings=tuple(rankings),
            )
        )
    return out
