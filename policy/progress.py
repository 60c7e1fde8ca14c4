"""The state of a PPO run: everything that the next iteration depends on, saved whole and put back exactly."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from policy.config import PPOConfig
from policy.models import restore_state, trained_state
from policy.scores import RunningMoments
from workbench.artifacts import write_file_aside
from workbench.errors import RunError

FORMAT = 1


@dataclass
class Best:
    """The best policy so far: its objective, where it was, and its weights."""

    value: float
    iteration: int
    score: float
    kl: float
    weights: dict[str, Tensor]


@dataclass
class Progress:
    """What changes from one iteration to the next, beside weights and optimiser."""

    kl_coef: float
    moments: RunningMoments
    iteration: int = 0
    """Iterations done; prompts, samples and permutations of the next one are derived from it."""
    window: list[tuple[float, float]] = field(default_factory=list)
    """Mean score and KL of the last iterations, the newest last."""
    first_distinct_2: float | None = None
    best: Best | None = None


def consider_best(
    progress: Progress, config: PPOConfig, policy: nn.Module, *, score: float, kl: float, distinct_2: float
) -> None:
    """Remember the policy if its rollouts are the best so far.

    The measure is score - kl_coef * KL at the coefficient of the start, averaged over the last best_window
    iterations. Where best_max_kl or best_min_distinct_2 is set, an iteration beyond it cannot be the best.
    """
    if progress.first_distinct_2 is None:
        progress.first_distinct_2 = distinct_2
    progress.window = [*progress.window, (score, kl)][-config.best_window :]
    mean_score = sum(s for s, _ in progress.window) / len(progress.window)
    mean_kl = sum(k for _, k in progress.window) / len(progress.window)
    if config.best_max_kl is not None and mean_kl > config.best_max_kl:
        return
    share = config.best_min_distinct_2
    if share is not None and distinct_2 < share * progress.first_distinct_2:
        return
    value = mean_score - config.kl_coef * mean_kl
    if progress.best is None or value > progress.best.value:
        weights = trained_state(policy)
        progress.best = Best(value, progress.iteration, mean_score, mean_kl, weights)


def save_progress(path: Path, progress: Progress, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Write the state, whole or not at all."""
    best = progress.best
    state = {
        "format": FORMAT,
        "iteration": progress.iteration,
        "kl_coef": progress.kl_coef,
        "moments": progress.moments.state(),
        "window": progress.window,
        "first_distinct_2": progress.first_distinct_2,
        "best": None if best is None else vars(best),
        "trained": trained_state(model),
        "optimizer": optimizer.state_dict(),
        "random": _random_state(),
    }
    with write_file_aside(path) as file:
        torch.save(state, file)


def load_progress(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Progress:
    """Put weights, optimiser and random states back, and return the rest; RunError for a file that cannot be read."""
    device = next(model.parameters()).device
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError) as error:
        raise RunError(f"{path} cannot be read ({error}); begin anew with --fresh") from error
    if state.get("format") != FORMAT:
        raise RunError(f"{path} has the format {state.get('format')}, not {FORMAT}; begin anew with --fresh")
    restore_state(model, state["trained"])
    optimizer.load_state_dict(state["optimizer"])
    _restore_random_state(state["random"])
    best, scores = state["best"], state["moments"]
    return Progress(
        kl_coef=state["kl_coef"],
        moments=RunningMoments(scores["count"], scores["mean"].cpu(), scores["squares"].cpu()),
        iteration=state["iteration"],
        window=[tuple(pair) for pair in state["window"]],
        first_distinct_2=state["first_distinct_2"],
        best=None if best is None else Best(**best),
    )


def _random_state() -> dict[str, Any]:
    """The states of the global generators. We draw nothing from them; a model of somebody else's may."""
    kind, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    version, words, gauss_next = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [str(kind), [int(key) for key in keys], int(position), int(has_gauss), float(gauss)],
        "python": [version, list(words), gauss_next],
    }


def _restore_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"]:
        torch.cuda.set_rng_state_all([one.cpu() for one in state["cuda"]])
    kind, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, gauss))
    version, words, gauss_next = state["python"]
    random.setstate((version, tuple(words), gauss_next))
