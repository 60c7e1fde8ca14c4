"""What each stage of the demo is run with: settings that suit a model of a million parameters on two cores."""

import os
from collections.abc import Callable
from pathlib import Path

from dpo.config import DPOConfig
from evaluation.config import CompareConfig
from policy.config import PPOConfig, SampleConfig
from policy.sft_config import SFTConfig
from pretrain.config import PretrainConfig
from reward.config import RewardConfig
from workflow.demo_config import COMPLETION_TOKENS, DemoSize
from workflow.demo_processes import Command

REWARD_MODELS = 2
PROCESSES = 2
"""Of one thread each, for our own training loops: on a model this small they do more than two threads."""


class DemoStages:
    """The settings of one demo: of a size and a seed, with its files in `folder`, and a run name for each stage."""

    def __init__(self, size: DemoSize, seed: int, folder: Path, name: Callable[[str], str]) -> None:
        self.size, self.seed, self.folder, self.name = size, seed, folder, name

    def base(self) -> dict[str, Command]:
        """The base model, by two processes."""
        config = PretrainConfig(
            text=(str(self.folder / "corpus.jsonl"),),
            vocab_size=1600,
            context=128,
            batch_size=8,
            qk_norm=True,
            learning_rate=0.01,
            embedding_learning_rate=0.006,
            tokens=self.size.pretrain_tokens,
            evaluations=2,
            evaluation_rows=64,
            threads=1,
            seed=self.seed,
        )
        progress = ("train/tokens", float(self.size.pretrain_tokens))
        return {self.name("base"): Command("pretrain train", config, PROCESSES, progress)}

    def sft(self) -> SFTConfig:
        """The starting policy, in this process."""
        return SFTConfig(
            base=self.name("base"),
            demonstrations=(str(self.folder / "demonstrations.jsonl"),),
            epochs=self.size.sft_epochs,
            batch_size=16,
            learning_rate=1.5e-3,
            threads=cores(),
            seed=self.seed,
        )

    def samples(self) -> SampleConfig:
        """The completions that are ranked."""
        return SampleConfig(
            checkpoint=self.name("sft"),
            prompts=self.folder / "prompts.jsonl",
            output=self.folder / "samples.jsonl",
            use="reward",
            max_new_tokens=COMPLETION_TOKENS,
            batch_size=512,
            seed=self.seed,
        )

    def reward(self, snapshot: Path) -> dict[str, Command]:
        """The reward models, side by side."""
        return {
            self.name(f"reward-{i + 1}"): Command(
                "reward train",
                RewardConfig(
                    base=self.name("sft"),
                    comparisons=str(snapshot),
                    epochs=self.size.reward_epochs,
                    batch_comparisons=16,
                    learning_rate=2e-3,
                    weight_decay=0.05,
                    threads=1,
                    seed=self.seed + 1000 * i,
                ),
                progress=("reward/epoch", self.size.reward_epochs),
            )
            for i in range(REWARD_MODELS)
        }

    def dpo(self, snapshot: Path) -> dict[str, Command]:
        """DPO, by two processes."""
        config = DPOConfig(
            policy=self.name("sft"),
            comparisons=str(snapshot),
            beta=0.1,
            epochs=self.size.dpo_epochs,
            batch_comparisons=16,
            learning_rate=6e-4,
            threads=1,
            seed=self.seed,
        )
        progress = ("dpo/epoch", self.size.dpo_epochs)
        return {self.name("dpo"): Command("dpo train", config, PROCESSES, progress)}

    def ppo(self) -> dict[str, Command]:
        """PPO, by two processes."""
        config = PPOConfig(
            policy=self.name("sft"),
            reward_models=self._reward_models(),
            prompts=self.folder / "prompts.jsonl",
            total_episodes=self.size.ppo_iterations * self.size.ppo_batch_size,
            batch_size=self.size.ppo_batch_size,
            max_new_tokens=COMPLETION_TOKENS,
            temperature=1.0,
            missing_eos="replace",
            missing_eos_value=-3.0,
            score_normalization="start",
            score_clip=3.0,
            kl_coef=0.1,
            kl_controller="adaptive",
            kl_target=5.0,
            kl_horizon=1_000,
            kl_coef_limits=(0.5, 8.0),
            num_ppo_epochs=1,
            num_mini_batches=4,
            micro_batch_tokens=4096,
            early_stop_kl=0.05,
            learning_rate=1e-3,
            critic_learning_rate=2e-3,
            value_head_init="zero",
            old_logprobs="sampler",
            keep="best",
            best_max_kl=8.0,
            best_min_distinct_2=0.85,
            seed=self.seed,
            threads=1,
        )
        progress = ("step", float(self.size.ppo_iterations))
        return {self.name("ppo"): Command("ppo train", config, PROCESSES, progress)}

    def compare(self) -> CompareConfig:
        """SFT, DPO and PPO on held-out prompts."""
        return CompareConfig(
            start=self.name("sft"),
            policies=(f"dpo={self.name('dpo')}", f"ppo={self.name('ppo')}"),
            prompts=self.folder / "prompts.jsonl",
            reward_models=self._reward_models(),
            base=self.name("base"),
            samples_per_prompt=self.size.samples_per_prompt,
            max_new_tokens=COMPLETION_TOKENS,
            batch_size=512,
            seed=self.seed,
        )

    def _reward_models(self) -> tuple[str, ...]:
        return tuple(self.name(f"reward-{i + 1}") for i in range(REWARD_MODELS))


def cores() -> int:
    """Threads for stages that run alone: the cores of this process, at most two so that all machines agree."""
    return min(2, len(os.sched_getaffinity(0)))
