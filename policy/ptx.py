"""PPO-ptx: the language-model loss that keeps a policy from forgetting what it was pretrained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from policy.config import PPOConfig
from policy.prompts import place_at
from workbench.errors import DataError
from workbench.modeling.decoders import base_causal_model
from workbench.modeling.logprobs import hidden_states, output_weight
from workbench.modeling.losses import IGNORED, linear_cross_entropy
from workbench.shards import PackedText


@dataclass(frozen=True)
class PtxLoss:
    """The mean next-token loss of the policy on a batch of packed text; Ouyang et al. 2022, eq. 2, second term."""

    config: PPOConfig
    policy: nn.Module
    rank: int
    world: int

    def __call__(self, batch: int) -> Tensor:
        """The loss on batch number `batch` of the run, this process's share of it; a bos is never a target."""
        packed, size = self._packed, self.config.ptx_batch_size
        first = (batch * self.world + self.rank) * size
        count = packed.num_rows("train")
        numbers = [
            place_at(position, count, self.config.seed, "ptx") for position in range(first, first + size)
        ]
        rows = torch.from_numpy(packed.rows("train", numbers)).to(next(self.policy.parameters()).device)
        labels = rows[:, 1:].masked_fill((rows[:, 1:] == packed.bos) | (rows[:, 1:] == packed.pad), IGNORED)
        hidden = hidden_states(self.policy, rows[:, :-1], None, None)  # (B, T - 1, D)
        total, _ = linear_cross_entropy(hidden.flatten(0, 1), output_weight(self.policy), labels.flatten())
        return total / (labels != IGNORED).sum()

    def check(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Raise DataError unless the text was packed with the policy's tokens and fits its context."""
        theirs = Tokenizer.from_file(str(self._packed.tokenizer / "tokenizer.json"))
        if theirs.get_vocab() != tokenizer.get_vocab():
            raise DataError(
                f"{self.config.ptx_data} was packed with another tokenizer than the policy's; pack the text again "
                "with 'accord pretrain pack' and the policy's tokenizer"
            )
        limit = int(base_causal_model(self.policy).config.max_position_embeddings)
        if self._packed.row_length - 1 > limit:
            raise DataError(
                f"{self.config.ptx_data} has rows of {self._packed.row_length - 1} tokens, the policy {limit} "
                "positions; pack the text again with a shorter context"
            )

    @cached_property
    def _packed(self) -> PackedText:
        assert self.config.ptx_data is not None
        return PackedText(self.config.ptx_data)
