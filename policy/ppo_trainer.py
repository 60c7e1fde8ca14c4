"""The PPO trainer: sample, score, compare with the reference, update; docs/algorithms/ppo.md explains each step.

One iteration is `PPOTrainer.iterate`, and all of it is on this page, which is why the page is long. Everything random
is derived from the seed and a position in the run, so what a run does next depends on its saved state alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from peft import LoraConfig
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from policy.advantages import (
    generalized_advantages,
    kl_penalty,
    moments,
    next_kl_coef,
    ramped_kl_target,
    token_rewards,
    whiten,
)
from policy.config import PPOConfig
from policy.losses import explained_variance
from policy.models import Critic, PolicyAndCritic, policy_and_reference, token_statistics
from policy.progress import Progress, consider_best, load_progress, save_progress
from policy.prompts import place_at, prompt_of
from policy.ptx import PtxLoss
from policy.rollout import MicroBatch, Rollout, distinct_2, sample_rollout, token_values
from policy.sample import sampling_of
from policy.scores import RewardSource, RunningMoments, lower_bound, normalized, reward_source, shaped
from policy.update import Experience, Updater, learning_rates
from workbench.errors import RunError
from workbench.modeling.chat import encode_prompt, eos_id, pad_id, preflight
from workbench.modeling.devices import autocast
from workbench.modeling.generation import check_room
from workbench.modeling.loading import DTYPES
from workbench.modeling.schedules import SCHEDULES
from workbench.records import Prompt
from workbench.seeds import derive_seed

START_KL_TOLERANCE = 1e-4
"""How far policy and reference may be apart a token, on average, before the first update in float32."""


@dataclass(frozen=True)
class Scored:
    """A rollout with its prompts and scores on this process, and what is logged of it over all processes."""

    rollout: Rollout
    prompts: list[Prompt]
    scores: Tensor  # (n,) after normalisation, clipping and the rule for a missing eos
    metrics: dict[str, float]


class PPOTrainer:
    """Trains `model` on the prompts of `train_dataset` to score high with `reward_model`, near where it started.

    model             a causal language model; with peft_config, or an adapter of its own, only adapters train
    reward_model      a RewardScorer, a function of prompts and completion texts, or several of these (an ensemble)
    train_dataset     PromptRecords, texts, or mappings with a "prompt" (a text or messages)
    processing_class  the policy's tokenizer
    value_model       the critic; by default the policy's trunk with a head of zeros
    The reference is the model as it is given. `train()` runs to the end of `args.total_episodes`.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        reward_model: Any,
        train_dataset: Iterable[Any],
        processing_class: PreTrainedTokenizerBase,
        args: PPOConfig,
        value_model: Critic | None = None,
        peft_config: LoraConfig | None = None,
    ) -> None:
        self.config = args
        self.tokenizer = processing_class
        self.accelerator = Accelerator(cpu=args.device == "cpu")
        self.device = self.accelerator.device
        rows = list(train_dataset)
        self.prompts = [prompt_of(row) for row in rows]
        if not self.prompts:
            raise ValueError("train_dataset has no prompts")
        if args.batch_size % self.accelerator.num_processes:
            raise ValueError(
                f"batch_size {args.batch_size} is no multiple of the {self.accelerator.num_processes} processes"
            )
        preflight(processing_class, self.prompts)
        self.encoded = [encode_prompt(processing_class, prompt) for prompt in self.prompts]
        names = [getattr(row, "id", str(i)) for i, row in enumerate(rows)]
        check_room(model, self.encoded, args.max_new_tokens, names)
        torch.manual_seed(derive_seed(args.seed, "adapters"))
        critic = value_model or Critic.of(model)
        policy, self.reference = policy_and_reference(model.to(self.device), peft_config, DTYPES[args.dtype])
        critic.adapt(policy)
        self.rewards: RewardSource = reward_source(reward_model, processing_class)
        self.policy = policy
        self.networks = PolicyAndCritic(policy, critic.to(self.device))
        self.networks.eval()
        if args.gradient_checkpointing:
            self.networks.checkpoint_activations()
        self.optimizer = _optimizer(args, self.networks)
        self.progress = Progress(kl_coef=args.kl_coef, moments=RunningMoments.of(self.rewards.heads))
        self.last: Scored | None = None
        self.updater = Updater(
            config=args,
            accelerator=self.accelerator,
            model=self.networks,
            policy_parameters=list(policy.parameters()),
            critic_parameters=list(critic.parameters()),
            optimizer=self.optimizer,
            autocast=self._autocast,
            ptx_loss=self._ptx_loss() if args.ptx_coef else None,
        )

    def train(self) -> dict[str, float]:
        """Run the iterations that are left and measure the policy they end with; returns its last measurement."""
        self.prepare()
        while self.progress.iteration < self.config.iterations:
            self.iterate()
        return self.measure()

    def prepare(self) -> None:
        """Measure the scores of the starting policy, where the settings normalise by them, and fit the value head.

        Once a run, before its first iteration; later it does nothing.
        """
        if self.progress.iteration > 0:
            return
        heads = self.rewards.heads
        mean, deviation = torch.zeros(heads), torch.ones(heads)
        if self.config.score_normalization == "start":
            world, rank = self.accelerator.num_processes, self.accelerator.process_index
            rows = list(range(rank, self.config.score_normalization_samples, world))
            _, _, scores = self._sample(rows, "normalization")
            self.progress.moments = RunningMoments.of(heads)
            self.progress.moments.update(self.accelerator.gather(scores))
            mean, deviation = self.progress.moments.mean, self.progress.moments.deviation
        self.networks.critic.match_scores(mean, deviation)

    def iterate(self) -> dict[str, float]:
        """One iteration: sample, score, advantages, update, KL coefficient. Returns its metrics."""
        config, progress = self.config, self.progress
        clock = _Clock()
        scored = self.collect(clock)
        experience, metrics = self.experience(scored)
        clock.lap("forward")
        metrics = {**scored.metrics, **metrics}
        self._consider(metrics)
        done = progress.iteration / config.iterations
        factor = SCHEDULES[config.lr_scheduler](done, warmup=config.warmup_ratio, decay=1.0, final=0.0)
        rates = learning_rates(config, factor, progress.iteration)
        for group in self.optimizer.param_groups:
            group["lr"] = rates[group["name"]]
        metrics |= self.updater.update(experience, progress.iteration)
        metrics |= {"objective/kl_coef": progress.kl_coef, "lr": rates["policy"]}
        self._steer(metrics["objective/kl"], done, metrics)
        clock.lap("update")
        progress.iteration += 1
        metrics["episode"] = float(progress.iteration * config.batch_size)
        return metrics | clock.metrics()

    def measure(self) -> dict[str, float]:
        """Sample and score as the next iteration would, without an update; also a candidate for the best policy."""
        scored = self.collect(_Clock())
        _, metrics = self.experience(scored)
        metrics = {**scored.metrics, **metrics}
        self._consider(metrics)
        return metrics

    def collect(self, clock: _Clock) -> Scored:
        """The iteration's rollouts, this process's share of them, scored."""
        config, world = self.config, self.accelerator.num_processes
        share = config.batch_size // world
        start = self.progress.iteration * config.batch_size + self.accelerator.process_index * share
        rollout, prompts, raw = self._sample(list(range(start, start + share)), "rollout", clock)
        if config.score_normalization == "running":
            self.progress.moments.update(self.accelerator.gather(raw))
        heads = raw if config.score_normalization == "none" else normalized(raw, self.progress.moments)
        scores = shaped(
            lower_bound(heads, config.uncertainty_coef),
            rollout.finished,
            clip=config.score_clip,
            missing_eos=config.missing_eos,
            missing_eos_value=config.missing_eos_value,
        )
        values = {
            "objective/scores": scores,
            "objective/scores_raw": raw.mean(1),
            "objective/scores_heads_std": heads.std(1, correction=0),
            "objective/length": rollout.lengths,
            "val/num_eos_tokens": rollout.finished,
        }
        metrics = {name: self._mean(value) for name, value in values.items()}
        metrics["objective/scores_std"] = self._mean((scores - metrics["objective/scores"]).square()) ** 0.5
        # On this process's share: bigrams of other processes would have to be gathered as text.
        metrics["objective/distinct_2"] = distinct_2(rollout.completions())
        self.last = Scored(rollout, prompts, scores, metrics)
        return self.last

    def experience(self, scored: Scored) -> tuple[Experience, dict[str, float]]:
        """Log-probabilities, values, rewards and advantages of a rollout."""
        config, rollout = self.config, scored.rollout
        old, values, reference = self._forward(rollout)
        penalties = kl_penalty(old, reference, config.kl_estimator) * rollout.mask
        rewards = token_rewards(scored.scores, penalties, rollout.mask, self.progress.kl_coef)
        if config.whiten_rewards:
            rewards = whiten(rewards, rollout.mask, self._total(rewards, rollout.mask), shift_mean=False)
        advantages, returns = generalized_advantages(
            rewards, values, rollout.mask, gamma=config.gamma, gae_lambda=config.gae_lambda
        )
        if config.whiten_advantages:
            advantages = whiten(advantages, rollout.mask, self._total(advantages, rollout.mask))
        kl = ((old - reference) * rollout.mask).sum(1)
        penalty = penalties.sum(1) * self.progress.kl_coef
        kept = rollout.mask
        metrics = {
            "objective/kl": self._mean(kl),
            "objective/entropy": self._mean(-old.sum(1)),
            "objective/non_score_reward": self._mean(-penalty),
            "objective/rlhf_reward": self._mean(scored.scores - penalty),
            "val/mean": self._mean(values[kept]),
            "val/explained_variance": float(explained_variance(values[kept], returns[kept])),
        }
        if self.progress.iteration == 0:
            self._check_start((old - reference)[kept])
        return Experience(rollout, old, values, advantages, returns), metrics

    def save(self, path: Path) -> None:
        """Write everything that the next iteration depends on (the main process does)."""
        if self.accelerator.is_main_process:
            save_progress(path, self.progress, self.networks, self.optimizer)
        self.accelerator.wait_for_everyone()

    def restore(self, path: Path) -> None:
        """Go on from what `save` wrote: the run continues as if it had never stopped."""
        self.progress = load_progress(path, self.networks, self.optimizer)

    def _sample(
        self, positions: Sequence[int], purpose: str, clock: _Clock | None = None
    ) -> tuple[Rollout, list[Prompt], Tensor]:
        """Completions of the prompts at these positions of the endless stream, and their scores by head, (n, H)."""
        chosen = [place_at(position, len(self.prompts), self.config.seed, purpose) for position in positions]
        prompts = [self.prompts[i] for i in chosen]
        rollout = sample_rollout(
            self.policy,
            [self.encoded[i] for i in chosen],
            sampling=sampling_of(self.config),
            seeds=[derive_seed(self.config.seed, purpose, position) for position in positions],
            eos_token_id=eos_id(self.tokenizer),
            pad_token_id=pad_id(self.tokenizer),
            batch_size=self.config.sample_batch_size,
        )
        clock = clock or _Clock()
        clock.lap("sample")
        scores = self.rewards.score(rollout, prompts).to(self.device)
        if not bool(torch.isfinite(scores).all()):
            raise RunError(
                f"the reward model gave a score that is not a finite number at iteration {self.progress.iteration}"
            )
        clock.lap("score")
        return rollout, prompts, scores

    def _forward(self, rollout: Rollout) -> tuple[Tensor, Tensor, Tensor]:
        """Old log-probabilities, values and reference log-probabilities of every token, each (n, T)."""
        config = self.config
        budget = config.micro_batch_tokens

        def own(micro: MicroBatch) -> tuple[Tensor, ...]:
            with self._autocast():
                if config.old_logprobs == "sampler":
                    return micro.take(rollout.sampler_log_probs), self.networks.critic(
                        micro.ids, micro.wanted
                    )
                log_probs, _, values = self.networks(micro.ids, micro.wanted, config.temperature, False)
                return log_probs, values

        old, values = token_values(rollout, budget, own)
        with self.reference.active() as model:

            def theirs(micro: MicroBatch) -> tuple[Tensor, ...]:
                with self._autocast():
                    return (token_statistics(model, micro.ids, micro.wanted, config.temperature)[0],)

            (reference,) = token_values(rollout, budget, theirs)
        return old, values, reference

    def _ptx_loss(self) -> PtxLoss:
        loss = PtxLoss(
            self.config, self.policy, self.accelerator.process_index, self.accelerator.num_processes
        )
        loss.check(self.tokenizer)
        return loss

    def _consider(self, metrics: dict[str, float]) -> None:
        score, kl, diversity = (metrics[f"objective/{key}"] for key in ("scores", "kl", "distinct_2"))
        consider_best(self.progress, self.config, self.policy, score=score, kl=kl, distinct_2=diversity)

    def _steer(self, kl: float, done: float, metrics: dict[str, float]) -> None:
        config = self.config
        if config.kl_controller == "fixed":
            return
        target = ramped_kl_target(config.kl_target, done, config.kl_target_ramp)
        coef = next_kl_coef(
            self.progress.kl_coef, kl, target, completions=config.batch_size, horizon=config.kl_horizon
        )
        if config.kl_coef_limits is not None:
            low, high = config.kl_coef_limits
            coef = min(max(coef, low * config.kl_coef), high * config.kl_coef)
        self.progress.kl_coef = coef
        metrics["objective/kl_target"] = target

    def _check_start(self, log_ratios: Tensor) -> None:
        apart = float(log_ratios.abs().mean())
        exact = self.config.dtype == "float32" and self.config.mixed_precision == "no"
        if exact and not apart <= START_KL_TOLERANCE:
            raise RunError(
                f"before the first update policy and reference differ by {apart:.2e} nats a token, not 0: "
                "they are not the same model, or not run at the same temperature"
            )

    def _mean(self, values: Tensor) -> float:
        """The mean over all processes."""
        total = torch.stack(
            [values.double().sum(), torch.tensor(float(values.numel()), device=values.device).double()]
        )
        summed = self.accelerator.reduce(total, reduction="sum")
        return float(summed[0] / summed[1])

    def _total(self, values: Tensor, mask: Tensor) -> Tensor:
        total: Tensor = self.accelerator.reduce(moments(values, mask), reduction="sum")
        return total

    def _autocast(self) -> AbstractContextManager[object]:
        dtype = torch.bfloat16 if self.config.mixed_precision == "bf16" else torch.float32
        return autocast(self.device, dtype)


class _Clock:
    """Seconds since the last lap, by name."""

    def __init__(self) -> None:
        self.last = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def lap(self, name: str) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self.last
        self.last = now

    def metrics(self) -> dict[str, float]:
        return {f"time/{name}": seconds for name, seconds in self.seconds.items()}


def _optimizer(config: PPOConfig, networks: PolicyAndCritic) -> torch.optim.AdamW:
    groups = [
        {"name": name, "params": [p for p in network.parameters() if p.requires_grad]}
        for name, network in (("policy", networks.policy), ("critic", networks.critic))
    ]
    betas = (config.adam_beta1, config.adam_beta2)
    return torch.optim.AdamW(
        groups, lr=0.0, betas=betas, eps=config.adam_epsilon, weight_decay=config.weight_decay, fused=True
    )
