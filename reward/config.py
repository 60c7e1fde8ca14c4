"""Settings of the reward model; the string under a field is its help."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class RewardConfig:
    """Train a reward model on rankings."""

    base: str | None = None
    """The model to start from: a checkpoint folder, the name of a finished run, or the start of a hash. Needed."""
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

    loss: Literal["bradley_terry", "plackett_luce"] = "bradley_terry"
    """bradley_terry: the mean over all pairs of a ranking (InstructGPT); plackett_luce: the ranking as choices."""
    ties: Literal["rao_kupper", "davidson", "half", "drop"] = "rao_kupper"
    """How bradley_terry treats ties: by a learned tie width, as half a win for each side, or not at all."""
    heads: int = 1
    """Heads of the ensemble; their mean is the score, their spread its uncertainty."""
    bootstrap_heads: bool = True
    """Give each head of several its own random weights of the comparisons, so that they differ where data are few."""
    center_coef: float = 0.0
    """Weight of the mean squared score, which keeps scores near 0; 0.01 is usual."""
    label_model: Literal["none", "davidson", "crowdbt"] = "none"
    """Train on soft labels: P(i over j) of each pair by a model of all its rankings, annotators being equal (davidson)
    or each of a reliability and a position bias (crowdbt). Fitted on the train split; none: rankings as they are."""
    annotator_weights: Literal["equal", "agreement", "crowdbt"] = "equal"
    """Weigh each annotator's rankings by how they agree with the others above chance (agreement), or by their
    reliability under CrowdBT (crowdbt), both on the train split."""
    zero_mean: str = "validation"
    """Completions whose mean score becomes 0: validation, train, or a file of demonstrations."""

    epochs: float = 1.0
    """Passes over the comparisons."""
    batch_comparisons: int = 32
    """Comparisons in one optimiser step, over all processes."""
    micro_batch_tokens: int = 4096
    """Tokens of one forward pass on one process; changes speed and memory, not the result."""
    learning_rate: float = 1e-5
    """Peak learning rate; 5e-4 suits models of a million parameters."""
    lr_scheduler: Literal["linear", "cosine", "constant"] = "linear"
    """How the rate falls over the run; linear and cosine end at 0."""
    warmup_ratio: float = 0.03
    """Share of the run over which the rate rises from 0."""
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
    """Of the heads' weights and the order of the comparisons."""

    def __post_init__(self) -> None:
        if not self.base:
            raise ValueError("base is needed: the model to start from (a folder, a run's name or a hash)")
        if not self.comparisons:
            raise ValueError("comparisons is needed: a snapshot or a comparisons.jsonl")
        for name in ("epochs", "learning_rate", "heads", "batch_comparisons", "micro_batch_tokens", "log_every",
                     "save_every", "lora_alpha"):  # fmt: skip
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("center_coef", "weight_decay", "max_grad_norm", "lora_rank", "threads"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.max_length is not None and self.max_length < 2:
            raise ValueError(f"max_length must be 2 or more, got {self.max_length}")
        if self.label_model != "none" and self.annotator_weights != "equal":
            raise ValueError(
                f"label_model '{self.label_model}' makes one label of all rankings, so annotator_weights "
                f"'{self.annotator_weights}' would do nothing; set it to equal, or use label_model crowdbt"
            )
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction must be at least 0 and below 1, got {self.validation_fraction}"
            )
        if not 0 <= self.warmup_ratio < 1:
            raise ValueError(f"warmup_ratio must be at least 0 and below 1, got {self.warmup_ratio}")
