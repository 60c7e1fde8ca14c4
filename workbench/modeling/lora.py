"""LoRA: low-rank adapters on a frozen base, for policies and reward models, by way of PEFT."""

from collections.abc import Sequence
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from workbench.errors import ConfigError
from workbench.seeds import derive_seed


def lora_config(rank: int, alpha: float, targets: Sequence[str], *, with_head: bool = False) -> LoraConfig:
    """PEFT's settings of adapters of rank `rank` on the linear layers named in `targets`."""
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=list(targets),
        task_type="SEQ_CLS" if with_head else "CAUSAL_LM",
        modules_to_save=["score"] if with_head else None,
    )


def add_lora(
    model: Any, *, rank: int, alpha: float, targets: Sequence[str], seed: int, with_head: bool = False
) -> Any:
    """The model with fresh adapters of rank `rank` on the linear layers named in `targets`; all else is frozen.

    `with_head` also trains the reward head, whole, and saves it with the adapter. The adapters begin as no change
    (B is 0), so the first outputs are the base's. ConfigError for names that no layer has.
    """
    config = lora_config(rank, alpha, targets, with_head=with_head)
    state = torch.random.get_rng_state()
    torch.manual_seed(derive_seed(seed, "lora"))
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise ConfigError(f"lora_targets {', '.join(targets)}: {error}") from error
    finally:
        torch.random.set_rng_state(state)
