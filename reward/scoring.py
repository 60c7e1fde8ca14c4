"""Scoring: a reward model from its folder, and scores of completions, each with its uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.checkpoints import is_checkpoint, read_checkpoint, resolve_checkpoint
from workbench.errors import CheckpointError
from workbench.modeling.chat import pad_id, preflight
from workbench.modeling.groups import collate_groups, encode_group, final_hidden, use_grouped_attention
from workbench.modeling.heads import score_hidden
from workbench.modeling.loading import Dtype, load_sequence_classifier, load_tokenizer
from workbench.modeling.logprobs import hidden_states
from workbench.modeling.plans import micro_batches
from workbench.modeling.trainer import model_context
from workbench.records import Comparison, Completion, Prompt


@dataclass(frozen=True, slots=True)
class Score:
    """How good a completion is, on a scale on which the model's zero set has mean 0."""

    value: float
    """Mean of the heads."""
    heads: tuple[float, ...]
    """Score of each head."""

    @property
    def spread(self) -> float:
        """Standard deviation over heads: how far the ensemble is from one opinion; 0 for one head."""
        mean = sum(self.heads) / len(self.heads)
        return float((sum((head - mean) ** 2 for head in self.heads) / len(self.heads)) ** 0.5)


class RewardScorer:
    """Scores completions with a reward model and its own tokenizer: texts in, so any policy's will do."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        bias: float = 0.0,
        temperature: float = 1.0,
        max_tokens: int = 8192,
    ) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.bias, self.temperature, self.max_tokens = bias, temperature, max_tokens
        self.pad = pad_id(tokenizer)
        self.max_length = model_context(model)
        use_grouped_attention(model)

    @classmethod
    def load(
        cls, path: str | Path, device: str | torch.device | None = None, *, dtype: Dtype = "float32"
    ) -> "RewardScorer":
        """The scorer of a checkpoint: a folder, a run's name or the start of a hash.

        A plain Hugging Face sequence classifier will do too; its scores get no bias. LoRA adapters are merged.
        """
        folder = resolve_checkpoint(path)
        extra: dict[str, Any] = {}
        if is_checkpoint(folder):
            info = read_checkpoint(folder, verify=False)  # The loader verifies.
            if info.stage != "reward":
                raise CheckpointError(
                    f"{folder} is a {info.stage} checkpoint, not a reward model. Train one with 'accord reward train'"
                )
            extra = dict(info.extra)
        model = load_sequence_classifier(folder, device=device, dtype=dtype, merge=True)
        return cls(
            model,
            load_tokenizer(folder),
            bias=float(extra.get("bias", 0.0)),
            temperature=float(extra.get("temperature", 1.0)),
        )

    @property
    def num_heads(self) -> int:
        """Heads of the ensemble."""
        return int(self.model.config.num_labels)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return torch.device(self.model.device)

    def score(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[Sequence[str]],
        ids: Sequence[str] | None = None,
    ) -> list[list[Score]]:
        """Scores of each prompt's completions, which share its encoding; lists in the given order.

        DataError for a prompt with a completion that exceed the model's context together; it names the one of `ids`.
        """
        names = ids or [f"number {i}" for i in range(len(prompts))]
        if len(prompts) != len(completions):
            raise ValueError(f"{len(prompts)} prompts but {len(completions)} lists of completions")
        preflight(self.tokenizer, prompts)
        groups = [
            encode_group(
                self.tokenizer,
                Comparison(name, prompt, tuple(Completion(text) for text in texts)),
                self.max_length,
            )
            for name, prompt, texts in zip(names, prompts, completions, strict=True)
            if texts
        ]
        sizes = [group.num_tokens for group in groups]
        rows: list[list[float]] = []
        # By size, so that a batch pads little; then back into order.
        order = sorted(range(len(groups)), key=lambda g: sizes[g])
        results: dict[int, list[Score]] = {}
        for members in micro_batches(order, sizes, max_tokens=self.max_tokens):
            batch = collate_groups([groups[m] for m in members], self.pad).to(self.device)
            with torch.inference_mode():
                rows = (score_hidden(self.model, final_hidden(self.model, batch)) + self.bias).tolist()
            scores = iter(Score(sum(row) / len(row), tuple(row)) for row in rows)
            for m in members:
                results[m] = [next(scores) for _ in groups[m].completions]
        filled = iter(results[m] for m in range(len(groups)))
        return [next(filled) if texts else [] for texts in completions]

    @torch.no_grad()
    def score_tokens(self, input_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Mean score (B,) and heads (B, H) of rows (B, T) of this model's own tokens, read at each last real one.

        Padding may stand on either side. For a policy that shares the reward model's tokenizer and template; nothing
        is decoded and encoded again. The last real token should be the eos: only there were scores trained.
        """
        mask = mask.to(self.device).long()
        ids = input_ids.to(self.device)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        hidden = hidden_states(self.model, ids, mask, positions)
        last = (torch.arange(ids.shape[1], device=self.device) * mask).argmax(dim=1)
        heads = score_hidden(self.model, hidden[torch.arange(len(ids), device=self.device), last]) + self.bias
        return heads.mean(1), heads

    def preference(self, better: float, worse: float) -> float:
        """P(a person prefers the first to the second), ties aside, from two scores."""
        return float(torch.sigmoid(torch.tensor((better - worse) / self.temperature)))
