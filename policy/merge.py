"""Merging: a LoRA checkpoint written as one whole model."""

from __future__ import annotations

from pathlib import Path

from workbench.checkpoints import (
    CheckpointInfo,
    is_checkpoint,
    parent_of,
    read_checkpoint,
    resolve_checkpoint,
    save_checkpoint,
)
from workbench.errors import CheckpointError
from workbench.modeling.chat import template_hash
from workbench.modeling.loading import (
    is_adapter,
    load_causal_lm,
    load_sequence_classifier,
    load_tokenizer,
    save_model,
)


def export_merged(checkpoint: str | Path, output: Path) -> str:
    """Write the model of a LoRA checkpoint (a policy or a reward model) to `output`; returns its hash.

    CheckpointError where the checkpoint has no adapter, or `output` exists.
    """
    folder = resolve_checkpoint(checkpoint)
    if not is_adapter(folder):
        raise CheckpointError(f"{folder} has no adapter; it is a whole model already, so use it as it is")
    if output.exists():
        raise CheckpointError(f"{output} exists; name a folder that does not")
    old = read_checkpoint(folder) if is_checkpoint(folder) else None
    is_reward = old is not None and old.stage == "reward"
    load = load_sequence_classifier if is_reward else load_causal_lm
    model, tokenizer = load(folder, device="cpu", merge=True), load_tokenizer(folder)
    info = CheckpointInfo(
        stage=old.stage if old else "policy",
        run=old.run if old else folder.name,
        parents=(parent_of("policy" if not is_reward else "reward_model", folder),),
        snapshot=old.snapshot if old else None,
        template_hash=template_hash(tokenizer),
        tags=old.tags if old else {},
        extra={**(old.extra if old else {}), "merged": True},
    )
    return save_checkpoint(output, info, lambda path: save_model(path, model, tokenizer))
