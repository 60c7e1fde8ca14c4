"""The update of PPO: passes over one batch of rollouts in minibatches, each in microbatches, one step a minibatch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from policy.config import PPOConfig
from policy.losses import approximate_kl, clipped_share, policy_loss, value_loss
from policy.rollout import MicroBatch, Rollout, micro_batches
from workbench.errors import RunError
from workbench.seeds import derive_seed

RATIO_TOLERANCE = 1e-5
"""How far the ratio may be from 1, on average, before the first step on a batch in float32."""


@dataclass(frozen=True)
class Experience:
    """A rollout with what the losses compare against, each (n, T)."""

    rollout: Rollout
    old_log_probs: Tensor
    old_values: Tensor
    advantages: Tensor
    returns: Tensor


@dataclass(frozen=True)
class Updater:
    """What stays the same over all updates of a run."""

    config: PPOConfig
    accelerator: Any
    model: nn.Module
    """A `PolicyAndCritic`, the same on every process."""
    policy_parameters: list[nn.Parameter]
    critic_parameters: list[nn.Parameter]
    optimizer: Any
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext
    ptx_loss: Callable[[int], Tensor] | None = None
    """The language-model loss on batch number i of the pretraining text."""

    def update(self, experience: Experience, iteration: int) -> dict[str, float]:
        """Train on one batch; returns the means of docs/algorithms/ppo.md over its optimiser steps.

        Raises RunError when, before the first step, the ratio is not 1: then the log-probabilities of rollout and
        update come from different inputs, and every gradient would be wrong.
        """
        config, steps, ratio_error = self.config, [], 0.0
        stopped = False
        for epoch in range(config.num_ppo_epochs):
            for number, rows in enumerate(self._permuted(len(experience.rollout), iteration, epoch)):
                sums = self._backward(
                    experience, rows, train_policy=iteration >= config.critic_warmup_iterations
                )
                tokens = sums["tokens"]
                if epoch == number == 0:
                    ratio_error = sums["ratio_error"] / tokens
                    self._check_ratio(ratio_error)
                if config.early_stop_kl is not None and sums["approx_kl"] / tokens > config.early_stop_kl:
                    self.optimizer.zero_grad(set_to_none=True)
                    stopped = True
                    break
                ptx = self._backward_ptx(iteration, epoch, number)
                norms = self._step()
                means = {key: value / tokens for key, value in sums.items() if key != "tokens"}
                steps.append({**means, **ptx, **norms})
            if stopped:
                break
        keys = steps[0].keys() if steps else ()
        mean = {key: sum(step[key] for step in steps) / len(steps) for key in keys}
        return {**_named(mean), "policy/ratio_error": ratio_error, "policy/steps": float(len(steps))}

    def _permuted(self, n: int, iteration: int, epoch: int) -> list[Tensor]:
        """Fresh minibatches of row numbers for this pass."""
        rank = self.accelerator.process_index
        seed = derive_seed(self.config.seed, "minibatches", iteration, epoch, rank)
        permutation = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        parts = permutation.to(self.accelerator.device).tensor_split(self.config.num_mini_batches)
        return list(parts)

    def _backward(self, experience: Experience, rows: Tensor, *, train_policy: bool) -> dict[str, float]:
        """Gradients of one minibatch; returns sums over its tokens on all processes."""
        config, accelerator = self.config, self.accelerator
        self.optimizer.zero_grad(set_to_none=True)
        count = accelerator.reduce(experience.rollout.mask[rows].sum().float(), reduction="sum")
        sums: dict[str, Tensor] = {}
        for micro in micro_batches(experience.rollout, rows, config.micro_batch_tokens):
            with self.autocast():
                loss, parts = self._losses(experience, micro, train_policy)
            accelerator.backward(loss / count)
            for key, value in parts.items():
                sums[key] = sums.get(key, torch.zeros((), device=value.device)) + value
        names = sorted(sums)
        totals = accelerator.reduce(torch.stack([sums[name] for name in names]), reduction="sum").tolist()
        return {**dict(zip(names, totals, strict=True)), "tokens": float(count)}

    def _losses(
        self, experience: Experience, micro: MicroBatch, train_policy: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The summed loss of a microbatch and, detached, the sums that are reported."""
        config = self.config
        with_entropy = config.entropy_coef != 0
        log_probs, entropies, values = self.model(micro.ids, micro.wanted, config.temperature, with_entropy)
        old_log_probs, old_values = micro.take(experience.old_log_probs), micro.take(experience.old_values)
        advantages, returns = micro.take(experience.advantages), micro.take(experience.returns)
        pg = policy_loss(log_probs, old_log_probs, advantages, config.clip_range).sum()
        vf = value_loss(values, old_values, returns, config.clip_range_value).sum()
        loss = config.vf_coef * vf + (pg if train_policy else pg * 0)
        if entropies is not None:
            loss = loss - config.entropy_coef * entropies.sum()
        with torch.no_grad():
            ratio = torch.exp(log_probs - old_log_probs)
            parts = {
                "policy_loss": pg,
                "value_loss": vf,
                "approx_kl": approximate_kl(log_probs, old_log_probs).sum(),
                "clipfrac": clipped_share(log_probs, old_log_probs, config.clip_range).sum(),
                "ratio": ratio.sum(),
                "ratio_error": (ratio - 1).abs().sum(),
                "value_clipfrac": _clipped_values(values, old_values, config.clip_range_value),
            }
            if entropies is not None:
                parts["entropy"] = entropies.sum()
        return loss, {key: value.detach().float() for key, value in parts.items()}

    def _backward_ptx(self, iteration: int, epoch: int, number: int) -> dict[str, float]:
        if self.ptx_loss is None:
            return {}
        steps = self.config.num_ppo_epochs * self.config.num_mini_batches
        batch = iteration * steps + epoch * self.config.num_mini_batches + number
        with self.autocast():
            loss = self.ptx_loss(batch)
        self.accelerator.backward(self.config.ptx_coef * loss / self.accelerator.num_processes)
        return {"ptx_loss": float(self.accelerator.reduce(loss.detach(), reduction="mean"))}

    def _step(self) -> dict[str, float]:
        """Sum gradients over processes, clip those of policy and critic apart, take one step; norms before clipping."""
        # Not by DDP: microbatches differ in number from process to process, and the text of ptx comes on top.
        if self.accelerator.num_processes > 1:
            _reduce_gradients(self.accelerator, [*self.policy_parameters, *self.critic_parameters])
        limit = self.config.max_grad_norm
        norms = {}
        for name, parameters in (("policy", self.policy_parameters), ("critic", self.critic_parameters)):
            norm = torch.nn.utils.clip_grad_norm_(parameters, limit if limit is not None else float("inf"))
            norms[f"grad_norm_{name}"] = float(norm)
        self.optimizer.step()
        return norms

    def _check_ratio(self, error: float) -> None:
        exact = self.config.mixed_precision == "no" and self.config.dtype == "float32"
        if exact and self.config.old_logprobs == "forward" and not error <= RATIO_TOLERANCE:
            raise RunError(
                f"before the first step the mean of |ratio - 1| is {error:.2e}, not 0: the update does not see the "
                "log-probabilities of the rollout. Is there dropout or other noise in the policy's forward pass?"
            )


