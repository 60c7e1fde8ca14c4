"""What a GPU is asked to show, in one call: pretraining, sampling, grouped reward and DPO against pairs, PPO's split.

    bash benchmarks/gpu.sh [--output FILE] [--seconds 20] [--tiny]

Everything is random weights and random tokens, so no network and no data are needed; of packages it takes torch,
transformers, accelerate, peft, datasets and numpy. Each pair of rows ran in turns in this process. `--tiny` runs all of
it on a CPU in a minute: that shows that it works, and its numbers mean nothing.
"""

import argparse
import contextlib
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, TrainingArguments

from dpo.train import RankingDPOTrainer
from policy.config import PPOConfig
from policy.ppo_trainer import PPOTrainer
from pretrain.model import LanguageModelLoss
from reward.train import RankingRewardTrainer
from tests.tiny_models import byte_tokenizer
from workbench.modeling.devices import autocast, compile_blocks, resolve_device, resolve_dtype
from workbench.modeling.generation import Sampling, generate
from workbench.modeling.groups import Group
from workbench.modeling.optimizers import build_optimizers
from workbench.modeling.rankings import RankedGroup

EOS, PAD, VOCABULARY = 2, 0, 262


@dataclass(frozen=True)
class Scale:
    """How large everything is."""

    hidden: int
    layers: int
    heads: int
    context: int
    rows: int
    """Of a pretraining step."""
    comparisons: int
    prompt: int
    completion: int
    samples: int
    new_tokens: int
    ppo_batch: int


SCALES = {
    "full": Scale(768, 12, 12, 1024, 16, 32, 256, 100, 512, 128, 256),
    "tiny": Scale(32, 2, 4, 64, 4, 2, 16, 8, 8, 6, 8),
}


class Bench:
    """The device, the scale and the table that grows."""

    def __init__(self, scale: Scale, seconds: float, output: Path) -> None:
        self.scale, self.seconds, self.output = scale, seconds, output
        self.device = resolve_device()
        self.dtype = resolve_dtype("auto" if self.device.type == "cuda" else "float32", self.device)
        name = torch.cuda.get_device_name() if self.device.type == "cuda" else "CPU"
        self.lines = [
            "# Measured on a GPU" if self.device.type == "cuda" else "# A trial on a CPU: these numbers mean nothing",
            "",
            f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, {name}, torch {torch.__version__}, {self.dtype}; "
            f"d {scale.hidden}, {scale.layers} layers, {scale.context} positions.",
        ]  # fmt: skip

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table, and write the file anew, so that a run cut short keeps what it had."""
        lines = ["", f"## {title}", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
        print("\n".join(lines), flush=True)
        self.lines += lines
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.output.write_text("\n".join(self.lines) + "\n", encoding="utf-8")

    def in_turns(self, runs: dict[str, Callable[[], object]]) -> dict[str, tuple[float, float]]:
        """Median seconds and peak GiB of each run, the runs in turns until the time is spent; two rounds at least."""
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        peak = dict.fromkeys(runs, 0.0)
        for run in runs.values():
            run()  # Warm-up: compiling, autotuning, the first allocations.
        began, rounds = time.monotonic(), 0
        while rounds < 2 or time.monotonic() - began < self.seconds:
            for name in list(runs)[:: 1 if rounds % 2 else -1]:
                with self._peak(peak, name):
                    start = time.perf_counter()
                    runs[name]()
                    self._wait()
                    seconds[name].append(time.perf_counter() - start)
            rounds += 1
        return {name: (statistics.median(seconds[name]), peak[name]) for name in runs}

    @contextlib.contextmanager
    def _peak(self, peak: dict[str, float], name: str) -> Iterator[None]:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        yield
        if self.device.type == "cuda":
            peak[name] = max(peak[name], torch.cuda.max_memory_allocated() / 2**30)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def config(self, **more: object) -> LlamaConfig:
        """A Llama of this scale."""
        s = self.scale
        return LlamaConfig(
            vocab_size=VOCABULARY, hidden_size=s.hidden, intermediate_size=round(2.75 * s.hidden / 32) * 32,
            num_hidden_layers=s.layers, num_attention_heads=s.heads, num_key_value_heads=max(1, s.heads // 2),
            max_position_embeddings=s.context, tie_word_embeddings=True, pad_token_id=PAD, bos_token_id=1,
            eos_token_id=EOS, attn_implementation="sdpa", **more,
        )  # fmt: skip

    def causal(self) -> LlamaForCausalLM:
        """A policy with random weights."""
        torch.manual_seed(0)
        return LlamaForCausalLM(self.config()).to(self.device)

    def groups(self, k: int) -> list[RankedGroup]:
        """Random comparisons of k completions, ranked 1 to k."""
        chance = random.Random(0)

        def tokens(size: int) -> tuple[int, ...]:
            return tuple(chance.randrange(6, VOCABULARY) for _ in range(size))

        s = self.scale
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

    def arguments(self, folder: str) -> TrainingArguments:
        """The library's arguments on this device."""
        return TrainingArguments(
            output_dir=folder, use_cpu=self.device.type == "cpu", bf16=self.dtype == torch.bfloat16, report_to=[],
            per_device_train_batch_size=self.scale.comparisons,
        )  # fmt: skip


