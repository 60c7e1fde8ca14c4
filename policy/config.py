"""Settings of sampling and of PPO; the string under a field is its help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

Dtype = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """Sample K completions of each prompt from a checkpoint into a file of comparisons."""

    checkpoint: str
    """What to sample from: a checkpoint folder, the name of a finished run, or the start of a checkpoint's hash."""
    prompts: Path
    """A prompts.jsonl (or .jsonl.gz)."""
    output: Path
    """The comparisons.jsonl (or .jsonl.gz) to write."""
    use: str | None = None
    """Take only prompts kept for this use (sft, reward, rl or evaluation); by default all."""
    completions_per_prompt: int = 4
    """K, the completions of each prompt."""
    max_prompts: int | None = None
    """Take only the first so many prompts."""
    max_new_tokens: int = 128
    """Tokens a completion may have, its closing eos included."""
    temperature: float = 1.0
    """Logits are divided by this; 0 takes the likeliest token, so that all K completions are the same."""
    top_k: int = 0
    """Draw among the k likeliest tokens only; 0 keeps all."""
    top_p: float = 1.0
    """Draw among the likeliest tokens that together reach this probability; 1 keeps all."""
    seed: int = 0
    """With the prompt's id it fixes every completion, whatever the other prompts are."""
    source: str | None = None
    """The name written as the completions' source; by default that of the checkpoint's run."""
    batch_size: int = 256
    """Sequences sampled at a time; the completions do not depend on it."""
    dtype: Dtype = "float32"
    """Number format of the weights while sampling."""
    device: str | None = None
    """Where to sample; by default on the GPU if there is one."""
    overwrite: bool = False
    """Replace the output file if it is there."""

    def __post_init__(self) -> None:
        _at_least_one(self, "completions_per_prompt", "max_prompts", "batch_size")


@dataclass(frozen=True, kw_only=True)
class ChatConfig:
    """Talk to a checkpoint in the terminal; an empty line or Ctrl-D ends, /new forgets what was said."""

    checkpoint: Annotated[str, tyro.conf.Positional]
    """Whom to talk to: a checkpoint folder, the name of a finished run, or the start of a checkpoint's hash."""
    system: str | None = None
    """A system message to begin with."""
    max_new_tokens: int = 200
    """Tokens a completion may have; half of the model's context at most."""
    temperature: float = 0.7
    """Logits are divided by this; 0 takes the likeliest token."""
    top_k: int = 0
    """Draw among the k likeliest tokens only; 0 keeps all."""
    top_p: float = 0.95
    """Draw among the likeliest tokens that together reach this probability; 1 keeps all."""
    seed: int = 0
    """Fixes what it says."""
    device: str | None = None
    """Where to run; by default on the GPU if there is one."""


@dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """Train a policy against a reward model with PPO; defaults are those of Huang et al. 2024 (arXiv 2403.17031)."""

    policy: str | None = None
    """The policy to start from, and the reference: a checkpoint folder, a run's name or the start of a hash. Needed."""
    reward_models: tuple[str, ...] = ()
    """One reward model, or several as an ensemble; each may have several heads, which count alike. Needed."""
    prompts: Path | None = None
    """A prompts.jsonl (or .jsonl.gz). Needed."""
    prompt_use: str | None = "rl"
    """Take only prompts kept for this use; null takes all."""

    # Rollouts
    total_episodes: int = 1_000_000
    """Completions sampled in the whole run (over all processes); rounded down to whole batches."""
    batch_size: int = 512
    """Completions an iteration, over all processes."""
    max_new_tokens: int = 53
    """Tokens a completion may have, its closing eos included."""
    temperature: float = 0.7
    """Of sampling, and of every log-probability: policy and reference alike."""
    top_k: int = 0
    """Sample among the k likeliest tokens only; 0 keeps all, and other values leave the policy that is trained."""
    top_p: float = 1.0
    """Sample among the likeliest tokens that reach this probability; below 1 leaves the policy that is trained."""
    old_logprobs: Literal["forward", "sampler"] = "forward"
    """Log-probabilities of the sampled tokens: from a forward pass of their own, or as the sampler saw them."""

    # Score
    missing_eos: Literal["keep", "replace", "subtract"] = "replace"
    """The score of a completion without an eos: kept, replaced by missing_eos_value, or that much less."""
    missing_eos_value: float = -1.0
    """The score of a completion without an eos ('replace'), or how much its score loses ('subtract')."""
    score_normalization: Literal["none", "start", "running"] = "none"
    """Shift and scale scores to mean 0 and deviation 1: on samples of the starting policy, or on all scores so far."""
    score_normalization_samples: int = 256
    """Samples of the starting policy for score_normalization 'start'."""
    score_clip: float | None = None
    """Clip scores to plus and minus this, after normalisation."""
    uncertainty_coef: float = 0.0
    """Score = mean over models and heads minus this many standard deviations: a lower confidence bound."""
    whiten_rewards: bool = False
    """Scale rewards a token to deviation 1 before the advantages (their mean stays). It shortens completions."""

    # KL
    kl_coef: float = 0.05
    """Weight of the KL penalty a token; with an adaptive controller where it starts."""
    kl_estimator: Literal["k1", "k3"] = "k1"
    """The penalty a token: the log-ratio, or Schulman's k3, which is never negative."""
    kl_controller: Literal["fixed", "adaptive"] = "fixed"
    """Keep kl_coef, or steer it so that the mean KL a completion meets kl_target (Ziegler et al. 2019, 2.2)."""
    kl_target: float = 6.0
    """Mean KL of a completion from the reference, in nats, that the adaptive controller steers for."""
    kl_target_ramp: float = 0.0
    """Share of the run over which the target rises in a line from a tenth of kl_target to all of it."""
    kl_horizon: int = 10_000
    """Completions in which a KL 20 % off moves the coefficient by about 20 %; smaller steers faster."""
    kl_coef_limits: tuple[float, float] | None = (0.5, 8.0)
    """The adaptive coefficient stays within these multiples of kl_coef; null lets it go anywhere."""

    # Advantages and losses
    gamma: float = 1.0
    """Discount a token."""
    gae_lambda: float = 0.95
    """Lambda of generalised advantage estimation."""
    whiten_advantages: bool = True
    """Shift and scale advantages to mean 0 and deviation 1 over the tokens of the batch."""
    clip_range: float = 0.2
    """The ratio to the old policy is clipped to 1 plus and minus this."""
    clip_range_value: float | None = 0.2
    """Values are clipped to the old value plus and minus this; null does not clip."""
    vf_coef: float = 0.1
    """Weight of the value loss."""
    entropy_coef: float = 0.0
    """Weight of an entropy bonus."""
    ptx_coef: float = 0.0
    """Weight of the language-model loss on ptx_data (PPO-ptx; gamma of Ouyang et al. 2022, eq. 2)."""
    ptx_data: Path | None = None
    """Packed shards of pretraining text, made by 'accord pretrain pack' with the policy's tokenizer."""
    ptx_batch_size: int = 16
    """Rows of packed text a minibatch."""

    # Optimisation
    num_ppo_epochs: int = 4
    """Passes over each batch of completions."""
    num_mini_batches: int = 1
    """Optimiser steps a pass."""
    micro_batch_tokens: int = 16_384
    """Tokens a forward and backward pass, padding included; the result does not depend on it beyond rounding."""
    early_stop_kl: float | None = None
    """Stop the passes over a batch before a step at which the mean approximate KL a token exceeds this."""
    learning_rate: float = 3e-6
    """Peak learning rate of the policy."""
    critic_learning_rate: float | None = None
    """Peak learning rate of the critic; by default that of the policy."""
    lr_scheduler: Literal["linear", "constant", "cosine"] = "linear"
    """How the rate falls over the run; linear and cosine end at 0."""
    warmup_ratio: float = 0.0
    """Share of the run over which the rate rises from 0."""
    adam_beta1: float = 0.9
    """Adam's decay of the mean."""
    adam_beta2: float = 0.999
    """Adam's decay of the variance."""
    adam_epsilon: float = 1e-5
    """Adam's epsilon."""
    weight_decay: float = 0.0
    """AdamW's weight decay."""
    max_grad_norm: float | None = 1.0
    """Gradients are scaled down to this norm, policy and critic apart; null does not clip. Not in the paper."""
    critic_warmup_iterations: int = 0
    """First iterations in which the critic learns and the policy stays."""

    # Models
    critic_init: Literal["reward_model", "policy"] = "reward_model"
    """Where the critic's weights come from; it is a network of its own either way."""
    value_head_init: Literal["reward_model", "zero"] = "reward_model"
    """The critic's head: that of the reward model (mean of its heads), or zero. From the policy it is zero."""
    lora_rank: int = 0
    """Rank of LoRA adapters on policy and critic; 0 trains all weights."""
    lora_alpha: float = 32.0
    """Adapters are scaled by lora_alpha / lora_rank."""
    lora_targets: tuple[str, ...] = (
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    )
    """Names of the linear layers that get an adapter."""
    dtype: Dtype = "float32"
    """Number format of the frozen models; what is trained stays in float32."""
    mixed_precision: Literal["no", "bf16"] = "no"
    """Autocast of the trained models' matrix products."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass, to save memory."""
    device: str | None = None
    """Where to train; by default on the GPU if there is one."""
    threads: int = 0
    """CPU threads; 0 is as the environment says."""

    # Run
    seed: int = 0
    """Fixes the order of prompts, every sample and every permutation."""
    sample_batch_size: int = 256
    """Sequences sampled at a time; the completions do not depend on it."""
    save_every: int = 10
    """Iterations between saved states; a run that was killed goes on from the last one, exactly."""
    keep: Literal["last", "best"] = "last"
    """Which policy becomes checkpoints/final. checkpoints/best is kept beside it in any case."""
    best_window: int = 3
    """Best = highest mean over so many iterations of score - kl_coef * KL, at the coefficient of the start."""
    best_max_kl: float | None = None
    """An iteration whose mean KL over the window is above this cannot be the best."""
    best_min_distinct_2: float | None = None
    """Nor can one whose rollouts' distinct-2 is below this share of the first iteration's."""

    def __post_init__(self) -> None:
        _at_least_one(
            self, "total_episodes", "batch_size", "max_new_tokens", "num_ppo_epochs", "num_mini_batches",
            "micro_batch_tokens", "save_every", "best_window", "score_normalization_samples", "kl_horizon",
            "sample_batch_size", "ptx_batch_size",
        )  # fmt: skip
        _positive(self, "temperature", "clip_range", "clip_range_value", "learning_rate", "critic_learning_rate",
                  "adam_epsilon", "max_grad_norm", "kl_target", "score_clip", "early_stop_kl")  # fmt: skip
        _shares(self, "gamma", "gae_lambda", "kl_target_ramp", "warmup_ratio", "top_p")
        if self.total_episodes < self.batch_size:
            raise ValueError(
                f"total_episodes {self.total_episodes} is less than one batch of {self.batch_size}; raise it or "
                "lower batch_size"
            )
        if self.batch_size % self.num_mini_batches:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of num_mini_batches {self.num_mini_batches}"
            )
        if self.ptx_coef > 0 and self.ptx_data is None:
            raise ValueError(
                f"ptx_coef is {self.ptx_coef} but ptx_data is not set; name a folder of packed shards"
            )
        if self.kl_coef_limits is not None and not 0 < self.kl_coef_limits[0] <= 1 <= self.kl_coef_limits[1]:
            raise ValueError(f"kl_coef_limits must enclose 1 from above 0, got {self.kl_coef_limits}")
        if self.kl_controller == "adaptive" and self.kl_coef <= 0:
            raise ValueError(f"an adaptive kl_coef must start above 0, got {self.kl_coef}")

    @property
    def iterations(self) -> int:
        """Whole batches in the run."""
        return self.total_episodes // self.batch_size


def _at_least_one(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def _positive(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")


def _shares(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in [0, 1], got {value}")
