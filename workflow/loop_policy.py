"""The loop on real pairs: a base model from real English, SFT, a reward model, DPO and PPO, and their report.

The labels are the 992 pairs of `simple_1100_pref`: one instruction, a polite and a rude answer, both written by a
model. The policy that DPO and PPO start from learned from both kinds of answer, half each, so that there is something
to align.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpo.config import DPOConfig
from dpo.train import train as train_dpo
from evaluation.compare import compare
from evaluation.config import CompareConfig
from evaluation.report import comparison_page
from policy.config import PPOConfig
from policy.ppo import train as train_ppo
from policy.sft import train as train_sft
from policy.sft_config import SFTConfig
from pretrain.config import PretrainConfig
from pretrain.train import train as train_base
from reward.config import RewardConfig
from reward.train import train as train_reward
from storage.database import Database
from storage.importers.pairs import read_pairs
from storage.importing import import_comparisons
from storage.projects import create_project, find_project
from storage.snapshots import create_snapshot
from workbench.artifacts import write_file_aside
from workbench.console import say
from workbench.jsonl import write_demonstrations, write_prompts
from workbench.modeling.chat import prompt_messages
from workbench.records import Comparison, Demonstration, Message, PromptRecord
from workbench.runs import RunResult
from workbench.snapshots import Snapshot
from workflow.registration import register


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything."""

    tokens: int
    """Of the base model's training."""
    hidden_size: int
    num_layers: int
    sft_epochs: float
    reward_epochs: float
    dpo_epochs: float
    ppo_iterations: int
    evaluation_prompts: int


SIZES = {
    "small": Size(
        tokens=300_000, hidden_size=128, num_layers=3, sft_epochs=1, reward_epochs=3, dpo_epochs=1, ppo_iterations=2,
        evaluation_prompts=16,
    ),
    "full": Size(
        tokens=2_500_000, hidden_size=160, num_layers=4, sft_epochs=6, reward_epochs=3, dpo_epochs=3, ppo_iterations=30,
        evaluation_prompts=96,
    ),
}  # fmt: skip


def align(database: Database, data: Path, folder: Path, size: Size, *, name: str) -> dict[str, Any]:
    """Every stage in order; writes comparison.html into `folder` and returns the figures of each stage."""
    snapshot = freeze_pairs(database, data)
    demonstrations, prompts = write_inputs(snapshot, folder)
    say("base model on simple_english")
    base = _keep(
        train_base(
            PretrainConfig(
                text=(str(data / "corpus" / "simple_english.jsonl.gz"),),
                vocab_size=2048,
                context=256,
                hidden_size=size.hidden_size,
                num_layers=size.num_layers,
                intermediate_size=round(2.75 * size.hidden_size / 32) * 32,
                tokens=size.tokens,
            ),
            name=f"{name}-base",
        )
    )
    say("SFT on polite and rude answers, half each")
    sft = _keep(
        train_sft(
            SFTConfig(
                base=str(base.checkpoint),
                demonstrations=(str(demonstrations),),
                epochs=size.sft_epochs,
                learning_rate=1e-3,
                skip_too_long=True,
            ),
            name=f"{name}-sft",
        )
    )
    say("reward model on the pairs")
    reward = _keep(
        train_reward(
            RewardConfig(
                base=str(base.checkpoint),
                comparisons=str(snapshot.path),
                epochs=size.reward_epochs,
                batch_comparisons=16,
                learning_rate=1e-3,
                ties="drop",
                too_long="drop",
            ),
            name=f"{name}-reward",
        )
    )
    say("DPO")
    dpo = _keep(
        train_dpo(
            DPOConfig(
                policy=str(sft.checkpoint),
                comparisons=str(snapshot.path),
                epochs=size.dpo_epochs,
                learning_rate=1e-4,
                too_long="drop",
            ),
            name=f"{name}-dpo",
        )
    )
    say("PPO")
    ppo = _keep(
        train_ppo(
            PPOConfig(
                policy=str(sft.checkpoint),
                reward_models=(str(reward.checkpoint),),
                prompts=prompts,
                total_episodes=64 * size.ppo_iterations,
                batch_size=64,
                max_new_tokens=64,
                temperature=1.0,
                score_normalization="start",
                score_clip=3.0,
                kl_controller="adaptive",
                kl_target=4.0,
                num_ppo_epochs=2,
                learning_rate=2e-4,
            ),
            name=f"{name}-ppo",
        )
    )
    say("comparison on held-out instructions")
    compared = compare(
        CompareConfig(
            start=str(sft.checkpoint),
            policies=(f"dpo={dpo.checkpoint}", f"ppo={ppo.checkpoint}"),
            prompts=prompts,
            reward_models=(str(reward.checkpoint),),
            base=str(base.checkpoint),
            max_prompts=size.evaluation_prompts,
            max_new_tokens=64,
        ),
        labelled=list(snapshot.comparisons("test")),
    )
    page = comparison_page(compared, title="DPO and PPO on real pairs", shown_prompts=6)
    with write_file_aside(folder / "comparison.html") as file:
        file.write(page.to_html().encode())
    stages = {"base": base, "sft": sft, "reward": reward, "dpo": dpo, "ppo": ppo}
    return {
        "snapshot": {"content_hash": snapshot.content_hash, "counts": dict(snapshot.counts)},
        "stages": {stage: dict(result.summary) for stage, result in stages.items()},
        "comparison": compared.report,
    }


def freeze_pairs(database: Database, data: Path) -> Snapshot:
    """The pairs in a project of the database, frozen into a snapshot."""
    file = data / "instructions" / "simple_1100_pref.jsonl.gz"
    with database.writing() as session:
        project = find_project(session, "simple-pairs") or create_project(
            session, "simple-pairs", salt="simple-pairs"
        )
        import_comparisons(
            session,
            project.id,
            lambda _: (
                (None, comparison)
                for comparison in read_pairs(
                    file, prompt_fields=("instruction", "input"), annotator="llama-3.1"
                )
            ),
            source=file,
        )
        return create_snapshot(session, project)


def write_inputs(snapshot: Snapshot, folder: Path) -> tuple[Path, Path]:
    """demonstrations.jsonl and prompts.jsonl: training prompts for SFT and PPO, the others for the comparison."""
    demonstrations, prompts = folder / "demonstrations.jsonl", folder / "prompts.jsonl"
    write_demonstrations(demonstrations, (_demonstration(one) for one in snapshot.comparisons("train")))
    write_prompts(prompts, _prompts(snapshot))
    return demonstrations, prompts


def _demonstration(comparison: Comparison) -> Demonstration:
    """The polite or the rude answer, by the hash of the comparison's id."""
    chosen = hashlib.sha256(comparison.id.encode()).digest()[0] % len(comparison.completions)
    messages = (
        *prompt_messages(comparison.prompt),
        Message("assistant", comparison.completions[chosen].text),
    )
    return Demonstration(id=f"d-{comparison.id}", messages=messages)


def _prompts(snapshot: Snapshot) -> Iterator[PromptRecord]:
    for split, use in (("train", "rl"), ("validation", "evaluation"), ("test", "evaluation")):
        for comparison in snapshot.comparisons(split):
            yield PromptRecord(id=f"p-{comparison.id}", prompt=comparison.prompt, use=use)


def _keep(result: RunResult) -> RunResult:
    register(result.folder)
    return result
