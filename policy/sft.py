"""Supervised fine-tuning: TRL's trainer behind our own preflight, run folders and checkpoints."""

from __future__ import annotations

import time
from typing import Any

from transformers import set_seed

from policy.sft_config import SFTConfig
from policy.sft_data import Counts, divide, encode_all, examples_hash, read_source, tag_values
from policy.sft_trainer import build_trainer, drop_progress, resume_from
from workbench.checkpoints import CheckpointInfo, parent_of, resolve_checkpoint, save_checkpoint
from workbench.console import say
from workbench.errors import DataError
from workbench.modeling.attention import use_causal_attention
from workbench.modeling.chat import preflight, template_hash
from workbench.modeling.devices import resolve_device, set_threads
from workbench.modeling.loading import load_causal_lm, load_tokenizer, save_model
from workbench.modeling.processes import join_launch, open_shared_run
from workbench.runs import RunResult
from workbench.seeds import derive_seed


def train(config: SFTConfig, *, name: str | None = None, fresh: bool = False) -> RunResult:
    """Fine-tune a model; the result's checkpoint is a Hugging Face folder, or a LoRA adapter that names its base.

    The same call goes on where an interrupted one stopped. Raises DataError, before any training, for demonstrations
    that would train nothing.
    """
    config.check_complete()
    device, processes = resolve_device(config.device), join_launch(config.device)
    assert config.base is not None
    base = resolve_checkpoint(config.base)
    source = read_source(config)
    with open_shared_run(processes, "sft", config, name=name, fresh=fresh) as run:
        if run.finished:
            return run.result()
        set_threads(config.threads)

        tokenizer = load_tokenizer(base)
        set_seed(derive_seed(config.seed, "sft") % 2**32)
        model = load_causal_lm(base, device=device)
        use_causal_attention(model)

        learned, held_out = divide(source.demonstrations, config.validation_fraction)
        preflight(tokenizer, [one.messages[:-1] for one in source.demonstrations])
        longest = _max_length(config, model)
        train_examples, counts = encode_all(
            tokenizer, learned, max_length=longest, skip_too_long=config.skip_too_long
        )
        held_examples = (
            encode_all(tokenizer, held_out, max_length=longest, skip_too_long=True)[0] if held_out else []
        )
        counts.no_winner = source.no_winner
        _tell(counts, len(held_examples))

        trainer = build_trainer(config, run, model, tokenizer, train_examples, held_examples, device)
        began = time.monotonic()
        trainer.train(resume_from_checkpoint=resume_from(run))
        summary = _summary(trainer, counts, time.monotonic() - began)
        if held_examples:
            measured = trainer.evaluate()
            summary |= {
                "validation_loss": measured["eval_loss"],
                "validation_token_accuracy": measured["eval_mean_token_accuracy"],
            }

        if processes.is_main_process:
            info = CheckpointInfo(
                stage="sft",
                run=run.name,
                parents=(parent_of("base", base),),
                snapshot=source.snapshot,
                template_hash=template_hash(tokenizer),
                tags=tag_values(learned),
                extra={"files": source.hashes, "examples": examples_hash(train_examples), **_counts(counts)},
            )
            save_checkpoint(
                run.final_checkpoint, info, lambda folder: save_model(folder, trainer.model, tokenizer)
            )
            run.finish(summary)
            drop_progress(run)
        processes.wait_for_everyone()
        return RunResult(folder=run.folder, checkpoint=run.final_checkpoint, summary=summary)


def _counts(counts: Counts) -> dict[str, int]:
    return {
        "demonstrations": counts.examples,
        "trained_tokens": counts.trained_tokens,
        "truncated": counts.truncated,
        "too_long": len(counts.too_long),
        "without_winner": counts.no_winner,
    }


def _summary(trainer: Any, counts: Counts, seconds: float) -> dict[str, Any]:
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    return {
        **_counts(counts),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "trained_parameters": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        "steps": trainer.state.global_step,
        "epochs": trainer.state.epoch,
        "loss": losses[-1] if losses else None,
        "seconds": seconds,
    }


def _tell(counts: Counts, held_out: int) -> None:
    say(
        f"{counts.examples} demonstrations, {counts.trained_tokens:,} of {counts.tokens:,} tokens trained on, "
        f"{held_out} held out"
    )
    if counts.truncated:
        say(f"{counts.truncated} are longer than the context and were cut: they do not teach where to stop")
    if counts.too_long:
        say(f"{len(counts.too_long)} left out as too long: {', '.join(counts.too_long[:10])}")
    if counts.no_winner:
        say(f"{counts.no_winner} comparisons without a single best completion left out")


def _max_length(config: SFTConfig, model: Any) -> int:
    context = getattr(model.config, "max_position_embeddings", None)
    if config.max_length is None:
        if context is None:
            raise DataError("the model does not say how long its context is; set max_length")
        return int(context)
    if context is not None and config.max_length > context:
        raise DataError(
            f"max_length {config.max_length} is more than the model's context of {context} tokens; lower it"
        )
    return config.max_length
