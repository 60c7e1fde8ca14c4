"""What a GPU is asked to show, in one call: pretraining, sampling, grouped reward and DPO against TRL, PPO's split.

    bash benchmarks/gpu.sh [--output FILE] [--seconds 20] [--tiny]

Everything is random weights and random tokens, so no network and no data are needed; of packages it takes torch,
transformers, accelerate, peft, trl, datasets and numpy. Rows that are compared ran in turns in this process. `--tiny`
runs all of it on a CPU in a minute: that shows that it works, and its numbers mean nothing.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from benchmarks.gpu.bench import PAD, SCALES, VOCABULARY, Bench
from benchmarks.gpu.rankings import rankings
from policy.config import PPOConfig
from policy.ppo_trainer import PPOTrainer
from pretrain.model import LanguageModelLoss
from tests.tiny_models import byte_tokenizer
from workbench.modeling.devices import autocast, compile_blocks
from workbench.modeling.generation import Sampling, generate
from workbench.modeling.optimizers import build_optimizers


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
