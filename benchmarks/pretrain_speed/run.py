"""The pretraining loop against plain ones at equal shape; and bits a byte after equal time, Muon against AdamW.

Speed: the same model, rows and batch in four loops, turn by turn in one process: ours with Muon, ours with AdamW, a
plain loop (stock attention, full logits, torch's AdamW: nanoGPT's way) and transformers' Trainer. Times are of the CPU,
so that other work on the machine counts little. The losses of the first step are printed: all four see the same rows.

Learning: whole runs of `--seconds` CPU seconds each from one seed, with the rate annealed at the end of the budget;
AdamW gets several learning rates and its best one counts.

    python benchmarks/pretrain_speed/run.py --text simple_english.jsonl.gz --steps 10 --repeats 5 --seconds 60

Without --text it writes little stories by the demo's grammar.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import argparse
import json
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from torch.utils.data import Dataset
from transformers import Trainer as HFTrainer
from transformers import TrainingArguments

from pretrain.config import PretrainConfig
from pretrain.model import build_model, inputs_and_labels
from pretrain.prepare import prepare
from pretrain.tokenizer import load_tokenizer
from pretrain.train import train
from pretrain.trainer import Trainer
from workbench.runs import Run
from workbench.seeds import derive_seed
from workbench.shards import PackedText, row_numbers
from workflow.demo_grammar import draw_request, write_story


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text")
    parser.add_argument("--vocab-size", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ACCORD_HOME"] = folder
        text = arguments.text or stories(Path(folder) / "stories.jsonl")
        config = PretrainConfig(
            text=(text,),
            vocab_size=arguments.vocab_size,
            tokens=10**9,
            compile="off",
            device="cpu",
            evaluations=0,
        )
        packed = prepare(config, Path(folder) / "data")
        config = replace(config, text=(), packed=str(packed))
        print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), {platform.machine()}")
        speed(config, arguments.steps, arguments.repeats, Path(folder))
        learning(config, arguments.seconds)


def speed(config: PretrainConfig, steps: int, repeats: int, folder: Path) -> None:
    """Tokens a CPU second of the four loops."""
    loops = {
        "ours, Muon": our_loop(config, folder),
        "ours, AdamW": our_loop(replace(config, optimizer="adamw"), folder),
        "plain loop, AdamW": plain_loop(config),
        "transformers' Trainer, AdamW": hf_loop(config, folder, steps),
    }
    tokens = steps * config.batch_size * config.context
    rates: dict[str, list[float]] = {name: [] for name in loops}
    first: dict[str, float] = {}
    for repeat in range(repeats + 1):
        for name in list(loops)[:: 1 if repeat % 2 else -1]:
            began = time.process_time()
            loss = loops[name](steps)
            took = time.process_time() - began
            first.setdefault(name, loss)
            if repeat:  # The first round warms up.
                rates[name].append(tokens / took)
    base = rates["plain loop, AdamW"]
    print(f"\n{steps} steps of {config.batch_size} x {config.context} tokens, {repeats} rounds\n")
    print(
        "| loop | tokens a CPU second, median (min to max) | against plain, median of rounds | loss of the first step |"
    )
    print("|---|---|---|---|")
    for name, found in rates.items():
        ratio = statistics.median(a / b for a, b in zip(found, base, strict=True))
        print(
            f"| {name} | {statistics.median(found):,.0f} ({min(found):,.0f} to {max(found):,.0f}) | {ratio:.2f} "
            f"| {first[name]:.5f} |"
        )


def learning(config: PretrainConfig, seconds: float) -> None:
    """Bits a byte on held-out text after equal CPU time."""
    config = replace(config, tokens=None, minutes=seconds / 60)
    adamw = replace(config, optimizer="adamw")
    trials = [
        ("Muon (the defaults)", config),
        # Matrices and norms at several rates; embeddings at the defaults' rate, and at that of the matrices.
        *[(f"AdamW, {rate:g}", replace(adamw, learning_rate=rate)) for rate in (5e-4, 1e-3, 2e-3, 4e-3)],
        *[
            (f"AdamW, {rate:g} everywhere", replace(adamw, learning_rate=rate, embedding_learning_rate=rate))
            for rate in (1e-3, 2e-3)
        ],
    ]
    print(f"\n{seconds:.0f} CPU seconds of training each\n")
    print("| optimiser, peak learning rate | tokens | bits a byte |")
    print("|---|---|---|")
    for number, (name, trial) in enumerate(trials):
        summary = train(trial, name=f"trial-{number}", clock=time.process_time).summary
        print(f"| {name} | {summary['tokens']:,} | {summary['bits_per_byte']:.3f} |")


def our_loop(config: PretrainConfig, folder: Path) -> Callable[[int], float]:
    """Our trainer's steps."""
    run = Run(folder / "unused", "pretrain", resuming=False, finished=False, lock=None)
    trainer = Trainer(config, run, PackedText(config.packed), PartialState(cpu=True), time.monotonic)

    def steps(count: int) -> float:
        losses = [trainer.step().loss for _ in range(count)]
        return losses[0]

    return steps


