"""Scores: from completions to the one number each that PPO maximises, shaped as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from policy.rollout import Rollout, closed_by_eos, micro_batches
from reward.scoring import RewardScorer
from workbench.modeling.chat import decode_completion, eos_id, template_hash
from workbench.records import Prompt

RewardFunction = Callable[[Sequence[Prompt], Sequence[str]], Sequence[float]]
"""A score for each prompt and completion text."""


@dataclass
class RunningMoments:
    """Count, mean and sum of squared deviations of each of H heads, updated in batches (Chan et al. 1979)."""

    count: float
    mean: Tensor  # (H,) float64
    squares: Tensor  # (H,) float64

    @classmethod
    def of(cls, heads: int) -> RunningMoments:
        """The moments of no scores yet."""
        return cls(0.0, torch.zeros(heads, dtype=torch.float64), torch.zeros(heads, dtype=torch.float64))

    def update(self, scores: Tensor) -> None:
        """Take in scores (n, H)."""
        scores = scores.double().cpu()
        count, mean = len(scores), scores.mean(0)
        delta, total = mean - self.mean, self.count + count
        self.squares = self.squares + (scores - mean).square().sum(0) + delta**2 * self.count * count / total
        self.mean = self.mean + delta * count / total
        self.count = total

    @property
    def deviation(self) -> Tensor:
        """The standard deviation of each head, (H,); at least 1e-6, so that equal scores become 0."""
        return (self.squares / max(self.count, 1.0)).sqrt().clamp(min=1e-6)

    def state(self) -> dict[str, Any]:
        """Everything, for a saved state."""
        return {"count": self.count, "mean": self.mean, "squares": self.squares}


def normalized(scores: Tensor, moments: RunningMoments) -> Tensor:
    """Scores (n, H) with each head's mean taken off, over its deviation."""
    mean, deviation = moments.mean.to(scores), moments.deviation.to(scores)
    return (scores - mean) / deviation


def lower_bound(scores: Tensor, coef: float) -> Tensor:
    """From (n, H) to (n,): the heads' mean less coef times their (biased) standard deviation."""
    mean = scores.mean(1)
    return mean - coef * scores.std(1, correction=0) if coef else mean


def shaped(
    scores: Tensor, finished: Tensor, *, clip: float | None, missing_eos: str, missing_eos_value: float
) -> Tensor:
    """Scores (n,) clipped to plus and minus `clip`, then the rule for completions without an eos.

    'replace' gives them missing_eos_value, 'subtract' takes it off, 'keep' leaves them. The rule comes after the clip,
    so a floor below the clip is one.
    """
    if clip is not None:
        scores = scores.clamp(-clip, clip)
    if missing_eos == "replace":
        return torch.where(finished, scores, torch.full_like(scores, missing_eos_value))
    if missing_eos == "subtract":
        return scores - missing_eos_value * ~finished
    return scores


class RewardSource(Protocol):
    """What gives raw scores: a reward model, a function, or an ensemble of them."""

    heads: int

    def score(self, rollout: Rollout, prompts: Sequence[Prompt]) -> Tensor:
        """Raw scores (n, H), one column a head."""


def reward_source(reward: Any, tokenizer: PreTrainedTokenizerBase) -> RewardSource:
    """The source of a RewardScorer, of a function of prompts and texts, or of a list of either."""
    if isinstance(reward, RewardScorer):
        return _Scorer(reward, tokenizer)
    if isinstance(reward, list | tuple):
        return _Ensemble([reward_source(member, tokenizer) for member in reward])
    if callable(reward):
        return _Function(reward, tokenizer)
    raise ValueError(
        f"reward_model must be a RewardScorer, a function or a list of these, got {type(reward).__name__}"
    )


class _Ensemble:
    def __init__(self, members: Sequence[RewardSource]) -> None:
        self.members = members
        self.heads = sum(member.heads for member in members)

    def score(self, rollout: Rollout, prompts: Sequence[Prompt]) -> Tensor:
        return torch.cat([member.score(rollout, prompts) for member in self.members], 1)


class _Scorer:
    """A reward model. With the policy's tokenizer and template it reads the policy's tokens, else its texts."""

    def __init__(self, scorer: RewardScorer, tokenizer: PreTrainedTokenizerBase) -> None:
        self.scorer = scorer
        self.tokenizer = tokenizer
        self.heads = scorer.num_heads
        self.reads_tokens = _same_tokens(scorer.tokenizer, tokenizer)

    def score(self, rollout: Rollout, prompts: Sequence[Prompt]) -> Tensor:
        if self.reads_tokens:
            return self._score_tokens(rollout)
        texts = [[decode_completion(self.tokenizer, row)] for row in rollout.completions()]
        return torch.tensor([row[0].heads for row in self.scorer.score(prompts, texts)])

    def _score_tokens(self, rollout: Rollout) -> Tensor:
        # A score is read at an eos and nowhere else, so a completion that was cut off gets one here, as its text would.
        closed = closed_by_eos(rollout, eos_id(self.tokenizer))
        out = torch.zeros(len(rollout), self.heads)
        rows = torch.arange(len(rollout), device=rollout.ids.device)
        for micro in micro_batches(closed, rows, self.scorer.max_tokens):
            columns = torch.arange(micro.ids.shape[1], device=rows.device)
            mask = columns < (closed.prompt_lengths + closed.lengths)[micro.rows, None]
            _, heads = self.scorer.score_tokens(micro.ids, mask)
            out[micro.rows.cpu()] = heads.float().cpu()
        return out


class _Function:
    heads = 1

    def __init__(self, function: RewardFunction, tokenizer: PreTrainedTokenizerBase) -> None:
        self.function = function
        self.tokenizer = tokenizer

    def score(self, rollout: Rollout, prompts: Sequence[Prompt]) -> Tensor:
        texts = [decode_completion(self.tokenizer, row) for row in rollout.completions()]
        return torch.tensor([float(score) for score in self.function(prompts, texts)])[:, None]


def _same_tokens(one: PreTrainedTokenizerBase, other: PreTrainedTokenizerBase) -> bool:
    return template_hash(one) == template_hash(other) and one.get_vocab() == other.get_vocab()
