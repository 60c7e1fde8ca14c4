"""Settings of the pretrainer: tokenizer, packing and training."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """Train a byte-level BPE tokenizer on text and write it as a Hugging Face folder."""

    text: tuple[str, ...]
    """Files or folders: .txt, .jsonl (both also .gz), .parquet."""
    output: str
    """The folder to write."""
    vocab_size: int = 2048
    """Tokens in all: 6 control tokens, 256 bytes, then merges."""
    field: str = "text"
    """The field that holds the text, in JSON lines and parquet."""
    text_documents: Literal["blank-line", "file"] = "blank-line"
    """What a document is in a .txt file: what blank lines separate, or the whole file."""


@dataclass(frozen=True, kw_only=True)
class PackConfig:
    """Tokenise text into packed shards that a base model is trained on."""

    text: tuple[str, ...]
    """Files or folders: .txt, .jsonl (both also .gz), .parquet."""
    tokenizer: str
    """Folder of the tokenizer."""
    output: str
    """The folder to write."""
    context: int = 256
    """Tokens that the model will see at once."""
    validation_fraction: float = 0.05
    """Share of the documents held out, chosen by the hash of their text."""
    field: str = "text"
    """The field that holds the text, in JSON lines and parquet."""
    text_documents: Literal["blank-line", "file"] = "blank-line"
    """What a document is in a .txt file: what blank lines separate, or the whole file."""


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """Train a base model from text, or from a folder that 'accord pretrain pack' made."""

    text: tuple[str, ...] = ()
    """Files or folders of text; the run trains a tokenizer on them and packs them in its own folder."""
    packed: str = ""
    """A packed folder, instead of text."""
    tokenizer: str = ""
    """Folder of a tokenizer to pack the text with; empty: train one."""
    vocab_size: int = 2048
    """Tokens of the tokenizer that is trained."""
    field: str = "text"
    """The field that holds the text, in JSON lines and parquet."""
    text_documents: Literal["blank-line", "file"] = "blank-line"
    """What a document is in a .txt file: what blank lines separate, or the whole file."""
    validation_fraction: float = 0.05
    """Share of the documents held out, chosen by the hash of their text."""
    context: int = 256
    """Tokens that the model sees at once; must fit the packed folder if one is given."""

    hidden_size: int = 128
    """Width of the model."""
    num_layers: int = 4
    """Decoder blocks."""
    num_heads: int = 4
    """Attention heads."""
    num_kv_heads: int = 2
    """Key and value heads; each serves num_heads / num_kv_heads heads."""
    intermediate_size: int = 352
    """Width inside the feed-forward blocks."""
    tie_embeddings: bool = True
    """Use one matrix as embedding and head."""
    qk_norm: bool = False
    """Normalise queries and keys; makes a Qwen3 model instead of a Llama."""
    rope_theta: float = 10000.0
    """Base of the rotary position frequencies."""

    tokens: int | None = None
    """Train on this many tokens; give this or minutes."""
    minutes: float | None = None
    """Train for this long; the learning rate falls to its end at the deadline."""
    batch_size: int = 16
    """Rows of `context` tokens in one optimiser step, over all processes."""
    micro_batch_size: int = 0
    """Rows of one forward pass on one process; 0: all of its rows of a step at once."""
    optimizer: Literal["muon", "adamw"] = "muon"
    """For the matrices in the blocks; embeddings, head and norms always use AdamW."""
    learning_rate: float = 0.01
    """Peak rate of the matrices and norms."""
    embedding_learning_rate: float = 0.015
    """Peak rate of embeddings and head."""
    lr_scheduler: Literal["wsd", "linear", "cosine", "constant"] = "wsd"
    """Course of the learning rate over the run."""
    warmup_ratio: float = 0.02
    """First share of the run, in which the rate rises."""
    decay_ratio: float = 0.5
    """Last share of the run, in which the rate falls."""
    final_ratio: float = 0.02
    """The rate at the end, as a share of the peak."""
    weight_decay: float = 0.01
    """Decoupled weight decay of the matrices in the blocks."""
    momentum: float = 0.95
    """Of Muon."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Of AdamW."""
    max_grad_norm: float | None = 1.0
    """Gradients are scaled down to this norm; null does not clip."""
    z_loss: float = 0.0
    """Weight of log^2 of the softmax's normaliser, which keeps logits small; 1e-4 is usual for large models."""

    evaluations: int = 4
    """How often bits per byte on held-out rows are measured on the way, in even steps; always once more at the end."""
    evaluation_rows: int = 128
    """Held-out rows of a measurement on the way; the one at the end takes all."""
    save_minutes: float = 5.0
    """Time between checkpoints that a broken run resumes from; the last two are kept."""
    log_every: int = 10
    """Steps between lines of metrics."""
    spike_limit: float = 6.0
    """A step whose loss is above the recent mean by this many standard deviations is skipped; 0: never."""
    max_skipped: int = 8
    """Steps skipped in a row before the run stops with an error."""

    device: str | None = None
    """Where to train (cpu, cuda, cuda:1); by default on the GPU if there is one."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Number format of forward and backward; auto: bf16 where the hardware has it. Weights stay fp32."""
    compile: Literal["auto", "on", "off"] = "auto"
    """Compile the blocks; auto: when the run is long enough to repay the warm-up."""
    threads: int = 0
    """CPU threads; 0: as the environment says."""
    seed: int = 0
    """Of the weights and of the order of the rows."""

    def check_complete(self) -> None:
        """Raise ValueError unless the settings say what to train on and how much; a file may leave that to flags."""
        if bool(self.text) == bool(self.packed):
            raise ValueError("give either text (files or folders) or packed (a packed folder)")
        if (self.tokens is None) == (self.minutes is None):
            raise ValueError("give either tokens or minutes: how much to train")

    def __post_init__(self) -> None:
        for name in (
            "tokens", "minutes", "context", "hidden_size", "num_layers", "num_heads", "num_kv_heads",
            "intermediate_size", "batch_size", "learning_rate", "embedding_learning_rate", "log_every",
            "evaluation_rows", "max_skipped",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")
        for name in ("validation_fraction", "warmup_ratio", "decay_ratio", "final_ratio"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if self.validation_fraction in (0, 1):
            raise ValueError(
                "validation_fraction must be above 0 and below 1: bits per byte are measured on that share"
            )
        if self.warmup_ratio + self.decay_ratio > 1:
            raise ValueError(
                f"warmup_ratio and decay_ratio are shares of one run, got {self.warmup_ratio} + {self.decay_ratio} > 1"
            )
        if self.hidden_size % self.num_heads or (self.hidden_size // self.num_heads) % 2:
            raise ValueError(
                f"hidden_size / num_heads must be a whole even number, got {self.hidden_size} / {self.num_heads}"
            )
        if self.num_heads % self.num_kv_heads:
            raise ValueError(
                f"num_heads must be a multiple of num_kv_heads, got {self.num_heads} and {self.num_kv_heads}"
            )
