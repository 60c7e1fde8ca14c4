"""Settings of the demo."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """The whole loop on little stories, with simulated annotators, on two cores."""

    size: Literal["full", "small"] = "full"
    """full is the demo; small runs the same stages in a few minutes and shows only that they work."""
    seed: int = 0
    """Of everything: corpus, weights, samples, annotators."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """How much of everything; in tokens, examples and steps, never in minutes, so that the demo repeats."""

    corpus_documents: int
    pretrain_tokens: int
    demonstrations: int
    sft_epochs: float
    ranked_prompts: int
    reward_epochs: float
    dpo_epochs: float
    ppo_iterations: int
    ppo_batch_size: int
    evaluation_prompts: int
    samples_per_prompt: int


SIZES = {
    "full": DemoSize(
        corpus_documents=27_000, pretrain_tokens=1_200_000, demonstrations=2_400, sft_epochs=1.5, ranked_prompts=1_600,
        reward_epochs=2.0, dpo_epochs=1.0, ppo_iterations=20, ppo_batch_size=128, evaluation_prompts=150,
        samples_per_prompt=4,
    ),
    "small": DemoSize(
        corpus_documents=3_000, pretrain_tokens=60_000, demonstrations=200, sft_epochs=1.0, ranked_prompts=60,
        reward_epochs=1.0, dpo_epochs=1.0, ppo_iterations=2, ppo_batch_size=16, evaluation_prompts=12,
        samples_per_prompt=2,
    ),
}  # fmt: skip

PROJECT = "demo"
COMPLETION_TOKENS = 88
"""Tokens a completion may have; a story has about 65."""
