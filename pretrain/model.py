"""Model: a Hugging Face Llama (or Qwen3) with random weights, and its loss straight from the hidden states."""

import math
from typing import cast

import torch
from torch import Tensor, nn
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from pretrain.config import PretrainConfig
from workbench.modeling.losses import IGNORED, linear_cross_entropy

INITIAL_STD = 0.02


def build_model(config: PretrainConfig, tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    """A model with random fp32 weights; torch's global generator decides them.

    LlamaForCausalLM, or Qwen3ForCausalLM when queries and keys are normalised. Weights are normal with deviation
    0.02, smaller by sqrt(2 * layers) where a block writes into the residual stream (Radford et al. 2019, 2.3).
    """
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.hidden_size // config.num_heads,
        "max_position_embeddings": config.context,
        "tie_word_embeddings": config.tie_embeddings,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "initializer_range": INITIAL_STD,
        "rms_norm_eps": 1e-5,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "dtype": "float32",
    }
    model = (
        Qwen3ForCausalLM(Qwen3Config(**shape)) if config.qk_norm else LlamaForCausalLM(LlamaConfig(**shape))
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.normal_(std=INITIAL_STD / math.sqrt(2 * config.num_layers))
    return cast(PreTrainedModel, model)


class LanguageModelLoss(nn.Module):
    """The model and its loss as one module, so that a distributed wrapper sees every parameter used in one forward."""

    def __init__(self, model: PreTrainedModel, *, z_loss: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.z_loss = z_loss

    def forward(self, input_ids: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Summed loss and summed nats over the labels; input_ids and labels (B, T), label t is the token after t."""
        hidden = self.model.model(input_ids=input_ids, use_cache=False).last_hidden_state  # (B, T, D)
        return linear_cross_entropy(
            hidden.flatten(0, 1), self.model.lm_head.weight, labels.flatten(), z_loss=self.z_loss
        )


def inputs_and_labels(rows: Tensor, *, bos: int, pad: int) -> tuple[Tensor, Tensor]:
    """Rows (B, T + 1) as what the model reads and what it predicts, both (B, T).

    A bos is never predicted: it begins a document or the rest of a cut one, which nothing before it tells.
    """
    labels = rows[:, 1:]
    return rows[:, :-1], labels.masked_fill((labels == bos) | (labels == pad), IGNORED)


def count_parameters(model: nn.Module) -> int:
    """Parameters, each counted once."""
    return sum(parameter.numel() for parameter in model.parameters())
