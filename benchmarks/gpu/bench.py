"""The device, the scale and the table that grows: what the parts of the GPU benchmark share."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from workbench.modeling.devices import resolve_device, resolve_dtype

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
