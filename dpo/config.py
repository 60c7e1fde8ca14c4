"""Settings of direct preference optimisation; the string under a field is its help."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class DPOConfig:
    """Train a policy on rankings directly, without a reward model."""

    policy: str | None = None
    """The policy to start from: a checkpoint folder, the name of a finished run, or the start of a hash. Needed."""
    reference: str | None = None
    """The policy to stay near; by default the policy, as it is before training."""
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

    beta: float = 0.1
    """Strength of the pull towards the reference; for ipo the regularisation tau."""
    loss: Literal["sigmoid", "ipo", "plackett_luce"] = "sigmoid"
    """sigmoid: DPO over all pairs of a ranking; ipo: a squared loss on them; plackett_luce: DPO of whole rankings."""
    ties: Literal["drop", "rao_kupper", "davidson", "half"] = "drop"
    """How sigmoid treats ties: not at all, by a learned tie width, or as half a win for each side."""
    label_smoothing: float = 0.0
    """Assumed share of wrong labels (conservative DPO); for sigmoid."""
    label_model: Literal["none", "davidson", "crowdbt"] = "none"
    """Train on soft labels: P(i over j) of each pair by a model of all its rankings, annotators being equal (davidson)
    or each of a reliability and a position bias (crowdbt). Fitted on the train split; none: rankings as they are."""
    annotator_weights: Literal["equal", "crowdbt"] = "equal"
    """crowdbt: weigh each annotator's rankings by their reliability under CrowdBT on the train split."""

    epochs: float = 1.0
    """Passes over the comparisons."""
    batch_comparisons: int = 32
    """Comparisons in one optimiser step, over all processes."""
    micro_batch_tokens: int = 4096
    """Tokens of one forward pass on one process; changes speed and memory, not the result."""
    learning_rate: float = 1e-6
    """Peak learning rate; 3e-4 suits models of a million parameters."""
    lr_scheduler: Literal["linear", "cosine", "constant"] = "linear"
    """How the rate falls over the run; linear and cosine end at 0."""
    warmup_ratio: float = 0.1
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
    """Of the order of the comparisons."""

    def __post_init__(self) -> None:
        if not self.policy:
            raise ValueError("policy is needed: the one to start from (a folder, a run's name or a hash)")
        if not self.comparisons:
            raise ValueError("comparisons is needed: a snapshot or a comparisons.jsonl")
        for name in ("beta", "epochs", "learning_rate", "batch_comparisons", "micro_batch_tokens", "log_every",
                     "save_every", "lora_alpha"):  # fmt: skip
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("weight_decay", "max_grad_norm", "lora_rank", "threads"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        for name, low, high in (
            ("validation_fraction", 0, 1),
            ("warmup_ratio", 0, 1),
            ("label_smoothing", 0, 0.5),
        ):
            if not low <= getattr(self, name) < high:
                raise ValueError(f"{name} must be at least {low} and below {high}, got {getattr(self, name)}")
        if self.max_length is not None and self.max_length < 2:
            raise ValueError(f"max_length must be 2 or more, got {self.max_length}")
        self._check_loss()

    def _check_loss(self) -> None:
        if self.label_model != "none" and self.annotator_weights != "equal":
            raise ValueError(
                f"label_model '{self.label_model}' makes one label of all rankings, so annotator_weights "
                f"'{self.annotator_weights}' would do nothing; set it to equal, or use label_model crowdbt"
            )
        if self.label_model != "none" and self.label_smoothing:
            raise ValueError("label_smoothing and label_model both soften labels; set label_smoothing to 0")
        if self.label_smoothing and self.loss != "sigmoid":
            raise ValueError(
                f"label_smoothing has no effect on loss '{self.loss}'; set it to 0 or use sigmoid"
            )
        if self.loss == "ipo" and self.ties in ("rao_kupper", "davidson"):
            raise ValueError(f"ties '{self.ties}' needs a likelihood, which ipo has not; use drop or half")