def learning_rates(config: PPOConfig, factor: float, iteration: int) -> Mapping[str, float]:
    """The rates of this iteration: the peak rates times the schedule's factor; the policy's is 0 while it waits."""
    critic = config.learning_rate if config.critic_learning_rate is None else config.critic_learning_rate
    waits = iteration < config.critic_warmup_iterations
    return {"policy": 0.0 if waits else config.learning_rate * factor, "critic": critic * factor}


def _reduce_gradients(accelerator: Any, parameters: list[nn.Parameter]) -> None:
    trained = [p for p in parameters if p.requires_grad]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trained]
    flat = accelerator.reduce(torch.cat([g.flatten() for g in gradients]), reduction="sum")
    for parameter, part in zip(trained, flat.split([g.numel() for g in gradients]), strict=True):
        parameter.grad = part.view_as(parameter)


def _clipped_values(values: Tensor, old_values: Tensor, clip_range: float | None) -> Tensor:
    if clip_range is None:
        return torch.zeros((), device=values.device)
    return ((values - old_values).abs() > clip_range).float().sum()


_NAMES = {
    "policy_loss": "loss/policy",
    "value_loss": "loss/value",
    "ptx_loss": "loss/ptx",
    "approx_kl": "policy/approx_kl",
    "clipfrac": "policy/clipfrac",
    "ratio": "policy/ratio",
    "entropy": "policy/entropy",
    "value_clipfrac": "val/clipfrac",
    "grad_norm_policy": "policy/grad_norm",
    "grad_norm_critic": "val/grad_norm",
}


def _named(values: Mapping[str, float]) -> dict[str, float]:
    return {name: values[key] for key, name in _NAMES.items() if key in values}
