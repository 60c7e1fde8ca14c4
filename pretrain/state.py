"""State: everything that a pretraining run is made of, saved as a checkpoint and restored to the last bit."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch.optim import Optimizer
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from pretrain.guard import StepGuard
from workbench.checkpoints import CheckpointInfo, read_checkpoint, save_checkpoint
from workbench.errors import CheckpointError
from workbench.modeling.chat import template_hash
from workbench.modeling.loading import save_model as save_folder

STATE_FILE = "trainer.pt"
KEPT = 2


@dataclass(kw_only=True)
class TrainState:
    """Model, optimisers and counters. Rows come from a pure function of `rows_seen`, so no data state is kept."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    optimizers: list[Optimizer]
    guard: StepGuard
    text_hash: str
    """Of the packed text."""
    step: int = 0
    rows_seen: int = 0
    seconds: float = 0.0
    """Spent in the training loop, over all sittings."""
    compiled: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    """What accord.json adds about the model."""


def save_model(state: TrainState, target: Path, run: str, *, resumable: bool) -> None:
    """Save a Hugging Face folder with its lineage; a resumable one holds the optimisers and counters too."""

    def write(folder: Path) -> None:
        save_folder(folder, state.model, state.tokenizer)
        if resumable:
            torch.save(
                {
                    "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
                    "guard": state.guard.state(),
                    "text_hash": state.text_hash,
                    "step": state.step,
                    "rows_seen": state.rows_seen,
                    "seconds": state.seconds,
                    "compiled": state.compiled,
                },
                folder / STATE_FILE,
            )

    info = CheckpointInfo(
        stage="pretrain",
        run=run,
        template_hash=template_hash(state.tokenizer),
        extra={"text": state.text_hash, "step": state.step, **state.extra},
    )
    save_checkpoint(target, info, write)


def save_progress(state: TrainState, folder: Path, run: str) -> None:
    """Save a checkpoint to resume from, and drop the oldest beyond the last two."""
    save_model(state, folder / f"step-{state.step:08d}", run, resumable=True)
    for old in _saved(folder)[:-KEPT]:
        shutil.rmtree(old)


def drop_progress(folder: Path) -> None:
    """Remove what a finished run no longer resumes from."""
    for old in _saved(folder):
        shutil.rmtree(old)


def restore_latest(state: TrainState, folder: Path) -> bool:
    """Go on from the newest checkpoint, if there is one; CheckpointError if it is not whole or of other text."""
    saved = _saved(folder)
    if not saved:
        return False
    newest = saved[-1]
    read_checkpoint(newest)
    stored: dict[str, Any] = torch.load(newest / STATE_FILE, map_location="cpu", weights_only=True)
    if stored["text_hash"] != state.text_hash:
        raise CheckpointError(
            f"{newest} was trained on other text than the packed folder holds now (hash {stored['text_hash'][:10]}, "
            f"now {state.text_hash[:10]}). Put the old text back, or begin anew with --fresh"
        )
    _load_weights(state.model, newest)
    for optimizer, values in zip(state.optimizers, stored["optimizers"], strict=True):
        optimizer.load_state_dict(values)
    state.guard.restore(stored["guard"])
    state.step, state.rows_seen = stored["step"], stored["rows_seen"]
    state.seconds, state.compiled = stored["seconds"], stored["compiled"]
    return True


def _load_weights(model: PreTrainedModel, folder: Path) -> None:
    weights: dict[str, torch.Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        weights |= load_file(file)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    # A tied head is stored once, as the embedding.
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    if set(missing) - tied or unexpected:
        raise CheckpointError(
            f"{folder} does not fit the settings: missing {missing}, unexpected {unexpected}"
        )


def _saved(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-????????"))
