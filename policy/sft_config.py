"""Settings of supervised fine-tuning; the string under a field is its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SFTConfig:
    """Fine-tune a base model on demonstrations, or on the best-ranked completions of comparisons."""

    base: str | None = None
    """The model to start from: a checkpoint folder, the name of a finished run, or the start of a hash. Needed."""
    demonstrations: tuple[str, ...] = ()
    """Files of demonstrations (.jsonl or .jsonl.gz)."""
    comparisons: str | None = None
    """A snapshot (its train split) or a comparisons.jsonl, whose best-ranked completions are demonstrations too."""
    criterion: str | None = None
    """The criterion that the comparisons are ranked by; needed where a file has more than one."""
    max_length: int | None = None
    """Tokens of an example; by default the context of the model."""
    skip_too_long: bool = False
    """Leave out examples without a trained token inside max_length, and count them, instead of refusing them all."""
    validation_fraction: float = 0.05
    """Share of the prompts held out, chosen by the hash of the opening turn; 0 holds out none."""

    epochs: float = 2.0
    """Passes over the examples."""
    batch_size: int = 32
    """Examples in one optimiser step, over all processes."""
    micro_batch_size: int | None = None
    """Examples of one forward pass on one process; by default all of its examples of a step."""
    learning_rate: float = 2e-5
    """Peak learning rate; 1e-3 suits models of a million parameters."""
    lr_scheduler: Literal["linear", "cosine", "constant"] = "linear"
    """How the rate falls over the run; linear and cosine end at 0."""
    warmup_ratio: float = 0.03
    """Share of the run over which the rate rises from 0."""
    weight_decay: float = 0.0
    """AdamW's weight decay."""
    adam_beta1: float = 0.9
    """Adam's decay of the mean."""
    adam_beta2: float = 0.999
    """Adam's decay of the variance."""
    max_grad_norm: float | None = 1.0
    """Gradients are scaled down to this norm; null does not clip."""
    group_by_length: bool = True
    """Batch examples of like length, so that little is padded."""

    lora_rank: int = 0
    """Rank of LoRA adapters; 0 trains all weights."""
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
    mixed_precision: Literal["no", "bf16", "auto"] = "auto"
    """Number format of forward and backward; auto: bf16 where the hardware has it. Weights stay in float32."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass, to save memory."""
    device: str | None = None
    """Where to train (cpu, cuda); by default on the GPU if there is one."""
    threads: int = 0
    """CPU threads; 0: as the environment says."""
    log_every: int = 10
    """Steps between lines of metrics."""
    save_minutes: float = 5.0
    """Time between checkpoints that a broken run resumes from."""
    seed: int = 0
    """Of the order of the examples and of LoRA's weights."""

    def check_complete(self) -> None:
        """Raise ValueError unless the settings say what to train on what; a file may leave that to flags."""
        if not self.base:
            raise ValueError(
                "base is needed: the model to fine-tune (a folder, a run's name or a checkpoint's hash)"
            )
        if not self.demonstrations and not self.comparisons:
            raise ValueError("give demonstrations (files), comparisons (a snapshot or a file), or both")

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "log_every", "save_minutes", "lora_alpha"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("max_length", "micro_batch_size"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction must be at least 0 and below 1, got {self.validation_fraction}"
            )
        if not 0 <= self.warmup_ratio <= 1:
            raise ValueError(f"warmup_ratio must be from 0 to 1, got {self.warmup_ratio}")
        if self.lora_rank < 0:
            raise ValueError(f"lora_rank must be 0 (all weights) or more, got {self.lora_rank}")