def plain_loop(config: PretrainConfig) -> Callable[[int], float]:
    """A loop as one would write it first."""
    model, batches = model_of(config), Batches(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), fused=True)

    def steps(count: int) -> float:
        losses = []
        for _ in range(count):
            inputs, labels = batches.next()
            logits = model(inputs, use_cache=False).logits.float()
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(float(loss.detach()))
        return losses[0]

    return steps


def hf_loop(config: PretrainConfig, folder: Path, steps: int) -> Callable[[int], float]:
    """transformers' Trainer, a new one each round, since it trains to an end."""
    model, batches = model_of(config), Batches(config)
    tokenizer = load_tokenizer(batches.packed.tokenizer)

    class Rows(Dataset[dict[str, torch.Tensor]]):
        def __len__(self) -> int:
            return steps * config.batch_size

        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            row = torch.from_numpy(batches.rows(1)[0])
            unpredicted = (row == batches.packed.bos) | (row == batches.packed.pad)
            return {"input_ids": row, "labels": row.masked_fill(unpredicted, -100)}

    def run(count: int) -> float:
        trainer = HFTrainer(
            model,
            TrainingArguments(
                output_dir=str(folder / "hf"), per_device_train_batch_size=config.batch_size, max_steps=count,
                learning_rate=1e-3, use_cpu=True, save_strategy="no", report_to=[], disable_tqdm=True,
                logging_steps=1, dataloader_pin_memory=False, train_sampling_strategy="sequential",
            ),
            train_dataset=Rows(),
            processing_class=tokenizer,
            callbacks=[],
        )  # fmt: skip
        trainer.callback_handler.callbacks = [
            c for c in trainer.callback_handler.callbacks if "Printer" not in type(c).__name__
        ]
        trainer.train()
        return float(trainer.state.log_history[0]["loss"])

    return run


class Batches:
    """The rows that our trainer reads, in its order."""

    def __init__(self, config: PretrainConfig) -> None:
        self.config, self.packed, self.seen = config, PackedText(config.packed), 0
        self.seed = derive_seed(config.seed, "pretrain", "order")

    def rows(self, count: int) -> np.ndarray:
        """The next rows."""
        numbers = row_numbers(self.seed, self.seen, count, self.packed.num_rows("train"))
        self.seen += count
        return self.packed.rows("train", numbers)

    def next(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The next step's inputs and labels."""
        rows = torch.from_numpy(self.rows(self.config.batch_size))
        return inputs_and_labels(rows, bos=self.packed.bos, pad=self.packed.pad)


def model_of(config: PretrainConfig) -> torch.nn.Module:
    """The weights that our trainer starts from."""
    torch.manual_seed(derive_seed(config.seed, "pretrain", "weights"))
    return build_model(config, load_tokenizer(PackedText(config.packed).tokenizer))


def stories(file: Path) -> str:
    """2,000 little stories."""
    rng = np.random.default_rng(0)
    with file.open("w", encoding="utf-8") as out:
        for _ in range(2000):
            out.write(json.dumps({"text": write_story(draw_request(rng), rng)}) + "\n")
    return str(file)


if __name__ == "__main__":
    main()
