"""Settings of evaluation; the string under a field is its help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Compare policies with the policy they started from, on the same held-out prompts."""

    start: str | None = None
    """The policy that the others began from (usually SFT): a checkpoint folder, a run's name or a hash. Needed."""
    policies: tuple[str, ...] = ()
    """The policies to compare, each as name=checkpoint. Needed."""
    prompts: Path | None = None
    """A prompts.jsonl (or .jsonl.gz) that no training saw. Needed."""
    prompt_use: str | None = "evaluation"
    """Take only prompts kept for this use; null takes all."""
    max_prompts: int | None = None
    """Take only the first so many prompts."""
    reward_models: tuple[str, ...] = ()
    """Reward models whose mean score gives reward_model_win_rate; none leaves it out."""
    base: str | None = None
    """The base model, for perplexity; none leaves it out."""
    ground_truth: str | None = None
    """A function module:name(prompt, completions) -> scores that is the report's ground truth, and what to call it is
    its docstring's first line. Without one, win rates are the reward models' alone."""
    comparisons: str | None = None
    """A snapshot (its test split) or a comparisons.jsonl (all of it) to measure the reward model against labels."""

    samples_per_prompt: int = 4
    """Completions that each policy writes for each prompt."""
    max_new_tokens: int = 128
    """Tokens a completion may have, its closing eos included."""
    temperature: float = 1.0
    """Of sampling, and of the KL."""
    batch_size: int = 256
    """Sequences sampled or scored at a time; the figures do not depend on it."""
    bootstrap_draws: int = 2000
    """Resamples of the prompts behind each interval."""
    shown_prompts: int = 6
    """Prompts whose completions are shown side by side in the report."""
    seed: int = 0
    """Of the samples and the bootstrap."""
    device: str | None = None
    """Where to compute; by default on the GPU if there is one."""

    def __post_init__(self) -> None:
        for name in ("start", "prompts"):
            if not getattr(self, name):
                raise ValueError(f"{name} is needed; see --help")
        if not self.policies:
            raise ValueError("policies is needed: one or more name=checkpoint")
        for policy in self.policies:
            if not all(policy.partition("=")):
                raise ValueError(f"a policy is given as name=checkpoint, got {policy!r}")
        if len(set(self.policy_checkpoints)) != len(self.policies):
            raise ValueError(f"two policies have one name: {', '.join(self.policies)}")
        if START in self.policy_checkpoints:
            raise ValueError(f"'{START}' is the name of the start; name the policy otherwise")
        for name in ("samples_per_prompt", "max_new_tokens", "batch_size", "bootstrap_draws"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")

    @property
    def policy_checkpoints(self) -> dict[str, str]:
        """Name -> checkpoint, in the order given."""
        return {policy.partition("=")[0]: policy.partition("=")[2] for policy in self.policies}


START = "start"
"""The name of the start in reports."""


@dataclass(frozen=True, kw_only=True)
class FrontierConfig:
    """Reward against KL: every checkpoint of some runs, beside best-of-n of their start."""

    start: str | None = None
    """The policy that the runs began from. Needed."""
    runs: tuple[str, ...] = ()
    """Names of policy runs; every checkpoint in their folders becomes a point. Needed."""
    prompts: Path | None = None
    """A prompts.jsonl (or .jsonl.gz) that no training saw. Needed."""
    prompt_use: str | None = "evaluation"
    """Take only prompts kept for this use; null takes all."""
    max_prompts: int | None = 128
    """Take only the first so many prompts."""
    reward_models: tuple[str, ...] = ()
    """Reward models whose mean score is the reward. Needed."""
    ground_truth: str | None = None
    """A function module:name(prompt, completions) -> scores, drawn beside the reward."""
    best_of: tuple[int, ...] = (1, 2, 4, 8, 16)
    """The n of best-of-n; the start writes the largest of them for each prompt."""
    samples_per_prompt: int = 4
    """Completions that each checkpoint writes for each prompt."""
    max_new_tokens: int = 128
    """Tokens a completion may have, its closing eos included."""
    temperature: float = 1.0
    """Of sampling, and of the KL."""
    batch_size: int = 256
    """Sequences sampled or scored at a time."""
    bootstrap_draws: int = 2000
    """Resamples of the prompts behind each interval."""
    seed: int = 0
    """Of the samples and the bootstrap."""
    device: str | None = None
    """Where to compute; by default on the GPU if there is one."""

    def __post_init__(self) -> None:
        for name in ("start", "prompts", "runs", "reward_models"):
            if not getattr(self, name):
                raise ValueError(f"{name} is needed; see --help")
        if not self.best_of or min(self.best_of) < 1:
            raise ValueError(f"best_of needs numbers of 1 or more, got {self.best_of}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be positive, got {self.temperature}")