def pretraining(bench: Bench) -> None:
    """Tokens a second of a whole step, with and without compiled blocks."""
    s, runs = bench.scale, {}
    compiled = (False, True) if bench.device.type == "cuda" else (False,)
    for compile_too in compiled:
        model = bench.causal()
        if compile_too:
            compile_blocks(model.model.layers)
        optimizers = build_optimizers(
            model, optimizer="muon", learning_rate=1e-3, embedding_learning_rate=1e-3, weight_decay=0.1,
            betas=(0.9, 0.95), momentum=0.95,
        )  # fmt: skip
        loss_of = LanguageModelLoss(model)
        rows = torch.randint(3, VOCABULARY, (s.rows, s.context), device=bench.device)

        def step(loss_of=loss_of, optimizers=optimizers, rows=rows) -> None:
            with autocast(bench.device, bench.dtype):
                loss, _ = loss_of(rows[:, :-1], rows[:, 1:])
            (loss / rows.numel()).backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

        runs["compiled" if compile_too else "eager"] = step
    found = bench.in_turns(runs)
    tokens = s.rows * s.context
    bench.table(
        f"Pretraining with Muon, steps of {s.rows} x {s.context} tokens",
        ["blocks", "tokens/s", "peak GiB"],
        [[name, f"{tokens / took:,.0f}", f"{peak:.1f}"] for name, (took, peak) in found.items()],
    )


def sampling(bench: Bench) -> None:
    """Tokens a second of our sampler and of transformers' generate, all rows to the limit."""
    s, model = bench.scale, bench.causal().eval()
    prompts = torch.randint(3, VOCABULARY, (s.samples, s.prompt), device=bench.device)
    rows, mask = prompts.tolist(), torch.ones_like(prompts)

    def ours() -> None:
        with autocast(bench.device, bench.dtype):
            generate(
                model, rows, sampling=Sampling(max_new_tokens=s.new_tokens), seeds=range(s.samples), eos_token_id=10**6,
                pad_token_id=PAD, batch_size=s.samples,
            )  # fmt: skip

    def theirs() -> None:
        with torch.inference_mode(), autocast(bench.device, bench.dtype):
            model.generate(
                input_ids=prompts, attention_mask=mask, do_sample=True, top_k=0, max_new_tokens=s.new_tokens,
                min_new_tokens=s.new_tokens,
            )  # fmt: skip

    found = bench.in_turns({"ours": ours, "transformers' generate": theirs})
    tokens = s.samples * s.new_tokens
    bench.table(
        f"Sampling, {s.samples} prompts of {s.prompt} tokens, {s.new_tokens} new each",
        ["sampler", "tokens/s", "peak GiB"],
        [[name, f"{tokens / took:,.0f}", f"{peak:.1f}"] for name, (took, peak) in found.items()],
    )


def rankings(bench: Bench) -> None:
    """Loss and gradient of reward model and DPO, grouped, against the same rankings laid out as TRL's pairs."""
    rows = []
    for k in (4, 9):
        groups = bench.groups(k)
        for name, pair in (("reward", _reward_pair), ("DPO", _dpo_pair)):
            with tempfile.TemporaryDirectory() as folder:
                ours, theirs = pair(bench, groups, folder)
                apart = abs(ours() - theirs())
                found = bench.in_turns({"grouped": ours, "pairs": theirs})
            (a, grouped), (b, pairs) = found["grouped"], found["pairs"]
            rows.append(
                [name, str(k), f"{1000 * a:.0f}", f"{1000 * b:.0f}", f"{b / a:.1f}", f"{grouped:.1f}", f"{pairs:.1f}",
                 f"{apart:.0e}"]
            )  # fmt: skip
    bench.table(
        f"{bench.scale.comparisons} rankings, prompts of {bench.scale.prompt} tokens: loss and gradient",
        [
            "loss",
            "K",
            "ms, grouped",
            "ms, pairs",
            "ratio",
            "peak GiB, grouped",
            "peak GiB, pairs",
            "loss differs by",
        ],
        rows,
    )


Pair = tuple[Callable[[], float], Callable[[], float]]


