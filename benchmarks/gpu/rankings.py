"""Reward model and DPO on whole rankings, against the same rankings as pairs: laid out by us, and by TRL's trainers.

All compute the same loss, the mean over the pairs of each ranking, and its gradient; by how much the losses differ
stands in the table. The reference's log-probabilities are zeros everywhere: they cost nothing in any layout.
"""

import random
import tempfile
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from torch.nn import functional as F
from transformers import LlamaForSequenceClassification, TrainingArguments
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer

from benchmarks.gpu.bench import EOS, PAD, VOCABULARY, Bench
from dpo.train import RankingDPOTrainer
from reward.train import RankingRewardTrainer
from tests.tiny_models import byte_tokenizer
from workbench.modeling.devices import autocast
from workbench.modeling.groups import Group
from workbench.modeling.rankings import RankedGroup
from workbench.modeling.training import RECOMPUTE

BETA = 0.1
PAIRS_AT_ONCE = 16
COMPARISONS_AT_ONCE = 8

Run = Callable[[], float]
"""Forward and backward of everything; returns the loss."""


def rankings(bench: Bench) -> None:
    """Milliseconds and memory of one pass over all rankings, in each layout."""
    rows = []
    for k in (4, 9):
        groups = make_groups(bench, k)
        for name, prepare in (("reward", _reward), ("DPO", _dpo)):
            with tempfile.TemporaryDirectory() as folder:
                runs = prepare(bench, groups, folder)
                losses = {layout: run() for layout, run in runs.items()}
                found = bench.in_turns(runs)
            ours, grouped = next(iter(losses.values())), next(iter(found.values()))[0]
            for layout, (took, peak) in found.items():
                apart = abs(losses[layout] - ours)
                rows.append(
                    [name, str(k), layout, f"{1000 * took:.0f}", f"{took / grouped:.1f}", f"{peak:.1f}", f"{apart:.0e}"]
                )  # fmt: skip
    bench.table(
        f"{bench.scale.comparisons} rankings, prompts of {bench.scale.prompt} tokens: loss and gradient",
        ["loss", "K", "layout", "ms", "times grouped", "peak GiB", "loss differs by"],
        rows,
    )


