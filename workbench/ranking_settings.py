"""Settings that every trainer on rankings has; a stage adds its own, and the string under a field is its help."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class RankingSettings:
    """Which rankings to learn from, how long, how fast and on what."""

    comparisons: str | None = None
    """A snapshot (a folder or the start of its hash) or a comparisons.jsonl. Needed."""
    criterion: str | None = None
    """The criterion to learn; needed where a file has more than one."""
    validation_fraction: float = 0.1
    """Share of the prompts of a file that is held out; a snapshot has its own splits."""
    max_length: int | None = None
    """Tokens of a prompt with its longest completion; by default the context of the model."""
    too_long: Literal["error", "drop"] = "error"
    """What to do with a comparison that exceeds max_length: stop with an error, or leave it out and count it."""
    label_model: Literal["none", "davidson", "crowdbt"] = "none"
    """Train on soft labels: P(i over j) of each pair by a model of all its rankings, annotators being equal (davidson)
    or each of a reliability and a position bias (crowdbt). Fitted on the train split; none: rankings as they are."""

    epochs: float = 1.0
    """Passes over the comparisons."""
    batch_comparisons: int = 32
    """Comparisons in one optimiser step, over all processes."""
    micro_batch_tokens: int = 4096
    """Tokens of one forward pass on one process; changes speed and memory, not the result."""
    learning_rate: float
    """Peak learning rate; its default is the stage's."""
    lr_scheduler: Literal["linear", "cosine", "constant"] = "linear"
    """How the rate falls over the run; linear and cosine end at 0."""
    warmup_ratio: float
    """Share of the run over which the rate rises from 0; its default is the stage's."""
    weight_decay: float = 0.0
    """AdamW's weight decay."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm; 0 does not clip."""

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
    save_every: int = 200
    """Steps between checkpoints that a broken run resumes from."""
    seed: int = 0
    """Of the order of the comparisons, and of weights that are drawn."""

    def __post_init__(self) -> None:
        if not self.comparisons:
            raise ValueError("comparisons is needed: a snapshot or a comparisons.jsonl")
        for name in ("epochs", "learning_rate", "batch_comparisons", "micro_batch_tokens", "log_every", "save_every",
                     "lora_alpha"):  # fmt: skip
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("weight_decay", "max_grad_norm", "lora_rank", "threads"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        for name in ("validation_fraction", "warmup_ratio"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.max_length is not None and self.max_length < 2:
            raise ValueError(f"max_length must be 2 or more, got {self.max_length}")

    def check_one_label_source(self, annotator_weights: str) -> None:
        """ValueError where weights of annotators are asked for beside a label model, which makes them void."""
        if self.label_model != "none" and annotator_weights != "equal":
            raise ValueError(
                f"label_model '{self.label_model}' makes one label of all rankings, so annotator_weights "
                f"'{annotator_weights}' would do nothing; set it to equal, or use label_model crowdbt"
            )