def _reward_pair(bench: Bench, groups: list[RankedGroup], folder: str) -> Pair:
    torch.manual_seed(0)
    model = LlamaForSequenceClassification(bench.config(num_labels=1)).to(bench.device)
    trainer = RankingRewardTrainer(
        model, bench.arguments(folder), groups, processing_class=byte_tokenizer(), ties="drop"
    )

    def pair_loss(ids: Tensor, mask: Tensor, starts: list[int]) -> Tensor:
        scores = model(input_ids=ids, attention_mask=mask).logits[:, 0].float()
        return -F.logsigmoid(scores[0::2] - scores[1::2])

    return _grouped(trainer, groups), _paired(bench, model, groups, pair_loss)


def _dpo_pair(bench: Bench, groups: list[RankedGroup], folder: str) -> Pair:
    """The reference's log-probabilities are zeros on both sides: they cost nothing in either layout."""
    model, beta = bench.causal(), 0.1
    reference = {g.group.id: np.zeros(len(g.group.completions)) for g in groups}
    trainer = RankingDPOTrainer(
        model,
        bench.arguments(folder),
        groups,
        processing_class=byte_tokenizer(),
        reference=reference,
        beta=beta,
    )

    def pair_loss(ids: Tensor, mask: Tensor, starts: list[int]) -> Tensor:
        log_probs = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float().log_softmax(-1)
        chosen = log_probs.gather(2, ids[:, 1:, None]).squeeze(2)
        place = torch.arange(ids.shape[1] - 1, device=ids.device)
        own = (place >= torch.tensor(starts, device=ids.device)[:, None] - 1) & mask[:, 1:].bool()
        sums = (chosen * own).sum(1)
        return -F.logsigmoid(beta * (sums[0::2] - sums[1::2]))

    return _grouped(trainer, groups), _paired(bench, model, groups, pair_loss)


def _grouped(
    trainer: RankingRewardTrainer | RankingDPOTrainer, groups: list[RankedGroup]
) -> Callable[[], float]:
    def run() -> float:
        total = 0.0
        for start in range(0, len(groups), 8):
            members = range(start, min(start + 8, len(groups)))
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
) -> Callable[[], float]:
    """A row a completion of each pair, prompt included, 16 pairs at a time: what a trainer on pairs forwards."""
    pairs = [
        (len(g.group.prompt), [*g.group.prompt, *text])
        for g in groups
        for better, worse in combinations(g.group.completions, 2)
        for text in (better, worse)
    ]

    def run() -> float:
        total = 0.0
        for start in range(0, len(pairs), 32):
            part = pairs[start : start + 32]
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
        return total / (len(pairs) // 2)

    return run


def ppo(bench: Bench) -> None:
    """Where an iteration's time goes, with a function as the reward."""
    s = bench.scale
    config = PPOConfig(
        total_episodes=64 * s.ppo_batch, batch_size=s.ppo_batch, max_new_tokens=s.new_tokens, num_ppo_epochs=2,
        num_mini_batches=2, micro_batch_tokens=s.ppo_batch * s.context // 8,
        mixed_precision="bf16" if bench.dtype == torch.bfloat16 else "no",
        device=None if bench.device.type == "cuda" else "cpu",
    )  # fmt: skip
    trainer = PPOTrainer(
        model=bench.causal(), reward_model=lambda prompts, texts: [len(set(text)) / 10 for text in texts],
        train_dataset=[f"Say {i}" for i in range(64)], processing_class=byte_tokenizer(), args=config,
    )  # fmt: skip
    trainer.prepare()
    trainer.iterate()
    split: dict[str, list[float]] = {}
    began = time.monotonic()
    while len(split.get("time/update", [])) < 2 or time.monotonic() - began < bench.seconds:
        for key, value in trainer.iterate().items():
            if key.startswith("time/"):
                split.setdefault(key, []).append(value)
    medians = {key.removeprefix("time/"): statistics.median(values) for key, values in split.items()}
    total = sum(medians.values())
    bench.table(
        f"A PPO iteration: {s.ppo_batch} samples of up to {s.new_tokens} tokens, 2 epochs",
        ["part", "seconds", "share"],
        [[name, f"{took:.2f}", f"{took / total:.0%}"] for name, took in medians.items()],
    )


def main() -> None:
    """Run every part and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("gpu.md"))
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of each measurement, warm-up not counted"
    )
    parser.add_argument("--tiny", action="store_true", help="small and short, on any device")
    options = parser.parse_args()
    if not options.tiny and not torch.cuda.is_available():
        print("no GPU here; --tiny shows on a CPU that the benchmark works")
        return
    scale = SCALES["tiny" if options.tiny else "full"]
    bench = Bench(scale, 0.0 if options.tiny else options.seconds, options.output)
    for part in (pretraining, sampling, rankings, ppo):
        part(bench)
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()
    print(f"\ntables: {options.output}")


if __name__ == "__main__":
    main()