def make_groups(bench: Bench, k: int) -> list[RankedGroup]:
    """Random comparisons of k completions, ranked 1 to k."""
    chance = random.Random(0)

    def tokens(size: int) -> tuple[int, ...]:
        return tuple(chance.randrange(6, VOCABULARY) for _ in range(size))

    s = bench.scale
    return [
        RankedGroup(
            Group(
                f"c{i}",
                tokens(s.prompt),
                tuple((*tokens(chance.randrange(s.completion // 2, s.completion)), EOS) for _ in range(k)),
            ),
            np.arange(1, k + 1)[None], np.ones(1), np.arange(k), tuple(range(k)), ("a",),
        )
        for i in range(s.comparisons)
    ]  # fmt: skip


def _reward(bench: Bench, groups: list[RankedGroup], folder: str) -> dict[str, Run]:
    def model() -> LlamaForSequenceClassification:
        torch.manual_seed(0)
        return LlamaForSequenceClassification(bench.config(num_labels=1)).to(bench.device)

    ours = RankingRewardTrainer(
        model(), _arguments(bench, folder), groups, processing_class=byte_tokenizer(), ties="drop"
    )
    bare = model()

    def pair_loss(ids: Tensor, mask: Tensor, starts: list[int]) -> Tensor:
        scores = bare(input_ids=ids, attention_mask=mask).logits[:, 0].float()
        return -F.logsigmoid(scores[0::2] - scores[1::2])

    rows = [
        {"chosen_ids": [*prompt, *better], "rejected_ids": [*prompt, *worse]}
        for prompt, better, worse in _pairs(groups)
    ]
    trl = RewardTrainer(
        model(),
        RewardConfig(**_trl_settings(bench, folder)),
        train_dataset=Dataset.from_list(rows),
        processing_class=byte_tokenizer(),
    )
    return {
        "grouped": _grouped(ours, groups),
        "pairs": _paired(bench, bare, groups, pair_loss),
        "pairs, TRL's RewardTrainer": _trl(trl, rows),
    }


def _dpo(bench: Bench, groups: list[RankedGroup], folder: str) -> dict[str, Run]:
    ours = RankingDPOTrainer(
        bench.causal(),
        _arguments(bench, folder),
        groups,
        processing_class=byte_tokenizer(),
        reference={g.group.id: np.zeros(len(g.group.completions)) for g in groups},
        beta=BETA,
    )
    bare = bench.causal()

    def pair_loss(ids: Tensor, mask: Tensor, starts: list[int]) -> Tensor:
        log_probs = bare(input_ids=ids, attention_mask=mask).logits[:, :-1].float().log_softmax(-1)
        chosen = log_probs.gather(2, ids[:, 1:, None]).squeeze(2)
        place = torch.arange(ids.shape[1] - 1, device=ids.device)
        own = (place >= torch.tensor(starts, device=ids.device)[:, None] - 1) & mask[:, 1:].bool()
        sums = (chosen * own).sum(1)
        return -F.logsigmoid(BETA * (sums[0::2] - sums[1::2]))

    # TRL tokenises what it is given, so it is given one pair of words; its batches are made of tokens below.
    one = Dataset.from_list([{"prompt": "a", "chosen": " b", "rejected": " c"}])
    trl = DPOTrainer(
        bench.causal(),
        args=DPOConfig(beta=BETA, precompute_ref_log_probs=True, **_trl_settings(bench, folder)),
        train_dataset=one,
        processing_class=byte_tokenizer(),
    )
    rows = [
        {
            "prompt_ids": [*prompt],
            "chosen_ids": [*better],
            "rejected_ids": [*worse],
            "ref_chosen_logps": 0.0,
            "ref_rejected_logps": 0.0,
        }
        for prompt, better, worse in _pairs(groups)
    ]
    return {
        "grouped": _grouped(ours, groups),
        "pairs": _paired(bench, bare, groups, pair_loss),
        "pairs, TRL's DPOTrainer": _trl(trl, rows),
    }


def _arguments(bench: Bench, folder: str) -> TrainingArguments:
    return TrainingArguments(
        output_dir=folder, use_cpu=bench.device.type == "cpu", bf16=bench.dtype == torch.bfloat16, report_to=[],
        per_device_train_batch_size=bench.scale.comparisons,
    )  # fmt: skip


def _trl_settings(bench: Bench, folder: str) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "use_cpu": bench.device.type == "cpu",
        "bf16": bench.dtype == torch.bfloat16,
        RECOMPUTE: False,
        "report_to": [],
        "per_device_train_batch_size": PAIRS_AT_ONCE,
        "dataloader_pin_memory": False,
        "max_length": None,
    }


Tokens = tuple[int, ...]


def _pairs(groups: list[RankedGroup]) -> list[tuple[Tokens, Tokens, Tokens]]:
    """Prompt, better and worse completion of every pair."""
    return [
        (g.group.prompt, better, worse) for g in groups for better, worse in combinations(g.group.completions, 2)
    ]  # fmt: skip


def _grouped(trainer: RankingRewardTrainer | RankingDPOTrainer, groups: list[RankedGroup]) -> Run:
    def run() -> float:
        total = 0.0
        for start in range(0, len(groups), COMPARISONS_AT_ONCE):
            members = range(start, min(start + COMPARISONS_AT_ONCE, len(groups)))
            with trainer.accelerator.autocast():
                loss, _ = trainer.batch_loss(trainer.model, trainer.collate(groups, members))
            loss.backward()
            total += float(loss.detach())
        trainer.model.zero_grad()
        return total / len(groups)

    return run


def _paired(
    bench: Bench,
    model: torch.nn.Module,
    groups: list[RankedGroup],
    pair_loss: Callable[[Tensor, Tensor, list[int]], Tensor],
) -> Run:
    """A row a completion of each pair, prompt included: the least that a trainer on pairs has to forward."""
    rows = [
        (len(prompt), [*prompt, *text])
        for prompt, better, worse in _pairs(groups)
        for text in (better, worse)
    ]

    def run() -> float:
        total = 0.0
        for start in range(0, len(rows), 2 * PAIRS_AT_ONCE):
            part = rows[start : start + 2 * PAIRS_AT_ONCE]
            width = max(len(row) for _, row in part)
            ids = torch.tensor([row + [PAD] * (width - len(row)) for _, row in part], device=bench.device)
            mask = torch.tensor(
                [[1] * len(row) + [0] * (width - len(row)) for _, row in part], device=bench.device
            )
            with autocast(bench.device, bench.dtype):
                loss = pair_loss(ids, mask, [begins for begins, _ in part]).sum()
            loss.backward()
            total += float(loss.detach())
        model.zero_grad()
        return total / (len(rows) // 2)

    return run


def _trl(trainer: RewardTrainer | DPOTrainer, rows: list[dict[str, Any]]) -> Run:
    """TRL's collator and loss, batch by batch, as its training loop calls them."""

    def run() -> float:
        total = 0.0
        for start in range(0, len(rows), PAIRS_AT_ONCE):
            part = rows[start : start + PAIRS_AT_ONCE]
            inputs = trainer._prepare_inputs(trainer.data_collator(part))
            with trainer.compute_loss_context_manager():
                loss = trainer.compute_loss(trainer.model, inputs)
            (loss * len(part)).backward()
            total += float(loss.detach()) * len(part)
        trainer.model.zero_grad()
        return total / len(rows)

    return run
