"""Grouped against pair-expanded reward training: sequences, tokens and time for the same rankings, paired in one run.

Ours encodes a comparison as one prompt and K completions. The peer is TRL's RewardTrainer on the same rankings, written
out as its data format asks: K(K-1)/2 rows of a chosen and a rejected text, each with the prompt in it. Both compute
the same loss (the mean over a ranking's pairs) and its gradient; the losses are compared. Every repeat runs both, in
alternating order, on one thread, and times are of the CPU.

    python benchmarks/grouped_reward/run.py --comparisons 16 --repeats 5
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import copy
import platform
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import combinations

import numpy as np
import torch
from datasets import Dataset
from transformers import LlamaConfig, LlamaForSequenceClassification, TrainingArguments
from trl import RewardConfig, RewardTrainer

from reward.train import RankingRewardTrainer
from tests.tiny_models import byte_tokenizer
from workbench.modeling.groups import Group
from workbench.modeling.rankings import RankedGroup

SHAPES = [(4, 32), (9, 32), (4, 256), (9, 256)]  # K and tokens of the prompt
EOS, PAD = 2, 0


def main() -> None:
    """Measure every shape and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--comparisons", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(
        f"{arguments.comparisons} comparisons, completions of 60 to 100 tokens; "
        f"{platform.processor() or platform.machine()}"
    )
    print("torch", torch.__version__, "threads", torch.get_num_threads(), "\n")
    columns = ("K", "prompt", "sequences, TRL/ours", "tokens, TRL/ours", "CPU s, TRL", "CPU s, ours",
               "ratio, median (min to max)", "loss differs by")  # fmt: skip
    print("|", " | ".join(columns), "|")
    print("|---|---|---|---|---|---|---|---|")
    for k, prompt in SHAPES:
        measure(k, prompt, arguments.comparisons, arguments.repeats)


def measure(k: int, prompt: int, count: int, repeats: int) -> None:
    """One row of the table."""
    groups = make_groups(k, prompt, count)
    with tempfile.TemporaryDirectory() as folder:
        runs = {"trl": trl_run(groups, folder), "ours": our_run(groups, folder)}
        times: dict[str, list[float]] = {name: [] for name in runs}
        losses = {}
        for repeat in range(repeats + 1):
            for name in list(runs)[:: 1 if repeat % 2 else -1]:
                begun = time.process_time()
                losses[name] = runs[name]()
                if repeat:  # The first is a warm-up.
                    times[name].append(time.process_time() - begun)
    pairs = k * (k - 1) // 2
    expanded = sum(
        2 * pairs * len(g.group.prompt) + (k - 1) * sum(map(len, g.group.completions)) for g in groups
    )
    grouped = sum(g.group.num_tokens for g in groups)
    ratios = [a / b for a, b in zip(times["trl"], times["ours"], strict=True)]
    middle = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    print(
        f"| {k} | {prompt} | {2 * pairs}/{k} = {2 * pairs / k:.0f} | {expanded / grouped:.1f} | "
        f"{statistics.median(times['trl']):.2f} | {statistics.median(times['ours']):.2f} | {middle} | "
        f"{abs(losses['trl'] - losses['ours']):.0e} |",
        flush=True,
    )


def make_groups(k: int, prompt: int, count: int) -> list[RankedGroup]:
    """Random tokens, ranked 1 to k."""
    chance = random.Random(0)

    def tokens(size: int) -> tuple[int, ...]:
        return tuple(chance.randrange(6, 262) for _ in range(size))

    return [
        RankedGroup(
            Group(f"c{i}", tokens(prompt), tuple((*tokens(chance.randrange(59, 99)), EOS) for _ in range(k))),
            np.arange(1, k + 1)[None],
            np.ones(1),
            np.arange(k),
            tuple(range(k)),
            ("a",),
        )
        for i in range(count)
    ]


def model() -> LlamaForSequenceClassification:
    """0.9 million parameters with one head."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1024, hidden_size=128, intermediate_size=352, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, pad_token_id=PAD, eos_token_id=EOS, num_labels=1,
    )  # fmt: skip
    return LlamaForSequenceClassification(config)


def our_run(groups: list[RankedGroup], folder: str) -> Callable[[], float]:
    """Loss and gradient of all comparisons, by our trainer, eight comparisons at a time."""
    args = TrainingArguments(output_dir=folder, use_cpu=True, per_device_train_batch_size=8)
    trainer = RankingRewardTrainer(
        copy.deepcopy(model()), args, groups, processing_class=byte_tokenizer(), ties="drop"
    )

    def run() -> float:
        total = 0.0
        for start in range(0, len(groups), 8):
            members = range(start, min(start + 8, len(groups)))
            loss, _ = trainer.batch_loss(trainer.model, trainer.collate(groups, members))
            loss.backward()
            total += float(loss.detach())
        trainer.model.zero_grad()
        return total / len(groups)

    return run


def trl_run(groups: list[RankedGroup], folder: str) -> Callable[[], float]:
    """The same by TRL, with the pairs of all comparisons, as many tokens at a time."""
    rows = [
        {"chosen_ids": [*g.group.prompt, *better], "rejected_ids": [*g.group.prompt, *worse]}
        for g in groups
        for better, worse in combinations(g.group.completions, 2)
    ]
    args = RewardConfig(
        output_dir=folder, use_cpu=True, bf16=False, activation_checkpointing=False, report_to=[],
        per_device_train_batch_size=16, dataloader_pin_memory=False, max_length=None,
    )  # fmt: skip
    trainer = RewardTrainer(
        copy.deepcopy(model()), args, train_dataset=Dataset.from_list(rows), processing_class=byte_tokenizer()
    )

    def run() -> float:
        total = 0.0
        for start in range(0, len(rows), 16):
            part = rows[start : start + 16]
            loss = trainer.compute_loss(trainer.model, trainer.data_collator(part))
            (loss * len(part)).backward()
            total += float(loss.detach()) * len(part)
        trainer.model.zero_grad()
        return total / len(rows)

    return run


if __name__ == "__main__":
    main()
