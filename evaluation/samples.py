"""Samples: what a policy writes for the evaluation's prompts, and what scorers say of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reward.scoring import RewardScorer
from workbench.errors import DataError
from workbench.modeling.chat import decode_completion, encode_prompt, eos_id, pad_id, preflight
from workbench.modeling.generation import Sampling, check_room, generate
from workbench.records import Prompt, PromptRecord
from workbench.seeds import derive_seed

Floats = NDArray[np.float64]
GroundTruth = Callable[[Prompt, Sequence[str]], Sequence[float]]
"""Scores of one prompt's completions by what the report counts as the truth; higher is better."""


@dataclass(frozen=True)
class Samples:
    """S completions for each of P prompts."""

    prompts: list[list[int]]
    """Tokens of each prompt."""
    tokens: list[list[list[int]]]
    """Tokens of each completion, [P][S], with the eos where there is one."""
    texts: list[list[str]]

    @property
    def rows(self) -> list[tuple[list[int], list[int]]]:
        """(prompt, completion) tokens of all samples, prompt by prompt."""
        return [(p, c) for p, completions in zip(self.prompts, self.tokens, strict=True) for c in completions]

    def by_prompt(self, values: Sequence[float] | Floats) -> Floats:
        """One value a row, as (P, S)."""
        return np.asarray(values, dtype=np.float64).reshape(len(self.prompts), -1)


def draw_samples(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[PromptRecord],
    *,
    samples_per_prompt: int,
    sampling: Sampling,
    seed: int,
    batch_size: int,
) -> Samples:
    """Sample each prompt `samples_per_prompt` times; a completion depends on the seed and its prompt's id alone."""
    preflight(tokenizer, [record.prompt for record in prompts])
    encoded = [encode_prompt(tokenizer, record.prompt) for record in prompts]
    check_room(model, encoded, sampling.max_new_tokens, [record.id for record in prompts])
    seeds = [derive_seed(seed, "evaluation", r.id, k) for r in prompts for k in range(samples_per_prompt)]
    rows = generate(
        model,
        [ids for ids in encoded for _ in range(samples_per_prompt)],
        sampling=sampling,
        seeds=seeds,
        eos_token_id=eos_id(tokenizer),
        pad_token_id=pad_id(tokenizer),
        batch_size=batch_size,
    ).rows()
    grouped = [rows[i : i + samples_per_prompt] for i in range(0, len(rows), samples_per_prompt)]
    texts = [[decode_completion(tokenizer, row) for row in group] for group in grouped]
    return Samples(encoded, grouped, texts)


def score_by_truth(truth: GroundTruth, prompts: Sequence[PromptRecord], samples: Samples) -> Floats:
    """The ground truth's scores, (P, S)."""
    return np.array(
        [truth(r.prompt, texts) for r, texts in zip(prompts, samples.texts, strict=True)], dtype=np.float64
    )


def score_by_models(
    scorers: Sequence[RewardScorer], prompts: Sequence[PromptRecord], samples: Samples
) -> Floats:
    """The mean of the reward models' scores, (P, S)."""
    asked = [record.prompt for record in prompts]
    each = [[[s.value for s in row] for row in scorer.score(asked, samples.texts)] for scorer in scorers]
    return np.asarray(np.mean(each, axis=0), dtype=np.float64)


def load_ground_truth(reference: str) -> GroundTruth:
    """The function behind `module:name`; DataError where there is none."""
    module, _, name = reference.partition(":")
    try:
        found: GroundTruth = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise DataError(
            f"ground_truth {reference!r} cannot be imported: {error}; give module:function"
        ) from error
    return found
